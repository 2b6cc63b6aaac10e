import { tenantTable } from '../database/tenant-table.ts'

const events = `
  create table audit_event (
    id uuid not null,
    agency_id uuid not null,
    lane smallint not null,
    seq bigint not null,
    at timestamptz(3) not null,
    action text not null,
    outcome text not null,
    reason text,
    user_id text,
    role text,
    agent_id text,
    policy_version_id text,
    under_role text,
    patient_id uuid,
    entity_type text,
    entity_id text,
    ip text,
    request_id uuid,
    idempotency_key text,
    bypass boolean not null,
    count int,
    payload bytea,
    changes bytea,
    hash bytea not null check (length(hash) = 32)
  ) partition by range (at)`

const aiActions = `
  create table audit_ai_action (
    id uuid not null,
    agency_id uuid not null,
    at timestamptz(3) not null,
    executed_by text not null,
    agent_id text not null,
    policy_version_id text,
    under_role text,
    user_id text,
    action text not null,
    outcome text not null,
    reason text,
    patient_id uuid,
    entity_type text,
    entity_id text,
    request_id uuid
  ) partition by range (at)`

// Heads are rewritten with every batch: room in the page keeps the rewrites there, without touching the index.
const heads = `
  create table audit_head (
    agency_id uuid not null,
    lane smallint not null,
    seq bigint not null check (seq >= 0),
    hash bytea not null check (length(hash) = 32),
    primary key (agency_id, lane)
  ) with (fillfactor = 20)`

const anchors = `
  create table audit_anchor (
    agency_id uuid not null,
    lane smallint not null,
    from_seq bigint not null,
    seq bigint not null check (seq >= from_seq),
    hash bytea not null check (length(hash) = 32),
    month date not null,
    retired_at timestamptz(3) not null,
    key_id text not null,
    signature bytea not null,
    primary key (agency_id, lane, seq)
  )`

const indexes = [
  'create index audit_event_chain on audit_event (agency_id, lane, seq)',
  'create index audit_event_at on audit_event (agency_id, at, id)',
  'create index audit_event_actor on audit_event (agency_id, user_id, at, id)',
  'create index audit_event_entity on audit_event (agency_id, entity_id, at, id)',
  'create index audit_event_action on audit_event (agency_id, action, at, id)',
  "create index audit_event_refused on audit_event (agency_id, outcome, at, id) where outcome not in ('success', 'replayed')",
  'create index audit_event_agent on audit_event (agency_id, at, id) where agent_id is not null',
  'create index audit_ai_action_at on audit_ai_action (agency_id, at, id)',
]

// Ciphertext does not compress: trying would only cost time.
const storage = 'alter table audit_event alter payload set storage external, alter changes set storage external'

/** The audit store's tables: events by month, the log of AI actions, the head of each chain, and where retired months end. */
export const auditTables: readonly string[] = [events, aiActions, heads, anchors, storage, ...indexes]

/** The owner reads every agency (verification, retirement) and appends in one agency at a time, like everybody else. */
const ownerPolicies = (table: string, commands: readonly ('insert' | 'update')[]): string[] => [
  `create policy ${table}_owner_reads on ${table} as permissive for select to current_user using (true)`,
  ...commands.map((command) => {
    const agency = '(agency_id = (select current_agency()))'
    const clauses = command === 'insert' ? `with check ${agency}` : `using ${agency} with check ${agency}`
    return `create policy ${table}_owner_${command}s on ${table} as permissive for ${command} to current_user ${clauses}`
  }),
]

/** Who may do what. Nobody is granted UPDATE, DELETE or TRUNCATE of what was recorded; a head moves by its two columns only. */
export const auditRights: readonly string[] = [
  ...tenantTable({ table: 'audit_event', grants: { auditWriter: ['insert'], auditReader: ['select'] }, bypass: true }),
  ...ownerPolicies('audit_event', ['insert']),
  ...tenantTable({ table: 'audit_ai_action', grants: { auditWriter: ['insert'], auditReader: ['select'] }, bypass: true }),
  ...ownerPolicies('audit_ai_action', ['insert']),
  ...tenantTable({ table: 'audit_head', grants: { auditWriter: ['select', 'insert', 'update (seq, hash)'], auditReader: ['select'] } }),
  ...ownerPolicies('audit_head', ['insert', 'update']),
  ...tenantTable({ table: 'audit_anchor', grants: { auditReader: ['select'] } }),
  ...ownerPolicies('audit_anchor', ['insert']),
]
