import { Migration } from '@mikro-orm/migrations'
import pg from 'pg'
import t from 'tap'
import { checkIsolation, databaseWarnings } from '../../../plugins/host/database/isolation-check.ts'
import { tenantTable } from '../../../plugins/host/database/tenant-table.ts'
import { Roles } from '../../../plugins/host/migrations/0001-roles.ts'
import { IdempotencyKey } from '../../../plugins/host/migrations/0002-idempotency-key.ts'
import { testDatabase } from '../../database.ts'

/** Tables of every sort that the product has, all of them protected. */
class Samples extends Migration {
  override up(): void {
    const statements = [
      'create table sample (agency_id uuid not null, id uuid not null, patient_id uuid, primary key (agency_id, id))',
      ...tenantTable({
        table: 'sample',
        grants: { read: ['select'], write: ['select', 'insert', 'update'] },
        patientColumn: 'patient_id',
        bypass: true,
      }),
      `create table audit_event (agency_id uuid not null, id uuid not null, patient_id uuid, at date not null) partition by range (at)`,
      "create table audit_event_2026 partition of audit_event for values from ('2026-01-01') to ('2027-01-01')",
      ...tenantTable({ table: 'audit_event', grants: { auditWriter: ['insert'], auditReader: ['select'] } }),
      "create function refuse_change() returns trigger language plpgsql as $$ begin raise exception using errcode = '42501'; end $$",
      'create trigger no_change before update or delete on audit_event for each row execute function refuse_change()',
      'create trigger no_truncate before truncate on audit_event for each statement execute function refuse_change()',
      'create table published (agency_id uuid not null, id uuid not null, name text, primary key (agency_id, id))',
      ...tenantTable({ table: 'published', grants: { admin: ['select', 'insert', 'delete'] }, published: ['id', 'name'] }),
      'create view seen with (security_invoker = true) as select id from sample',
      'grant select on seen to postern_read',
      'create sequence counter',
      'grant usage on sequence counter to postern_write',
    ]
    for (const statement of statements) this.addSql(statement)
  }
}

const foundation = [
  { name: '0001-roles', class: Roles },
  { name: '0002-idempotency-key', class: IdempotencyKey },
]
const migrations = [...foundation, { name: 'samples', class: Samples }]
const agency = 'agency_id = (select current_agency())'

