import type { AuditOutcome, breakKinds } from '../../domain/audit/index.ts'
import type { AiActionWire, EventWire, VerificationWire } from './schemas.ts'

/** An event as the audit store gives it. */
type StoredEvent = Omit<EventWire, 'chain' | 'outcome'> & {
  readonly outcome: string
  readonly lane: number
  readonly seq: number
  readonly hash: string
}

/** What the store knows of an event beyond the wire. */
export const showEvent = ({ lane, seq, hash, ...event }: StoredEvent): EventWire => ({
  id: event.id,
  agencyId: event.agencyId,
  at: event.at,
  action: event.action,
  outcome: event.outcome as AuditOutcome,
  reason: event.reason,
  userId: event.userId,
  role: event.role,
  agentId: event.agentId,
  policyVersionId: event.policyVersionId,
  underRole: event.underRole,
  patientId: event.patientId,
  entityType: event.entityType,
  entityId: event.entityId,
  ip: event.ip,
  requestId: event.requestId,
  idempotencyKey: event.idempotencyKey,
  bypass: event.bypass,
  accessReason: event.accessReason,
  count: event.count,
  payload: event.payload,
  before: event.before,
  after: event.after,
  readable: event.readable,
  chain: { lane, seq, hash },
})

/** An action of an agent. */
export const showAiAction = (action: Omit<AiActionWire, 'outcome'> & { readonly outcome: string }): AiActionWire => ({
  id: action.id,
  agencyId: action.agencyId,
  at: action.at,
  executedBy: action.executedBy,
  agentId: action.agentId,
  policyVersionId: action.policyVersionId,
  underRole: action.underRole,
  userId: action.userId,
  action: action.action,
  outcome: action.outcome as AuditOutcome,
  reason: action.reason,
  patientId: action.patientId,
  entityType: action.entityType,
  entityId: action.entityId,
  requestId: action.requestId,
})

interface Verified extends Omit<VerificationWire, 'heads' | 'firstBreak'> {
  readonly heads: readonly { readonly lane: number; readonly seq: number; readonly hash: string }[]
  readonly firstBreak?: {
    readonly kind: (typeof breakKinds)[number]
    readonly lane: number
    readonly seq: number
    readonly id?: string
    readonly detail: string
  }
}

/** The result of a verification. */
export const showVerification = ({ valid, rows, heads, checkpoint, checkedAt, firstBreak }: Verified): VerificationWire => ({
  valid,
  rows,
  heads: heads.map(({ lane, seq, hash }) => ({ lane, seq, hash })),
  checkpoint: checkpoint && { signedAt: checkpoint.signedAt, heads: checkpoint.heads, matched: checkpoint.matched },
  checkedAt,
  ...(firstBreak
    ? {
        firstBreak: {
          kind: firstBreak.kind,
          lane: firstBreak.lane,
          seq: firstBreak.seq,
          detail: firstBreak.detail,
          ...(firstBreak.id ? { id: firstBreak.id } : {}),
        },
      }
    : {}),
})
