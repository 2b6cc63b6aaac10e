import { Migration } from '@mikro-orm/migrations'
import { type MigrationEntry, tenantTable } from '../../host/define-context.ts'

/** What records of both kinds have. A removed one is marked, by whom and with the audit row that says so. */
const keptColumns = (table: string): string => `
  agency_id uuid not null references host_agency (id),
  id uuid not null,
  version int not null constraint ${table}_version check (version >= 1),
  created_at timestamptz(3) not null,
  updated_at timestamptz(3) not null,
  audit_id uuid not null,
  deleted_at timestamptz(3),
  deleted_by text constraint ${table}_deleted_by check (length(deleted_by) between 1 and 255),
  deleted_audit_id uuid,
  primary key (agency_id, id),
  constraint ${table}_deleted_is_told
    check ((deleted_at is null) = (deleted_by is null) and (deleted_at is null) = (deleted_audit_id is null))`

const digit = (column: string, place: number): string => `substr(${column}, ${place}, 1)::int`
/** A doubled digit, its digits added. */
const doubled = (column: string, place: number): string => `2 * ${digit(column, place)} - 9 * (${digit(column, place)} > 4)::int`
const sum = (parts: readonly string[]): string => parts.join(' + ')

/** The table holds the check digit as well: no statement stores a number that cannot be one. */
const deaNumber = (column: string): string => {
  const [odd, even] = [
    [3, 5, 7],
    [4, 6, 8],
  ].map((places) => sum(places.map((place) => digit(column, place))))
  return `case when ${column} ~ '^[A-Z][A-Z9][0-9]{7}$' then (${odd} + 2 * (${even})) % 10 = ${digit(column, 9)} else false end`
}
/** 24 is what the prefix 80840 adds. */
const npi = (column: string): string => {
  const alternate = sum([1, 3, 5, 7, 9].map((place) => doubled(column, place)))
  const others = sum([2, 4, 6, 8, 10].map((place) => digit(column, place)))
  return `case when ${column} ~ '^[12][0-9]{9}$' then (24 + ${alternate} + ${others}) % 10 = 0 else false end`
}

const scheduleNames = ['II', 'IIN', 'III', 'IIIN', 'IV', 'V']
const schedules = `authorized_schedules <@ array[${scheduleNames.map((name) => `'${name}'`).join()}]
    and cardinality(authorized_schedules) >= 1
    and cardinality(authorized_schedules) = ${sum(scheduleNames.map((name) => `('${name}' = any (authorized_schedules))::int`))}`

const registrants = `
create table dea_registrant_metadata (${keptColumns('dea_registrant_metadata')},
  registrant_name bytea not null constraint dea_registrant_metadata_name check (octet_length(registrant_name) between 1 and 2048),
  dea_registration_number text not null constraint dea_registrant_metadata_check_digit check (${deaNumber('dea_registration_number')}),
  authorized_schedules text[] not null constraint dea_registrant_metadata_schedules check (${schedules}),
  registration_status text not null constraint dea_registrant_metadata_status
    check (registration_status in ('active', 'expired', 'pending')),
  issue_date date not null constraint dea_registrant_metadata_issue check (issue_date >= '1970-01-01'),
  expiration_date date not null constraint dea_registrant_metadata_expiration
    check (expiration_date > issue_date and expiration_date < '2200-01-01'),
  expiration_reminder_sent boolean not null default false,
  expiration_version int not null default 1 constraint dea_registrant_metadata_expiration_version check (expiration_version <= version),
  reminded_days int constraint dea_registrant_metadata_reminded_days check (reminded_days >= 0)
)`

const enrollments = `
create table cms_enrollment_metadata (${keptColumns('cms_enrollment_metadata')},
  npi_reference text not null constraint cms_enrollment_metadata_check_digit check (${npi('npi_reference')}),
  ptan_reference text constraint cms_enrollment_metadata_ptan check (ptan_reference ~ '^[A-Za-z0-9]{1,20}$'),
  enrollment_status text not null constraint cms_enrollment_metadata_status check (enrollment_status in ('pending', 'active', 'inactive')),
  effective_date date constraint cms_enrollment_metadata_effective check (effective_date between '1970-01-01' and '2199-12-31'),
  payer_participation_status jsonb not null constraint cms_enrollment_metadata_payers
    check (jsonb_typeof(payer_participation_status) = 'object' and octet_length(payer_participation_status::text) <= 131072)
)`

const notes = (kind: 'dea' | 'cms', of: string): string => `
create table ${kind}_compliance_note (
  agency_id uuid not null,
  id uuid not null,
  metadata_id uuid not null,
  author_id text not null constraint ${kind}_compliance_note_author check (length(author_id) between 1 and 255),
  note bytea not null constraint ${kind}_compliance_note_text check (octet_length(note) between 1 and 32768),
  created_at timestamptz(3) not null,
  audit_id uuid not null,
  primary key (agency_id, id),
  constraint ${kind}_compliance_note_record foreign key (agency_id, metadata_id) references ${of} (agency_id, id)
)`

