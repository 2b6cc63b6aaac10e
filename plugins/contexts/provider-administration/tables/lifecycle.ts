import { tenantTable } from '../../../host/define-context.ts'

/** What became of a status, by whom and why; the first row of a provider is its creation. It only grows. @see FR-015 FR-009 */
const statusChange = `
create table provider_status_change (
  agency_id uuid not null,
  id uuid not null,
  provider_id uuid not null,
  previous_status text,
  new_status text not null,
  changed_at timestamptz(3) not null,
  changed_by text not null constraint provider_status_change_by check (length(changed_by) between 1 and 255),
  reason text,
  notified boolean not null,
  audit_id uuid not null,
  primary key (agency_id, id),
  constraint provider_status_change_of_provider unique (agency_id, provider_id, id, new_status),
  constraint provider_status_change_provider foreign key (agency_id, provider_id) references provider_profile (agency_id, id)
    deferrable initially deferred,
  constraint provider_status_change_transition check (concat(previous_status, '>', new_status) in
    ('>draft', 'draft>active', 'active>suspended', 'active>deactivated', 'suspended>deactivated', 'suspended>active')),
  constraint provider_status_change_reason check (length(reason) between 20 and 500),
  constraint provider_status_change_reasoned check (new_status not in ('suspended', 'deactivated') or reason is not null)
)`

/** No status without the change that made it, by its very words. */
const backed = `
alter table provider_profile add constraint provider_profile_status_change foreign key (agency_id, id, status_change_id, status)
  references provider_status_change (agency_id, provider_id, id, new_status) deferrable initially deferred`

const scheduled = `
create table provider_scheduled_transition (
  agency_id uuid not null,
  id uuid not null,
  provider_id uuid not null,
  transition text not null constraint provider_scheduled_transition_name check (transition in ('suspension', 'deactivation', 'reactivation')),
  reason text constraint provider_scheduled_transition_reason check (length(reason) between 20 and 500),
  notify boolean not null,
  effective_date date not null,
  scheduled_at timestamptz(3) not null,
  scheduled_by text not null constraint provider_scheduled_transition_by check (length(scheduled_by) between 1 and 255),
  scheduled_role text not null constraint provider_scheduled_transition_role check (length(scheduled_role) between 1 and 100),
  state text not null constraint provider_scheduled_transition_state check (state in ('scheduled', 'withdrawn', 'replaced', 'done', 'refused')),
  closed_at timestamptz(3),
  audit_id uuid not null,
  primary key (agency_id, id),
  constraint provider_scheduled_transition_provider foreign key (agency_id, provider_id) references provider_profile (agency_id, id),
  constraint provider_scheduled_transition_later check (effective_date > (scheduled_at at time zone 'UTC')::date),
  constraint provider_scheduled_transition_reasoned check (transition = 'reactivation' or reason is not null),
  constraint provider_scheduled_transition_closed check ((state = 'scheduled') = (closed_at is null))
)`

/**
 * What the booking system is handed: nothing is cancelled here. Events are numbered in the order in which they commit, one agency's at a
 * time, so that whoever has read up to a number has missed none before it.
 * @see design, section 9, 2
 */
const bookingEvent = `
create table provider_booking_event (
  agency_id uuid not null,
  id uuid not null,
  position bigint not null constraint provider_booking_event_position check (position >= 1),
  provider_id uuid not null,
  kind text not null constraint provider_booking_event_kind check (kind in ('provider-suspended', 'provider-deactivated', 'provider-reactivated')),
  known boolean not null,
  booking_ids text[] not null default '{}' constraint provider_booking_event_bookings check (cardinality(booking_ids) <= 1000),
  booking_count int not null default 0,
  occurred_at timestamptz(3) not null,
  audit_id uuid not null,
  primary key (agency_id, id),
  constraint provider_booking_event_in_order unique (agency_id, position),
  constraint provider_booking_event_provider foreign key (agency_id, provider_id) references provider_profile (agency_id, id)
)`

const numbering = [
  `create function provider_booking_event_number() returns trigger language plpgsql as $$
    begin
      perform pg_advisory_xact_lock(5067010, hashtext(new.agency_id::text));
      new.position := (select coalesce(max(e.position), 0) + 1 from provider_booking_event e where e.agency_id = new.agency_id);
      return new;
    end $$`,
  `create trigger provider_booking_event_number before insert on provider_booking_event
    for each row execute function provider_booking_event_number()`,
]

const indexes = [
  'create index provider_status_change_of on provider_status_change (agency_id, provider_id, changed_at, id)',
  "create unique index provider_scheduled_transition_one on provider_scheduled_transition (agency_id, provider_id) where state = 'scheduled'",
  "create index provider_scheduled_transition_due on provider_scheduled_transition (agency_id, effective_date, id) where state = 'scheduled'",
]

const grants = { read: ['select'], admin: ['select', 'insert'] } as const

export const lifecycleTables: readonly string[] = [
  statusChange,
  backed,
  scheduled,
  bookingEvent,
  ...numbering,
  ...indexes,
  ...tenantTable({ table: 'provider_status_change', grants: { ...grants, write: ['select'] } }),
  ...tenantTable({
    table: 'provider_scheduled_transition',
    grants: { read: ['select'], admin: ['select', 'insert', 'update (state, closed_at)'], write: ['select'] },
  }),
  ...tenantTable({ table: 'provider_booking_event', grants }),
]
