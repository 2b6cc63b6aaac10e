import { Migration } from '@mikro-orm/migrations'
import { queueReads, roleNames } from '../database/roles.ts'
import { tenantTable } from '../database/tenant-table.ts'
import { deliveryFailures, outboxStates } from '../jobs/outbox-port.ts'
import { ensureMembership, ensureRole } from './0001-roles.ts'

const { queue } = roleNames
const words = (all: readonly string[]): string => all.map((word) => `'${word}'`).join(', ')
const uuid = '^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$'

/** The queue's own role: it carries ids, and of every agency it sees ids alone. A database from before its time gets it here. */
const queueRole = [
  ensureRole(queue, 'nologin noinherit'),
  ensureMembership(queue),
  `grant usage on schema public to ${queue}`,
  `grant execute on function current_agency(), current_patients(), current_actor() to ${queue}`,
]

/** An object whose values are UUIDs, at most eight: nothing else may travel with a row. */
const idsOnly = [
  `create function host_ids_only(p_ids jsonb) returns boolean language sql immutable parallel safe
    return jsonb_typeof(p_ids) = 'object' and length(p_ids::text) <= 1000 and not jsonb_path_exists(
      p_ids, 'strict $.* ? (@.type() != "string" || !(@ like_regex "${uuid}"))')`,
  'revoke execute on function host_ids_only from public',
  'grant execute on function host_ids_only to postern_admin, postern_write',
]

const outbox = `
create table host_outbox (
  agency_id uuid not null references host_agency (id),
  id uuid not null,
  context text not null constraint host_outbox_context check (context ~ '^[a-z][a-z0-9-]{0,39}$'),
  kind text not null constraint host_outbox_kind check (kind ~ '^[a-z][a-z0-9-]{0,59}$'),
  cause text not null constraint host_outbox_cause check (cause ~ '^[a-z0-9][a-z0-9.:_-]{0,199}$'),
  subject_id uuid not null,
  ids jsonb not null constraint host_outbox_ids check (host_ids_only(ids)),
  state text not null constraint host_outbox_state check (state in (${words(outboxStates)})),
  attempts smallint not null constraint host_outbox_attempts check (attempts between 0 and 3),
  failure text constraint host_outbox_failure check (failure in (${words(deliveryFailures)})),
  next_attempt_at timestamptz(3) not null,
  created_at timestamptz(3) not null,
  settled_at timestamptz(3),
  audit_id uuid not null,
  primary key (agency_id, id),
  constraint host_outbox_once unique (agency_id, context, kind, cause),
  constraint host_outbox_settled check ((state = 'queued') = (settled_at is null)),
  constraint host_outbox_failed check (state <> 'failed' or failure is not null)
)`

/** What waits, by its turn; and a subject's rows from the newest backwards. */
const indexes = [
  "create index host_outbox_waiting on host_outbox (next_attempt_at) where state = 'queued'",
  'create index host_outbox_of_subject on host_outbox (agency_id, context, subject_id, created_at, id)',
]

/** A sent row stays sent; a failed one begins anew or stays; attempts go up one by one. */
const guard = [
  `create function host_outbox_guard() returns trigger language plpgsql as $$
    begin
      if old.state = 'sent' or (old.state = 'failed' and not (new.state = 'queued' and new.attempts = 0))
        or (old.state = 'queued' and new.attempts not in (old.attempts, old.attempts + 1)) then
        raise exception 'a row of the outbox does not go back' using errcode = 'PT409';
      end if;
      return new;
    end $$`,
  'create trigger host_outbox_guard before update on host_outbox for each row execute function host_outbox_guard()',
]

const jobRun = `
create table host_job_run (
  agency_id uuid not null references host_agency (id),
  job text not null constraint host_job_run_job check (job ~ '^[a-z][a-z0-9-]{0,59}$'),
  date date not null,
  state text not null constraint host_job_run_state check (state in ('running', 'done')),
  batches int not null constraint host_job_run_batches check (batches >= 0),
  count bigint not null constraint host_job_run_count check (count >= 0),
  started_at timestamptz(3) not null,
  finished_at timestamptz(3),
  primary key (agency_id, job, date),
  constraint host_job_run_finished check ((state = 'done') = (finished_at is not null))
)`

const account = `
create table host_identity_account (
  agency_id uuid not null references host_agency (id),
  subject_id uuid not null,
  account_id text constraint host_identity_account_id check (length(account_id) between 1 and 255),
  state text not null constraint host_identity_account_state check (state in ('pending', 'enabled', 'disabled', 'failed')),
  updated_at timestamptz(3) not null,
  primary key (agency_id, subject_id)
)`

const progress = 'update (state, attempts, failure, next_attempt_at, settled_at)'

const isolation = [
  ...tenantTable({ table: 'host_outbox', grants: { read: ['select'], write: ['select', 'insert', progress], admin: ['select', 'insert', progress] } }),
  ...tenantTable({ table: 'host_job_run', grants: { read: ['select'], admin: ['select', 'insert', 'update (state, batches, count, finished_at)', 'delete'] } }),
  ...tenantTable({
    table: 'host_identity_account',
    grants: { read: ['select'], write: ['select'], admin: ['select', 'insert', 'update (account_id, state, updated_at)'] },
  }),
] // prettier-ignore

/**
 * The one thing that is looked for in all agencies at once, by ids: whose turn it is. The work itself is done in one agency, under the
 * ordinary roles. The boot check knows these columns and lets the role see no other.
 */
const queueSight = Object.entries(queueReads).flatMap(([table, columns]) => [
  `grant select (${columns.join(', ')}) on ${table} to ${queue}`,
  `create policy ${table}_queue on ${table} as permissive for select to ${queue} using (true)`,
])

/**
 * The outbox, the runs of jobs, and the accounts at the identity provider.
 * @see design, section 8: jobs and notifications
 */
export class Outbox extends Migration {
  override up(): void {
    for (const sql of [...queueRole, ...idsOnly, outbox, ...indexes, ...guard, jobRun, account, ...isolation, ...queueSight])
      this.addSql(sql)
  }
}
