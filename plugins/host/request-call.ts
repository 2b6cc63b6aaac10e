import type { FastifyRequest } from 'fastify'
import { isUuid, newId, platformAgency } from '../../domain/shared/ids.ts'
import { agreedPatient } from './agreed-patient.ts'
import { keyOf } from './idempotency-key.ts'
import { idempotencyOf, type AnyOperation } from '../../routes/shared/operation.ts'
import type { AuditFacts } from './audit/index.ts'
import { maskNumbers } from './audit/mask-numbers.ts'
import type { Verdict, Window } from './ports.ts'
import type { AgencyScope, Delegation, Principal } from './principal.ts'
import type { Outcome } from './service.ts'

/** Size and digest of a body that cannot stand in the audit as it came. */
export interface BodyDigest {
  readonly size: number
  readonly sha256: string | null
}

/** The file that came with a request, for its audit row and its key; never its content. */
export interface FileFacts {
  readonly name: string | null
  readonly sizeBytes: number
  readonly sha256: string
  readonly contentType: string
}

/** The state of one request on its way through the gates. One class, one shape: it is made for every request. */
export class RequestCall {
  readonly operation: AnyOperation
  readonly requestId: string
  /** `performance.now()` at arrival. */
  readonly arrivedAt: number
  /** Unix milliseconds: when it arrived, and from its admission on when it was whole, so that a slow body outlasts no consent. */
  at: number
  #auditId: string | null = null
  readonly ip: string
  principal: Principal | null = null
  scope: AgencyScope | null = null
  idempotencyKey: string | null = null
  ifMatch: string | null = null
  bodyDigest: BodyDigest | null = null
  file: FileFacts | null = null
  verdict: Verdict | null = null
  /** Windows taken for a per-parameter limit, so that they can be given back. */
  taken: { readonly key: string; readonly windows: readonly Window[] }[] = []
  /** The verdict of the per-parameter limits, which is acted on in SQL so that ownership and consent come first. */
  withinLimits = true
  /** Set where the audit row was written with the operation's own transaction. */
  audited = false
  outcome = 'success'
  /** The agent that acts for the caller's own request, once it does. */
  agent: Delegation | null = null

  constructor(operation: AnyOperation, requestId: string, ip: string, at: number, arrivedAt: number) {
    this.operation = operation
    this.requestId = requestId
    this.ip = ip
    this.at = at
    this.arrivedAt = arrivedAt
  }

  /** Made when first asked for: not every request leaves a row. */
  get auditId(): string {
    return (this.#auditId ??= newId(this.at))
  }

  /** The agency in which the request works. */
  get agencyId(): string {
    return this.scope?.agencyId ?? (this.scope ? platformAgency : (this.principal?.agencyId ?? platformAgency))
  }
}

const nonEmpty = (value: unknown): value is object => typeof value === 'object' && value !== null && Object.keys(value).length > 0

/**
 * What the audit keeps of a request: its parameters and body, or size and digest where it was not to be believed; and whose records a
 * list of several people's held, so that a patient's are found to have been read.
 */
const payloadOf = (call: RequestCall, request: FastifyRequest, outcome: Outcome | null): unknown => {
  if (call.principal === null || call.bodyDigest) return call.bodyDigest ?? undefined
  const payload: Record<string, unknown> = {}
  if (nonEmpty(request.params)) payload['params'] = request.params
  if (nonEmpty(request.query)) payload['query'] = request.query
  if (request.body !== undefined && request.body !== null) payload['body'] = request.body
  if (call.file) payload['file'] = call.file
  const one = outcome?.patientId ?? call.principal.patientId
  if (!one && outcome?.patientIds && outcome.patientIds.length > 0) payload['patientIds'] = [...new Set(outcome.patientIds)]
  return nonEmpty(payload) ? maskNumbers(call.operation, payload) : undefined
}

const entityIdOf = (call: RequestCall, request: FastifyRequest, outcome: Outcome | null): string | null => {
  if (outcome?.entityId) return outcome.entityId
  const { param, member } = call.operation.entity ?? {}
  const [from, name] = param ? [request.params, param] : [request.body, member]
  const value =
    name && typeof from === 'object' && from !== null && Object.hasOwn(from, name) ? (from as Record<string, unknown>)[name] : null
  // This column is not sealed: what is no id stays in the payload.
  return typeof value === 'string' && isUuid(value) ? value : null
}

/** The key of an attempt, also of one that was refused before the key was looked at. @see 02B, Audit */
const attemptKey = (call: RequestCall, request: FastifyRequest): string | null =>
  call.idempotencyKey ?? (idempotencyOf(call.operation) === 'none' ? null : keyOf(request))

/** The facts of a request for its audit row. */
export const factsOf = (call: RequestCall, request: FastifyRequest, outcome: Outcome | null): AuditFacts => {
  const { principal } = call
  return {
    id: call.auditId,
    agencyId: call.agencyId,
    at: call.at,
    action: call.operation.name,
    userId: principal?.userId ?? null,
    role: principal?.role ?? null,
    agent: principal?.agent ?? call.agent,
    patientId: outcome?.patientId ?? principal?.patientId ?? agreedPatient(call.operation, request),
    entityType: call.operation.entity?.type ?? null,
    entityId: entityIdOf(call, request, outcome),
    ip: call.ip,
    requestId: call.requestId,
    idempotencyKey: attemptKey(call, request),
    bypass: call.scope?.bypass ?? false,
    accessReason: call.scope?.accessReason ?? null,
    payload: payloadOf(call, request, outcome),
    before: outcome?.before,
    after: outcome?.after,
  }
}
