import { idempotencyOf, type AnyOperation } from '../../../routes/shared/operation.ts'
import type { TransactionPlan, Written } from '../database/transactions.ts'
import { isSwitchedOn } from '../gates/kill-switch.ts'
import { giveBack, refusedBefore } from '../gates/conversation-rate.ts'
import type { Host } from '../host.ts'
import { rateLimited } from '../rate-limit/headers.ts'
import { factsOf, type RequestCall } from '../request-call.ts'
import type { Outcome, TransactService } from '../service.ts'
import { callOf, consentPatient, sessionPatient } from './call-of.ts'
import { fresh, type Handled, type Handler } from './handler.ts'
import { claimOf, openAnswer, sealAnswer } from './stored-answer.ts'
import type { FastifyRequest } from 'fastify'

const consentOf = (call: RequestCall, request: FastifyRequest): TransactionPlan['consent'] => {
  const { consent } = call.operation
  if (!consent) return null
  if (typeof consent.patient === 'object' && 'column' in consent.patient)
    return { patientId: null, column: consent.patient.column, scope: consent.scope, optional: consent.patient.optional === true }
  const patientId = consentPatient(call, request)
  // A record that the request names tells later whose consent it is.
  if (patientId === null) return consent.through ? { patientId, scope: consent.scope, optional: true } : null
  return { patientId, scope: consent.scope }
}

const draftOf = (call: RequestCall, request: FastifyRequest): TransactionPlan['draft'] => {
  const through = call.operation.consent?.through
  const id = through && (request[through.in] as Record<string, unknown>)[through.field]
  return typeof id === 'string' ? { id, pointer: `/${through!.field}`, scope: through!.scope } : null
}

/** What the operation's transaction is opened with, from its declaration and the request. */
export const planOf = (host: Host, call: RequestCall, request: FastifyRequest): TransactionPlan => {
  const { operation } = call
  const { ownership } = operation
  return {
    operation: operation.name,
    effect: operation.effect,
    agencyId: call.agencyId,
    patientId: sessionPatient(call),
    userId: call.principal!.userId,
    at: new Date(call.at),
    auditId: call.auditId,
    ownership:
      ownership && !host.withoutGates.has('ownership')
        ? { gate: ownership, id: String((request.params as Record<string, unknown>)[ownership.param]) }
        : null,
    consent: host.withoutGates.has('consent') ? null : consentOf(call, request),
    draft: host.withoutGates.has('consent') ? null : draftOf(call, request),
    key: idempotencyOf(operation) === 'none' ? null : claimOf(host, call, request),
    stillOn: () => host.withoutGates.has('switch-recheck') || isSwitchedOn(host, call),
  }
}

/** Answers with what was answered the first time, after its own row in the audit. */
export const replay = async (host: Host, call: RequestCall, request: FastifyRequest, stored: Buffer): Promise<Handled> => {
  call.outcome = 'replayed'
  await host.audit.record(factsOf(call, request, null), 'replayed')
  call.audited = true
  return { outcome: openAnswer(host, call, stored), replayed: true }
}

/** Serves an operation in a domain transaction of MikroORM. A write's audit row is in it; a read's follows and is waited for. */
export const serveTransact = (host: Host, service: TransactService<AnyOperation>): Handler => {
  return async (call, request) => {
    const reads = call.operation.effect === 'read'
    const audits = call.operation.audit === 'record' && !host.withoutGates.has('audit')
    const plan = planOf(host, call, request)
    const written = (outcome: Outcome): Written<unknown> => ({
      outcome,
      audit: audits && !reads ? host.audit.input(factsOf(call, request, outcome)) : null,
      status: call.operation.reply.status,
      sealed: plan.key ? sealAnswer(host, call, outcome) : null,
    })
    if (!call.withinLimits) throw rateLimited(call.verdict!)
    const result = await host.transactions
      .run(plan, async (tx) => written(await service.transact(callOf(call, request), tx)))
      .catch((error: unknown) => {
        if (refusedBefore(error)) giveBack(host, call)
        throw error
      })
    if (result.kind === 'replayed') return replay(host, call, request, result.stored)
    if (audits && reads) await host.audit.record(factsOf(call, request, result.outcome), 'success')
    call.audited = true
    return fresh(result.outcome)
  }
}
