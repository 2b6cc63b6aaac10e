import type { FastifyRequest } from 'fastify'
import { Refusal } from '../../../domain/shared/refusal.ts'
import type { Code, Reason } from '../../../domain/shared/codes.ts'
import { idempotencyOf, type AnyOperation } from '../../../routes/shared/operation.ts'
import type { WriteResult } from '../database/compiled-writes.ts'
import { giveBack, refusedBefore } from '../gates/conversation-rate.ts'
import { isSwitchedOn } from '../gates/kill-switch.ts'
import type { Host } from '../host.ts'
import { rateLimited } from '../rate-limit/headers.ts'
import { factsOf, type RequestCall } from '../request-call.ts'
import type { Outcome, StatementService } from '../service.ts'
import type { AuditInputRow } from '../audit/index.ts'
import { batchOf, columnsOf, sessionOf } from '../sql/compile-write.ts'
import { functionName } from '../sql/compiled.ts'
import type { Row } from '../sql/statement.ts'
import type { ClaimedKey } from '../database/transactions.ts'
import { callOf } from './call-of.ts'
import { fresh, type Handler } from './handler.ts'
import { claimOf, openAnswer, sealAnswer } from './stored-answer.ts'

/** The item's values by column. A context fills in the columns that it declared, and none of the host's; the audit's inputs stand apart. */
const itemOf = (host: Host, call: RequestCall, key: ClaimedKey | null, outcome: Outcome, own: Row, audit: AuditInputRow): Row => ({
  own,
  audit,
  agency_id: call.agencyId,
  patient_id: call.principal!.patientId,
  user_id: call.principal!.userId,
  at: call.at,
  audit_id: call.auditId,
  within_limits: call.withinLimits,
  key: key?.key,
  fingerprint: key?.fingerprint,
  expires_at: key?.expiresAt,
  response: key ? sealAnswer(host, call, outcome) : null,
})

const refusalOf = (call: RequestCall, result: WriteResult): Refusal => {
  if (result.outcome === 'RATE_LIMITED') return rateLimited(call.verdict!)
  return new Refusal(result.outcome as Code, (result.reason ?? 'default') as Reason)
}

/** Serves a compiled write: gates, key, statement and audit row in one durable transaction, shared with concurrent ones. */
export const serveStatement = (host: Host, service: StatementService<AnyOperation>): Handler => {
  const name = functionName(service.statement.operation)
  const columns = columnsOf(service.statement)
  const conflicts = service.statement.conflicts ?? []
  const keyed = idempotencyOf(service.statement.operation) !== 'none'
  const recheck = !host.withoutGates.has('switch-recheck')
  // What the domain finds wrong with a body is validation, which comes before the limits of a record.
  const prepare = (call: RequestCall, request: FastifyRequest) => {
    try {
      return service.prepare(callOf(call, request))
    } catch (error) {
      giveBack(host, call)
      throw error
    }
  }
  return async (call, request) => {
    const { row, outcome } = prepare(call, request)
    const key = keyed ? claimOf(host, call, request) : null
    const item = itemOf(host, call, key, outcome, row, host.audit.input(factsOf(call, request, outcome)))
    const session = sessionOf(service.statement, item)
    const result = await host.writes.run({
      function: name,
      batch: batchOf(service.statement, item),
      session,
      order: `${session}:${call.principal!.userId}:${key?.key ?? call.auditId}`,
      columns,
      conflicts,
      item,
      stillOn: () => !recheck || isSwitchedOn(host, call),
    })
    call.audited = true
    if (result.outcome === 'success') return fresh(outcome)
    call.outcome = result.outcome
    if (result.outcome === 'replayed') return { outcome: openAnswer(host, call, result.stored!), replayed: true }
    const refusal = refusalOf(call, result)
    if (refusedBefore(refusal)) giveBack(host, call)
    throw refusal
  }
}
