import type { PayloadCipher } from '../crypto/index.ts'
import { auditInput } from './audit-input.ts'
import type { StoredEvent } from './canonical.ts'

/** One event as an auditor reads it, its payload opened. Times are ISO 8601. */
export interface AuditRecord {
  readonly id: string
  readonly agencyId: string
  readonly at: string
  readonly action: string
  /** `success`, `replayed`, or the code of the refusal. */
  readonly outcome: string
  readonly reason: string | null
  readonly userId: string | null
  readonly role: string | null
  readonly agentId: string | null
  readonly policyVersionId: string | null
  readonly underRole: string | null
  readonly patientId: string | null
  readonly entityType: string | null
  readonly entityId: string | null
  readonly ip: string | null
  readonly requestId: string | null
  readonly idempotencyKey: string | null
  /** A founder worked in this agency from outside. */
  readonly bypass: boolean
  /** How many like events the row stands for. */
  readonly count: number | null
  /** What stood sealed beside the row; null where nothing did, or where it cannot be opened. */
  readonly payload: unknown
  readonly accessReason: string | null
  readonly before: unknown
  readonly after: unknown
  /** False where a sealed value could not be opened: another key, or not what was sealed. */
  readonly readable: boolean
  readonly lane: number
  readonly seq: number
  /** 64 hex digits. */
  readonly hash: string
}

export const eventColumns = ['lane', 'seq', 'outcome', 'reason', ...auditInput.map(({ name }) => name), 'hash'].join(', ')

interface Opened {
  readonly request?: unknown
  readonly accessReason?: string
  readonly before?: unknown
  readonly after?: unknown
}

const unreadable = Symbol('unreadable')

const opened = (cipher: PayloadCipher, event: StoredEvent, column: 'payload' | 'changes'): Opened | typeof unreadable => {
  const sealed = event[column] as Buffer | null
  if (sealed === null) return {}
  try {
    return JSON.parse(cipher.open(sealed, { agencyId: event.agency_id as string, eventId: event.id as string, column })) as Opened
  } catch {
    return unreadable
  }
}

/** Opens what is sealed in a stored row. */
export const auditRecord = (cipher: PayloadCipher, event: StoredEvent): AuditRecord => {
  const payload = opened(cipher, event, 'payload')
  const changes = opened(cipher, event, 'changes')
  const readable = payload !== unreadable && changes !== unreadable
  const text = (name: keyof StoredEvent): string | null => event[name] as string | null
  return {
    id: event.id as string,
    agencyId: event.agency_id as string,
    at: (event.at as Date).toISOString(),
    action: event.action as string,
    outcome: event.outcome,
    reason: event.reason,
    userId: text('user_id'),
    role: text('role'),
    agentId: text('agent_id'),
    policyVersionId: text('policy_version_id'),
    underRole: text('under_role'),
    patientId: text('patient_id'),
    entityType: text('entity_type'),
    entityId: text('entity_id'),
    ip: text('ip'),
    requestId: text('request_id'),
    idempotencyKey: text('idempotency_key'),
    bypass: event.bypass as boolean,
    count: event.count as number | null,
    payload: payload === unreadable ? null : (payload.request ?? null),
    accessReason: payload === unreadable ? null : (payload.accessReason ?? null),
    before: changes === unreadable ? null : (changes.before ?? null),
    after: changes === unreadable ? null : (changes.after ?? null),
    readable,
    lane: event.lane,
    seq: Number(event.seq),
    hash: event.hash.toString('hex'),
  }
}