/** What was planted, and the sentence that must name it. */
const violations: readonly (readonly [plant: string, sentence: string])[] = [
  // Tables
  ['alter table sample disable row level security', 'sample has no row-level security.'],
  ['alter table sample no force row level security', 'sample does not force row-level security on its owner.'],
  ['create table fresh (id uuid)', 'fresh has no column agency_id of type uuid that is NOT NULL.'],
  ['create table fresh (agency_id uuid)', 'fresh has no column agency_id of type uuid that is NOT NULL.'],
  ['create table fresh (agency_id text not null)', 'fresh has no column agency_id of type uuid that is NOT NULL.'],
  ['create schema other; create table other.fresh (agency_id uuid not null)', 'other.fresh has no row-level security.'],
  [
    'create table patient (agency_id uuid not null, patient_id uuid)',
    'patient has a patient_id and no restrictive policy for patient sessions.',
  ],
  ['drop policy sample_patient on sample', 'sample has a patient_id and no restrictive policy for patient sessions.'],
  ['alter policy sample_patient on sample to postern_read', 'sample has a patient_id and no restrictive policy for patient sessions.'],
  ['alter policy sample_patient on sample using (true)', 'sample has a patient_id and no restrictive policy for patient sessions.'],
  [
    'create table child (agency_id uuid not null, a uuid, b uuid, constraint loose foreign key (a, b) references sample)',
    'Foreign key loose of child does not include agency_id.',
  ],
  ['create rule quiet as on insert to sample do also select 1', "sample has a rewrite rule, which runs with its owner's rights."],
  // Policies
  [
    `alter policy sample_read on sample using (${agency} or id is null)`,
    'Policy sample_read on sample lets rows through by another predicate than the agency.',
  ],
  [
    'alter policy sample_read on sample using (true)',
    'Policy sample_read on sample lets rows through by another predicate than the agency.',
  ],
  [
    "alter policy sample_read on sample using (agency_id = current_setting('app.current_agency')::uuid)",
    'Policy sample_read on sample lets rows through by another predicate than the agency.',
  ],
  [
    'create function sample_agency() returns uuid return null::uuid; alter policy sample_read on sample using (agency_id = (select sample_agency()))',
    'Policy sample_read on sample lets rows through by another predicate than the agency.',
  ],
  [
    'create schema postern_app; create function postern_app.current_agency() returns uuid return null::uuid; alter policy sample_read on sample using (agency_id = (select postern_app.current_agency()))',
    'Policy sample_read on sample lets rows through by another predicate than the agency.',
  ],
  [
    'alter policy sample_write on sample with check (true)',
    'Policy sample_write on sample checks written rows by another predicate than the agency.',
  ],
  [
    `drop policy sample_write on sample; create policy sample_write on sample to postern_write using (${agency})`,
    'Policy sample_write on sample has no WITH CHECK.',
  ],
  [
    `create policy second on sample for select to postern_read using (${agency})`,
    'sample has two permissive policies for postern_read: they add up, so there must be one.',
  ],
  [
    `create policy open on sample using (${agency}) with check (${agency})`,
    'Policy open on sample is for PUBLIC, which is no role of the service.',
  ],
  [
    `create policy open on sample to postern_app using (${agency}) with check (${agency})`,
    'Policy open on sample is for postern_app, which is no role of the service.',
  ],
  [
    'alter policy sample_read on sample to postern_read, postern_draft',
    'Policy sample_read on sample is for several roles (postern_draft, postern_read): it takes one policy per role.',
  ],
  [
    'drop policy sample_bypass on sample; create policy sample_bypass on sample to postern_bypass using (true)',
    'Policy sample_bypass on sample gives the bypass more than SELECT.',
  ],
  [
    'create policy peek on host_idempotency_key for select to postern_bypass using (true)',
    'Policy peek opens host_idempotency_key to the bypass, which must not read it.',
  ],
  [
    'create policy owners on sample to postern_owner using (true) with check (true)',
    'Policy owners on sample lets rows through by another predicate than the agency.',
  ],
  // Grants
  ['grant select on sample to public', 'PUBLIC has SELECT on sample: nothing is granted to everyone.'],
  ['grant select (id) on sample to public', 'PUBLIC has SELECT on sample: nothing is granted to everyone.'],
  ['grant update on sequence counter to postern_write', 'postern_write has UPDATE on counter: a role may count on and set nothing back.'],
  ['grant usage on sequence counter to public', 'PUBLIC has USAGE on counter: nothing is granted to everyone.'],
  ['grant select on sample to postern_app', 'postern_app has SELECT on sample, and is no role of the service.'],
  ['grant truncate on sample to postern_admin', 'postern_admin has TRUNCATE on sample: no role needs that.'],
  ['grant references on sample to postern_admin', 'postern_admin has REFERENCES on sample: no role needs that.'],
  ['grant delete on sample to postern_bypass', 'postern_bypass has DELETE on sample: the bypass may SELECT alone.'],
  [
    'grant select on host_idempotency_key to postern_bypass',
    'postern_bypass has SELECT on host_idempotency_key, which the bypass must not read.',
  ],
  ['grant select on sample to postern_public', 'postern_public has SELECT on sample, which is not published.'],
  ['grant select on host_migration to postern_read', "host_migration belongs to no agency, and is not its owner's alone."],
  ['grant select on audit_event_2026 to postern_audit_reader', "Partition audit_event_2026 is reachable without its parent's policies."],
  ['grant update on audit_event to postern_audit_writer', 'postern_audit_writer has UPDATE on audit_event, which may only grow.'],
  [
    'grant update (patient_id) on audit_event to postern_audit_writer',
    'postern_audit_writer has UPDATE on audit_event, which may only grow.',
  ],
  ['grant delete on audit_event to postern_admin', 'postern_admin has DELETE on audit_event, which may only grow.'],
  ['grant truncate on audit_event to postern_admin', 'postern_admin has TRUNCATE on audit_event, which may only grow.'],
  ['alter table audit_event disable trigger no_change', 'audit_event has no enabled trigger against UPDATE, DELETE and TRUNCATE.'],
  ['drop trigger no_truncate on audit_event', 'audit_event has no enabled trigger against UPDATE, DELETE and TRUNCATE.'],
  // Views and functions
  ['alter view seen reset (security_invoker)', "View seen runs with its owner's rights: it takes security_invoker = true."],
  [
    'create materialized view copied as select id from sample; grant select on copied to postern_read',
    'copied is reachable, and row-level security cannot hold on its kind.',
  ],
  ['create function rise() returns int security definer return 1', "Function rise runs with its owner's rights (SECURITY DEFINER)."],
  ['create function rise() returns int return 1; grant execute on function rise() to public', 'Function rise can be called by everyone.'],
  [
    "create function rise() returns int set row_security = off language sql as 'select 1'",
    'Function rise sets its own role or row security.',
  ],
  // Roles
  ['alter role postern_app bypassrls', 'postern_app has BYPASSRLS.'],
  ['alter role postern_app superuser', 'postern_app is a superuser.'],
  ['alter role postern_write createrole', 'postern_write may create roles.'],
  ['alter role postern_bypass createdb', 'postern_bypass may create databases.'],
  ['alter role postern_bypass bypassrls', 'postern_bypass has BYPASSRLS.'],
  ['alter role postern_app replication', 'postern_app may replicate.'],
  ['alter role postern_app inherit', 'postern_app is INHERIT: it takes NOINHERIT.'],
  ['alter role postern_admin login', 'postern_admin can log in: it is to be entered, never to be logged in as.'],
  ['grant postern_write to postern_app with inherit true', 'postern_app inherits from postern_write: it must have to enter it.'],
  ['grant postern_write to postern_app with admin true', 'postern_app administers postern_write.'],
  ['grant postern_write to postern_app with set false granted by postern_owner', 'postern_app cannot enter postern_write.'],
  ['revoke postern_write from postern_app granted by postern_owner', 'postern_app is no member of postern_write.'],
  ['grant pg_read_all_data to postern_app', 'postern_app is a member of pg_read_all_data, which is no role of the service.'],
  ['create role stray_7f3a; grant stray_7f3a to postern_app', 'postern_app is a member of stray_7f3a, which is no role of the service.'],
  ['grant pg_read_all_data to postern_read', 'postern_read is a member of pg_read_all_data: it must be a member of nothing.'],
  ['grant postern_write to postern_bypass', 'postern_bypass is a member of postern_write: it must be a member of nothing.'],
  ['create role stray_7f3a login; grant postern_write to stray_7f3a', 'stray_7f3a can act as postern_write: only postern_app may.'],
  // Ownership, creation, defaults
  ['alter table sample owner to postern_app', 'postern_app owns sample: who serves owns nothing.'],
  ['alter function current_agency() owner to postern_write', 'postern_write owns current_agency: who serves owns nothing.'],
  ['create schema hers authorization postern_app', 'postern_app owns hers: who serves owns nothing.'],
  ['grant create on schema public to public', 'PUBLIC may create objects in schema public.'],
  ['grant create on schema public to postern_admin', 'postern_admin may create objects in schema public.'],
  [
    "do $$ begin execute format('grant temporary on database %I to public', current_database()); end $$",
    'postern_app may create temporary tables, which would shadow real ones.',
  ],
  [
    'alter default privileges for role postern_owner grant select on tables to postern_read',
    'New tables of postern_owner are granted to postern_read (SELECT) by default.',
  ],
  [
    'alter default privileges for role postern_owner grant usage on sequences to public',
    'New sequences of postern_owner are granted to PUBLIC (USAGE) by default.',
  ],
]

