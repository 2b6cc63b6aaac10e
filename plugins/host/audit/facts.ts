import { isUuid } from '../../../domain/shared/ids.ts'
import type { PayloadCipher } from '../crypto/index.ts'
import type { Delegation } from '../principal.ts'
import type { AuditInputRow } from './audit-input.ts'

/**
 * One event as its caller knows it. Whoever calls keeps credentials out of `payload`, `before` and `after` (`redactCredentials`).
 * @see 02B, Audit
 */
export interface AuditFacts {
  /** The audit id, which the row that a write makes carries too. */
  readonly id: string
  /** `platformAgency` where there is none. */
  readonly agencyId: string
  /** Milliseconds since the epoch. */
  readonly at: number
  /** The operation's name. */
  readonly action: string
  readonly userId: string | null
  readonly role: string | null
  readonly agent: Delegation | null
  /** Of people's tokens; an agent's comes with `agent`. */
  readonly policyVersionId?: string | null
  readonly patientId: string | null
  readonly entityType: string | null
  readonly entityId: string | null
  readonly ip: string | null
  readonly requestId: string | null
  readonly idempotencyKey: string | null
  readonly bypass: boolean
  /** Why a founder entered another agency; sealed beside the payload. */
  readonly accessReason?: string | null
  /** The request as JSON, or `{ size, sha256 }` of one that may not be kept. */
  readonly payload: unknown
  readonly before?: unknown
  readonly after?: unknown
  /** How many like events this row stands for. */
  readonly count?: number | null
}

const longest = 1_024

/** Text that PostgreSQL can store, whatever a hostile request put into it: an attempt must leave its row. */
const storable = (text: string | null | undefined): string | null => {
  if (text === null || text === undefined) return null
  const cut = text.length > longest ? text.slice(0, longest) : text
  return cut.toWellFormed().replaceAll('\0', '\uFFFD')
}

const uuidOrNull = (text: string | null): string | null => (text !== null && isUuid(text) ? text : null)

const sealedPayload = (cipher: PayloadCipher, { id, agencyId, payload, accessReason }: AuditFacts): Buffer | null => {
  if (payload === undefined && !accessReason) return null
  const content = JSON.stringify({ request: payload, ...(accessReason ? { accessReason } : {}) })
  return cipher.seal(content, { agencyId, eventId: id, column: 'payload' })
}

const sealedChanges = (cipher: PayloadCipher, { id, agencyId, before, after }: AuditFacts): Buffer | null => {
  if (before === undefined && after === undefined) return null
  return cipher.seal(JSON.stringify({ before, after }), { agencyId, eventId: id, column: 'changes' })
}

/** The columns of one event, by the names of `auditInput`, sealed and ready to be encoded. */
export const auditColumns = (cipher: PayloadCipher, facts: AuditFacts): AuditInputRow => {
  const { agent } = facts
  return {
    id: facts.id,
    agency_id: facts.agencyId,
    at: new Date(facts.at).toISOString(),
    action: storable(facts.action),
    user_id: storable(facts.userId),
    role: storable(facts.role),
    agent_id: storable(agent?.agentId),
    policy_version_id: storable(agent?.policyVersionId ?? facts.policyVersionId),
    under_role: storable(agent?.underRole),
    patient_id: uuidOrNull(facts.patientId),
    entity_type: storable(facts.entityType),
    entity_id: storable(facts.entityId),
    ip: storable(facts.ip),
    request_id: uuidOrNull(facts.requestId),
    idempotency_key: storable(facts.idempotencyKey),
    bypass: facts.bypass,
    count: facts.count ?? null,
    payload: sealedPayload(cipher, facts),
    changes: sealedChanges(cipher, facts),
  }
}
