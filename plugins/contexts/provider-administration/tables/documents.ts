import { tenantTable } from '../../../host/define-context.ts'

/** What was uploaded, version by version of each type; the bytes are the host's. `revision` is what If-Match names. @see FR-015 FR-007, FR-008 */
const document = `
create table provider_document (
  agency_id uuid not null,
  id uuid not null,
  provider_id uuid not null,
  type text not null constraint provider_document_type check (type in ('medical_license', 'board_certification', 'malpractice_insurance')),
  version int not null constraint provider_document_version check (version >= 1),
  revision int not null default 1 constraint provider_document_revision check (revision >= 1),
  verification_status text not null constraint provider_document_status
    check (verification_status in ('pending', 'approved', 'rejected', 'superseded')),
  expiration_date date not null,
  filename text constraint provider_document_filename check (length(filename) between 1 and 255),
  content_type text not null constraint provider_document_content_type
    check (content_type in ('application/pdf', 'image/jpeg', 'image/png')),
  size_bytes int not null constraint provider_document_size check (size_bytes between 1 and 52428800),
  sha256 text not null constraint provider_document_sha256 check (sha256 ~ '^[0-9a-f]{64}$'),
  object_key text not null constraint provider_document_object_key check (length(object_key) between 1 and 80),
  scan text not null constraint provider_document_scan check (scan in ('clean', 'not-scanned')),
  uploaded_at timestamptz(3) not null,
  uploaded_by text not null constraint provider_document_uploaded_by check (length(uploaded_by) between 1 and 255),
  verified_at timestamptz(3),
  verified_by text constraint provider_document_verified_by check (length(verified_by) between 1 and 255),
  rejection_reason text constraint provider_document_rejection_reason check (length(rejection_reason) between 10 and 500),
  reupload_requested_at timestamptz(3),
  reupload_requested_by text constraint provider_document_requested_by check (length(reupload_requested_by) between 1 and 255),
  superseded_at timestamptz(3),
  audit_id uuid not null,
  verified_audit_id uuid,
  primary key (agency_id, id),
  constraint provider_document_one_version unique (agency_id, provider_id, type, version),
  constraint provider_document_one_object unique (agency_id, object_key),
  constraint provider_document_provider foreign key (agency_id, provider_id) references provider_profile (agency_id, id),
  constraint provider_document_expires_later check (expiration_date > (uploaded_at at time zone 'UTC')::date),
  constraint provider_document_verified check (verification_status not in ('approved', 'rejected') or
    (verified_at is not null and verified_by is not null and verified_audit_id is not null)),
  constraint provider_document_rejected_with_reason check (verification_status <> 'rejected' or rejection_reason is not null),
  constraint provider_document_superseded_is_marked check ((verification_status = 'superseded') = (superseded_at is not null))
)`

const indexes = [
  "create unique index provider_document_one_pending on provider_document (agency_id, provider_id, type) where verification_status = 'pending'",
  "create unique index provider_document_one_approved on provider_document (agency_id, provider_id, type) where verification_status = 'approved'",
  "create index provider_document_expiring on provider_document (agency_id, expiration_date, id) where verification_status = 'approved'",
]

/** What was uploaded stays as it was; what may become of it is listed. @see FR-015, Screen 3, Document Approval */
const guard = [
  `create function provider_document_guard() returns trigger language plpgsql as $$
    begin
      if (new.provider_id, new.type, new.version, new.expiration_date, new.filename, new.content_type, new.size_bytes, new.sha256, new.object_key,
        new.scan, new.uploaded_at, new.uploaded_by) is distinct from (old.provider_id, old.type, old.version, old.expiration_date, old.filename,
        old.content_type, old.size_bytes, old.sha256, old.object_key, old.scan, old.uploaded_at, old.uploaded_by) then
        raise exception 'a document stays as it was uploaded' using errcode = 'PT409';
      end if;
      if new.verification_status <> old.verification_status and not coalesce(case old.verification_status
        when 'pending' then new.verification_status in ('approved', 'rejected', 'superseded')
        when 'rejected' then new.verification_status in ('approved', 'superseded')
        when 'approved' then new.verification_status in ('rejected', 'superseded')
      end, false) then
        raise exception 'a document cannot go from % to %', old.verification_status, new.verification_status using errcode = 'PT409';
      end if;
      return new;
    end $$`,
  'create trigger provider_document_guard before update on provider_document for each row execute function provider_document_guard()',
]

/**
 * The account's own summary of its documents, kept with every change of one: of the newest version of each type, incomplete before rejected
 * before pending before complete; and the last day on which every approved one holds. A deactivated account is left as it is.
 */
const summary = [
  `create function provider_document_summary() returns trigger language plpgsql as $$
    declare s text; e date;
    begin
      select case
          when count(*) < 3 then 'incomplete'
          when bool_or(l.verification_status = 'rejected') then 'rejected'
          when bool_or(l.verification_status = 'pending') then 'pending'
          else 'complete'
        end into s
      from (
        select distinct on (d.type) d.verification_status from provider_document d
        where d.agency_id = new.agency_id and d.provider_id = new.provider_id and d.verification_status <> 'superseded'
        order by d.type, d.version desc
      ) l;
      select min(d.expiration_date) into e from provider_document d
      where d.agency_id = new.agency_id and d.provider_id = new.provider_id and d.verification_status = 'approved';
      update provider_profile p
      set documents_status = s, documents_expire_on = e,
        activity_at = greatest(p.activity_at, new.uploaded_at, new.verified_at, new.reupload_requested_at)
      where p.agency_id = new.agency_id and p.id = new.provider_id and p.status <> 'deactivated';
      return null;
    end $$`,
  `create trigger provider_document_summary after insert or update on provider_document for each row execute function provider_document_summary()`,
]

/** One line for each reminder that a version was reminded of; its key makes it once. @see FR-015 FR-007, Rule 6 */
const reminder = `
create table provider_reminder (
  agency_id uuid not null,
  document_id uuid not null,
  threshold smallint not null constraint provider_reminder_threshold check (threshold in (30, 7, 0)),
  due_on date not null,
  reminded_at timestamptz(3) not null,
  primary key (agency_id, document_id, threshold),
  constraint provider_reminder_document foreign key (agency_id, document_id) references provider_document (agency_id, id)
)`

const changes =
  'update (verification_status, revision, verified_at, verified_by, verified_audit_id, rejection_reason, reupload_requested_at, reupload_requested_by, superseded_at)'

export const documentTables: readonly string[] = [
  document,
  ...indexes,
  ...guard,
  ...summary,
  reminder,
  ...tenantTable({
    table: 'provider_document',
    grants: {
      read: ['select'],
      admin: ['select', 'insert', changes],
      // A provider's own upload supersedes what it replaces, and approves nothing.
      write: ['select', 'insert', 'update (verification_status, revision, superseded_at)'],
    },
  }),
  ...tenantTable({ table: 'provider_reminder', grants: { read: ['select'], admin: ['select', 'insert'] } }),
]