t.test('the check finds every planted violation, and nothing where nothing is wrong', async (t) => {
  const { superuserUrl, appUrl } = await testDatabase(t, { migrations })
  const [superuser, app] = [new pg.Client(superuserUrl), new pg.Client(appUrl)]
  for (const client of [superuser, app]) {
    client.on('error', () => {})
    await client.connect()
    t.teardown(() => client.end())
  }
  const expect = { published: ['published'] }
  t.same(await checkIsolation({ client: app, expect }), [], 'the product as it stands')

  // Planted in a transaction that the check's own end rolls back: roles belong to the whole cluster, and other tests use them.
  const found = async (plant: string): Promise<string[]> => {
    await superuser.query('begin')
    await superuser.query(plant)
    await superuser.query('set local session authorization postern_app')
    return checkIsolation({ client: superuser, expect })
  }
  for (const [plant, sentence] of violations) t.ok((await found(plant)).includes(sentence), `${plant}: ${sentence}`)
  t.same(await found('select 1'), [], 'and each was taken back')

  t.match(
    await checkIsolation({ client: app }),
    [
      'Policy published_public opens published to the public, and it is not published.',
      'postern_public has SELECT on published, which is not published.',
      'postern_public has SELECT on published, which is not published.',
    ],
    'what everybody may read must be named',
  )
  t.ok((await checkIsolation({ client: superuser, expect })).includes('postgres is a superuser.'), 'it checks whoever it is connected as')
  t.match(await checkIsolation({ client: app, bypass: app, expect }), [
    'The bypass is connected as postern_app: it must be postern_bypass.',
  ])
  const foreign = { ...expect, foreignSchemas: ['queue'] }
  await superuser.query('create schema queue; create table queue.job (id int); create function queue.take() returns int return 1')
  t.ok((await checkIsolation({ client: app, expect })).length > 0)
  t.same(await checkIsolation({ client: app, expect: foreign }), [], 'another program’s schema is left to it')
  t.same(await checkIsolation({ client: app, expect: { ...foreign, roles: [] } }).then((all) => all.length > 5), true)
  t.match(await checkIsolation({ client: app, expect: { ...foreign, roles: ['postern_nobody'] } }), ['The role postern_nobody is missing.'])

  t.same(await databaseWarnings(app), [], 'the embedded server logs no values')
  await superuser.query("set log_min_error_statement = 'error'; set log_statement = 'all'")
  t.match(await databaseWarnings(superuser), [/log_min_error_statement = error.*: set panic\./, /log_statement = all.*: set none\./])
})