/** A number is unique among the agency's records that are not removed; lists, alerts and notes come by the agency. */
const indexes = [
  `create unique index dea_registrant_metadata_one_number on dea_registrant_metadata (agency_id, dea_registration_number)
    where deleted_at is null`,
  'create index dea_registrant_metadata_of_agency on dea_registrant_metadata (agency_id, created_at, id) where deleted_at is null',
  'create index dea_registrant_metadata_expiring on dea_registrant_metadata (agency_id, expiration_date, id) where deleted_at is null',
  'create unique index cms_enrollment_metadata_one_number on cms_enrollment_metadata (agency_id, npi_reference) where deleted_at is null',
  'create index cms_enrollment_metadata_of_agency on cms_enrollment_metadata (agency_id, created_at, id) where deleted_at is null',
  'create index dea_compliance_note_of_record on dea_compliance_note (agency_id, metadata_id, created_at, id)',
  'create index cms_compliance_note_of_record on cms_compliance_note (agency_id, metadata_id, created_at, id)',
]

/** A removed record stays as it was, and versions go up one by one. Another expiration date is one of which nobody was reminded. */
const guards = [
  `create function dea_cms_guard() returns trigger language plpgsql as $$
    begin
      if old.deleted_at is not null then
        raise exception 'a removed record stays as it is' using errcode = 'PT409';
      end if;
      if new.version not in (old.version, old.version + 1) then
        raise exception 'a record goes from version to version' using errcode = 'PT409';
      end if;
      return new;
    end $$`,
  `create function dea_cms_new_expiration() returns trigger language plpgsql as $$
    begin
      new.expiration_reminder_sent := false;
      new.reminded_days := null;
      new.expiration_version := new.version;
      return new;
    end $$`,
  'create trigger dea_registrant_metadata_guard before update on dea_registrant_metadata for each row execute function dea_cms_guard()',
  'create trigger cms_enrollment_metadata_guard before update on cms_enrollment_metadata for each row execute function dea_cms_guard()',
  `create trigger dea_registrant_metadata_new_expiration before update on dea_registrant_metadata for each row
    when (new.expiration_date is distinct from old.expiration_date) execute function dea_cms_new_expiration()`,
]

const marks = 'version, updated_at, audit_id, deleted_at, deleted_by, deleted_audit_id'
const ofDea =
  'registrant_name, dea_registration_number, authorized_schedules, registration_status, issue_date, expiration_date, ' +
  'expiration_reminder_sent, reminded_days'
const ofCms = 'npi_reference, ptan_reference, enrollment_status, effective_date, payer_participation_status'

/** Nobody deletes a row; a note is written once. Only reads and administration come near. */
const isolation = [
  ...tenantTable({
    table: 'dea_registrant_metadata',
    grants: { read: ['select'], admin: ['select', 'insert', `update (${ofDea}, ${marks})`] },
    bypass: true,
  }),
  ...tenantTable({
    table: 'cms_enrollment_metadata',
    grants: { read: ['select'], admin: ['select', 'insert', `update (${ofCms}, ${marks})`] },
    bypass: true,
  }),
  ...tenantTable({ table: 'dea_compliance_note', grants: { read: ['select'], admin: ['select', 'insert'] }, bypass: true }),
  ...tenantTable({ table: 'cms_compliance_note', grants: { read: ['select'], admin: ['select', 'insert'] }, bypass: true }),
]

class DeaCmsTables extends Migration {
  override up(): void {
    const tables = [registrants, enrollments, notes('dea', 'dea_registrant_metadata'), notes('cms', 'cms_enrollment_metadata')]
    for (const sql of [...tables, ...indexes, ...guards, ...isolation]) this.addSql(sql)
  }
}

/**
 * What a founder reads across agencies comes in its order, too. For one agency's own page these would pass over everybody else's rows:
 * they hold every version, which the planner knows of a statement only where it says so, as those across agencies do.
 */
class AcrossAgencies extends Migration {
  override up(): void {
    for (const [table, name, column] of [
      ['dea_registrant_metadata', 'newest', 'created_at'],
      ['dea_registrant_metadata', 'soonest', 'expiration_date'],
      ['cms_enrollment_metadata', 'newest', 'created_at'],
    ])
      this.addSql(`create index ${table}_${name} on ${table} (${column}, id) where deleted_at is null and version >= 1`)
  }
}

/** @see FusionEMS part 5, Backend Models; without their partitions by agency: row security suffices */
export const deaCmsMigrations: readonly MigrationEntry[] = [
  { name: 'dea-cms-0001-metadata', class: DeaCmsTables },
  { name: 'dea-cms-0002-across', class: AcrossAgencies },
]
