import { tenantTable } from '../database/tenant-table.ts'

const keys = `
  create table host_document_key (
    agency_id uuid not null,
    id uuid not null,
    owner_id uuid not null,
    wrapped_by text not null check (wrapped_by ~ '^[a-z0-9-]{1,16}$'),
    wrapped bytea not null check (length(wrapped) between 60 and 160),
    created_at timestamptz not null,
    primary key (agency_id, id)
  )`

const documents = `
  create table host_document (
    agency_id uuid not null,
    object_key text not null check (length(object_key) <= 80 and starts_with(object_key, agency_id::text || '/')),
    owner_id uuid not null,
    key_id uuid,
    content_type text not null check (content_type in ('application/pdf', 'image/jpeg', 'image/png')),
    size_bytes int not null check (size_bytes between 1 and 52428800),
    sha256 bytea not null check (length(sha256) = 32),
    scan text not null check (scan in ('clean', 'not-scanned')),
    stored_at timestamptz not null,
    primary key (agency_id, object_key),
    foreign key (agency_id, key_id) references host_document_key (agency_id, id) on delete set null (key_id)
  )`

// An object stands here before it is written and from when it is given up: whatever is due is removed.
const removals = `
  create table host_document_removal (
    agency_id uuid not null,
    object_key text not null check (length(object_key) <= 80 and starts_with(object_key, agency_id::text || '/')),
    due_at timestamptz not null,
    primary key (agency_id, object_key)
  )`

const uploads = `
  create table host_upload (
    agency_id uuid not null,
    id uuid not null,
    user_id text not null check (length(user_id) between 1 and 255),
    size_bytes int not null check (size_bytes between 1 and 52428800),
    described bytea not null check (length(described) <= 4096),
    wrapped bytea not null check (length(wrapped) between 60 and 160),
    created_at timestamptz not null,
    expires_at timestamptz not null check (expires_at > created_at),
    primary key (agency_id, id)
  )`

const parts = `
  create table host_upload_part (
    agency_id uuid not null,
    upload_id uuid not null,
    start_byte int not null check (start_byte >= 0),
    size_bytes int not null check (size_bytes > 0),
    object_key text not null check (length(object_key) <= 80),
    primary key (agency_id, upload_id, start_byte),
    foreign key (agency_id, upload_id) references host_upload (agency_id, id) on delete cascade
  )`

const everything = ['select', 'insert', 'update', 'delete'] as const

/** The tables of documents; the gate's role alone reaches them, through the host's functions. */
export const documentTables: readonly string[] = [
  keys,
  'create index host_document_key_owner on host_document_key (agency_id, owner_id, wrapped_by, id)',
  documents,
  'create index host_document_by_key on host_document (agency_id, key_id)',
  removals,
  'create index host_document_removal_due on host_document_removal (agency_id, due_at)',
  uploads,
  'create index host_upload_of_user on host_upload (agency_id, user_id)',
  'create index host_upload_expiry on host_upload (agency_id, expires_at)',
  parts,
  ...tenantTable({ table: 'host_document_key', grants: { gate: ['select', 'insert'] } }),
  ...tenantTable({ table: 'host_document', grants: { gate: ['select', 'insert', 'delete'] } }),
  ...tenantTable({ table: 'host_document_removal', grants: { gate: everything } }),
  ...tenantTable({ table: 'host_upload', grants: { gate: everything } }),
  ...tenantTable({ table: 'host_upload_part', grants: { gate: ['select', 'insert', 'delete'] } }),
  // The owner destroys a key, in its agency's own context, and with it whatever was sealed under it.
  `create policy host_document_key_owner on host_document_key to current_user
    using (agency_id = (select current_agency())) with check (agency_id = (select current_agency()))`,
]
