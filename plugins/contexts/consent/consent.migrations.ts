import { Migration } from '@mikro-orm/migrations'
import { type MigrationEntry, tenantTable } from '../../host/define-context.ts'

const table = `
create table consent_record (
  agency_id uuid not null references host_agency (id),
  id uuid not null,
  patient_id uuid not null,
  scope text not null constraint consent_record_scope check (scope in ('messaging', 'clinical-documentation', 'appointments', 'advisor')),
  status text not null constraint consent_record_status
    check (status in ('draft', 'proposed', 'active', 'rejected', 'inactive', 'entered-in-error')),
  granted_at timestamptz(3) not null,
  granted_by text not null constraint consent_record_granted_by check (length(granted_by) between 1 and 255),
  expires_at timestamptz(3) constraint consent_record_expires_later check (expires_at > granted_at),
  revoked_at timestamptz(3) constraint consent_record_revoked_later check (revoked_at >= granted_at),
  reason bytea constraint consent_record_reason check (octet_length(reason) between 1 and 4096),
  audit_id uuid not null,
  revoked_audit_id uuid,
  primary key (agency_id, id),
  constraint consent_record_revoked_is_over check (revoked_at is null or status in ('inactive', 'entered-in-error')),
  constraint consent_record_revoked_is_audited check ((revoked_at is null) = (revoked_audit_id is null)),
  constraint consent_record_reason_of_revocation check (reason is null or revoked_at is not null)
)`

/** A constraint name is what a violation can be told by; the index also answers every gate's question. */
const indexes = [
  "create unique index consent_record_one_active on consent_record (agency_id, patient_id, scope) where status = 'active'",
  'create index consent_record_of_patient on consent_record (agency_id, patient_id, granted_at, id)',
  'create index consent_record_of_agency on consent_record (agency_id, granted_at, id)',
]

/** The transitions of `mayBecome`, so that no statement can bring a revoked consent back. */
const guard = [
  `create function consent_record_guard() returns trigger language plpgsql as $$
    begin
      if new.status <> old.status and not coalesce(case old.status
        when 'draft' then new.status in ('proposed', 'active', 'rejected', 'entered-in-error')
        when 'proposed' then new.status in ('active', 'rejected', 'entered-in-error')
        when 'active' then new.status in ('inactive', 'entered-in-error')
        when 'rejected' then new.status = 'entered-in-error'
        when 'inactive' then new.status = 'entered-in-error'
      end, false) then
        raise exception 'a consent cannot go from % to %', old.status, new.status using errcode = 'PT409';
      end if;
      if old.revoked_at is not null and (new.revoked_at, new.reason, new.revoked_audit_id) is distinct from (old.revoked_at, old.reason, old.revoked_audit_id) then
        raise exception 'a revocation stands as it was made' using errcode = 'PT409';
      end if;
      return new;
    end $$`,
  'create trigger consent_record_guard before update on consent_record for each row execute function consent_record_guard()',
]

/** The port that every gate asks. Only an active and unexpired consent permits; nothing is remembered between two questions. */
const decision = [
  `create function consent_permits(p_agency uuid, p_patient uuid, p_scope text, p_at timestamptz) returns table (consent_id uuid)
  language sql stable security invoker as $$
    select c.id from consent_record c
    where c.agency_id = p_agency and c.patient_id = p_patient and c.scope = p_scope and c.status = 'active'
      and (c.expires_at is null or c.expires_at > p_at)
  $$`,
  'revoke execute on function consent_permits from public',
  'grant execute on function consent_permits to postern_gate, postern_read',
  `create function consent_decision(p_agency uuid, p_patient uuid, p_scope text, p_at timestamptz) returns uuid
  language plpgsql stable security invoker as $$
    begin
      return (select c.consent_id from consent_permits(p_agency, p_patient, p_scope, p_at) c);
    end $$`,
  'revoke execute on function consent_decision from public',
  'grant execute on function consent_decision to postern_gate, postern_read',
]

class ConsentRecordTable extends Migration {
  override up(): void {
    const isolation = tenantTable({
      table: 'consent_record',
      grants: { read: ['select'], write: ['select', 'insert', 'update (status, revoked_at, reason, revoked_audit_id)'], gate: ['select'] },
      patientColumn: 'patient_id',
      bypass: true,
    })
    for (const sql of [table, ...indexes, ...guard, ...isolation, ...decision]) this.addSql(sql)
  }
}

export const consentMigrations: readonly MigrationEntry[] = [{ name: 'consent-0001-record', class: ConsentRecordTable }]
