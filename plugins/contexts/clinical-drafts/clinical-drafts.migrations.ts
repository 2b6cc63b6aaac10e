import { Migration } from '@mikro-orm/migrations'
import { type MigrationEntry, tenantTable } from '../../host/define-context.ts'

/** No status but these two can be stored: there is nothing that a draft could be finalized into. @see MIG-03 §6.2 */
const drafts = `
create table clinical_draft (
  agency_id uuid not null references host_agency (id),
  id uuid not null,
  patient_id uuid not null,
  author_id text not null constraint clinical_draft_author check (length(author_id) between 1 and 255),
  status text not null constraint clinical_draft_status check (status in ('draft', 'discarded')),
  version int not null constraint clinical_draft_version check (version >= 1),
  created_at timestamptz(3) not null,
  updated_at timestamptz(3) not null,
  discarded_at timestamptz(3),
  audit_id uuid not null,
  discarded_audit_id uuid,
  primary key (agency_id, id),
  constraint clinical_draft_of_author unique (agency_id, id, patient_id, author_id),
  constraint clinical_draft_discarded_is_marked check ((status = 'discarded') = (discarded_at is not null)),
  constraint clinical_draft_discarded_is_audited check ((discarded_at is null) = (discarded_audit_id is null))
)`

/** What was written, version by version. Patient and author are the draft's: the key over all four columns keeps them so. */
const revisions = `
create table clinical_draft_revision (
  agency_id uuid not null,
  draft_id uuid not null,
  version int not null constraint clinical_draft_revision_version check (version >= 1),
  patient_id uuid not null,
  author_id text not null,
  type text not null constraint clinical_draft_revision_type
    check (type in ('progress_note', 'assessment', 'care_plan', 'discharge_summary', 'other')),
  title bytea not null constraint clinical_draft_revision_title check (octet_length(title) between 1 and 2048),
  body bytea not null constraint clinical_draft_revision_body check (octet_length(body) between 1 and 131072),
  created_at timestamptz(3) not null,
  audit_id uuid not null,
  primary key (agency_id, draft_id, version),
  constraint clinical_draft_revision_draft foreign key (agency_id, draft_id, patient_id, author_id)
    references clinical_draft (agency_id, id, patient_id, author_id)
)`

/** A draft without its current version does not commit. */
const current = `
alter table clinical_draft add constraint clinical_draft_current foreign key (agency_id, id, version)
  references clinical_draft_revision (agency_id, draft_id, version) deferrable initially deferred`

/** An author's open drafts from the newest backwards, all or about one patient. */
const indexes = [
  "create index clinical_draft_open on clinical_draft (agency_id, author_id, created_at, id) where status = 'draft'",
  "create index clinical_draft_open_of_patient on clinical_draft (agency_id, author_id, patient_id, created_at, id) where status = 'draft'",
]

/** Versions go up one by one; a discarded draft stays as it was, and what it said is never written again. */
const guard = [
  `create function clinical_draft_guard() returns trigger language plpgsql as $$
    begin
      if old.status = 'discarded' then
        raise exception 'a discarded draft stays as it is' using errcode = 'PT409';
      end if;
      if new.version not in (old.version, old.version + 1) then
        raise exception 'a draft goes from version to version' using errcode = 'PT409';
      end if;
      return new;
    end $$`,
  'create trigger clinical_draft_guard before update on clinical_draft for each row execute function clinical_draft_guard()',
]

/** Reads and drafts alike reach their own author's rows alone; nobody removes any, and no other role comes near them. */
const isolation = [
  ...tenantTable({
    table: 'clinical_draft',
    grants: {
      read: ['select'],
      draft: ['select', 'insert', 'update (status, version, updated_at, discarded_at, discarded_audit_id)'],
    },
    patientColumn: 'patient_id',
    authorColumn: 'author_id',
    authorRoles: ['read', 'draft'],
  }),
  ...tenantTable({
    table: 'clinical_draft_revision',
    grants: { read: ['select'], draft: ['select', 'insert'] },
    patientColumn: 'patient_id',
    authorColumn: 'author_id',
    authorRoles: ['read', 'draft'],
  }),
]

/** The port behind which others ask whose patient an author's own open draft is about; what it says stays here. */
const ownDraft = [
  `create function own_draft_patient(p_agency uuid, p_author text, p_draft uuid) returns uuid language sql stable security invoker as $$
    select d.patient_id from clinical_draft d
    where d.agency_id = p_agency and d.author_id = p_author and d.id = p_draft and d.status = 'draft'
  $$`,
  'revoke execute on function own_draft_patient from public',
  'grant execute on function own_draft_patient to postern_read',
]

class ClinicalDraftTables extends Migration {
  override up(): void {
    for (const sql of [drafts, revisions, current, ...indexes, ...guard, ...isolation, ...ownDraft]) this.addSql(sql)
  }
}

export const clinicalDraftMigrations: readonly MigrationEntry[] = [{ name: 'clinical-drafts-0001-drafts', class: ClinicalDraftTables }]
