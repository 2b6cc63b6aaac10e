/** A column of `audit_event` that the caller supplies, with its SQL type. */
export interface AuditColumn {
  readonly name: string
  readonly type: 'uuid' | 'text' | 'timestamptz' | 'boolean' | 'int' | 'bytea'
}

/**
 * What the caller knows of an event, in the order in which `audit_append` takes it (after lane, outcome and reason). The chain's
 * own columns (lane, seq, hash) and the verdict (outcome, reason) are not the caller's to give.
 */
export const auditInput = [
  { name: 'id', type: 'uuid' },
  { name: 'agency_id', type: 'uuid' },
  { name: 'at', type: 'timestamptz' },
  { name: 'action', type: 'text' },
  { name: 'user_id', type: 'text' },
  { name: 'role', type: 'text' },
  { name: 'agent_id', type: 'text' },
  { name: 'policy_version_id', type: 'text' },
  { name: 'under_role', type: 'text' },
  { name: 'patient_id', type: 'uuid' },
  { name: 'entity_type', type: 'text' },
  { name: 'entity_id', type: 'text' },
  { name: 'ip', type: 'text' },
  { name: 'request_id', type: 'uuid' },
  { name: 'idempotency_key', type: 'text' },
  { name: 'bypass', type: 'boolean' },
  { name: 'count', type: 'int' },
  { name: 'payload', type: 'bytea' },
  { name: 'changes', type: 'bytea' },
] as const satisfies readonly AuditColumn[]

export type AuditInputName = (typeof auditInput)[number]['name']

/** One event's columns as `AuditTrail.input` makes them; `payload` and `changes` are sealed. */
export type AuditInputRow = Record<AuditInputName, string | number | boolean | Buffer | null>
