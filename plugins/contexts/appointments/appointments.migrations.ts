import { Migration } from '@mikro-orm/migrations'
import { type MigrationEntry, tenantTable } from '../../host/define-context.ts'

/**
 * `slot` says where an appointment stands among those of the same start. It is made here and means nothing, so that a cursor that ends
 * on a redacted slot gives no id away.
 */
const appointments = `
create table appointments_appointment (
  agency_id uuid not null references host_agency (id),
  id text collate "C" not null constraint appointments_appointment_id check (id ~ '^[A-Za-z0-9.-]{1,64}$'),
  slot uuid not null default gen_random_uuid(),
  patient_id uuid not null,
  provider_ids uuid[] not null constraint appointments_appointment_providers check (cardinality(provider_ids) <= 100),
  status text not null constraint appointments_appointment_status check (status in
    ('proposed', 'pending', 'booked', 'arrived', 'fulfilled', 'cancelled', 'noshow', 'entered-in-error', 'checked-in', 'waitlist')),
  starts_at timestamptz(3) not null constraint appointments_appointment_starts_at check (starts_at > 'epoch'),
  ends_at timestamptz(3) not null constraint appointments_appointment_ends_later check (ends_at >= starts_at),
  audit_id uuid not null,
  primary key (agency_id, id)
)`

/** One row for each provider who takes part, in the order of that provider's calendar. */
const participants = `
create table appointments_participant (
  agency_id uuid not null,
  appointment_id text collate "C" not null,
  provider_id uuid not null,
  patient_id uuid not null,
  status text not null,
  starts_at timestamptz(3) not null,
  slot uuid not null,
  primary key (agency_id, appointment_id, provider_id),
  constraint appointments_participant_appointment foreign key (agency_id, appointment_id)
    references appointments_appointment (agency_id, id) on delete cascade
)`

/** How current an agency's calendar is, and when it last changed here. */
const imports = `
create table appointments_import (
  agency_id uuid primary key references host_agency (id),
  as_of timestamptz(3) not null,
  imported_at timestamptz(3) not null,
  audit_id uuid not null
)`

/** A page is read from its position on, whoever's it is; a provider's without a look at the table. */
const indexes = [
  'create index appointments_of_patient on appointments_appointment (agency_id, patient_id, starts_at, slot)',
  'create index appointments_of_agency on appointments_appointment (agency_id, starts_at, slot)',
  'create index appointments_of_provider on appointments_participant (agency_id, provider_id, starts_at, slot) include (patient_id, status, appointment_id)',
]

/** The service reads. Only the owner's import writes, in one agency at a time. @see MIG-03 §6.3 */
const isolated = (table: string): string[] => [
  ...tenantTable({ table, grants: { read: ['select'] }, ...(table === 'appointments_import' ? {} : { patientColumn: 'patient_id' }) }),
  `create policy ${table}_owner on ${table} to current_user
    using (agency_id = (select current_agency())) with check (agency_id = (select current_agency()))`,
]

class Appointments extends Migration {
  override up(): void {
    const isolation = ['appointments_appointment', 'appointments_participant', 'appointments_import'].flatMap(isolated)
    for (const sql of [appointments, participants, imports, ...indexes, ...isolation]) this.addSql(sql)
  }
}

/** The port behind which others ask what is booked with a provider: ids alone, and nothing of whose they are. */
const upcoming = [
  `create function upcoming_bookings(p_agency uuid, p_provider uuid, p_at timestamptz) returns table (known boolean, total bigint, ids text[])
  language sql stable security invoker as $$
    select exists (select from appointments_import i where i.agency_id = p_agency), count(*),
      coalesce((array_agg(b.appointment_id order by b.starts_at, b.slot))[1:1000], '{}')
    from appointments_participant b
    where b.agency_id = p_agency and b.provider_id = p_provider and b.starts_at > p_at and b.status in ('booked', 'pending')
  $$`,
  'revoke execute on function upcoming_bookings from public',
  'grant execute on function upcoming_bookings to postern_read',
]

class UpcomingBookings extends Migration {
  override up(): void {
    for (const sql of upcoming) this.addSql(sql)
  }
}

export const appointmentsMigrations: readonly MigrationEntry[] = [
  { name: 'appointments-0001-read-model', class: Appointments },
  { name: 'appointments-0002-upcoming-bookings', class: UpcomingBookings },
]
