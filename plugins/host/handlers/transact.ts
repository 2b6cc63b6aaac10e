import { idempotencyOf, type AnyOperation } from '../../../routes/shared/operation.ts'
import type { TransactionPlan, Written } from '../database/transactions.ts'
import { isSwitchedOn } from '../gates/kill-switch.ts'
import { giveBack, refusedBefore } from '../gates/conversation-rate.ts'
import type { Host } from '../host.ts'
import { rateLimited } from '../rate-limit/headers.ts'
import { factsOf, type RequestCall } from '../request-call.ts'
import type { Outcome, TransactService } from '../service.ts'
import { callOf, consentPatient, sessionPatient } from './call-of.ts'
import { fresh, type Handler } from './handler.ts'
import { claimOf, openAnswer, sealAnswer } from './stored-answer.ts'
import type { FastifyRequest } from 'fastify'

const planOf = (host: Host, call: RequestCall, request: FastifyRequest): TransactionPlan => {
  const { operation } = call
  const asked = host.withoutGates.has('consent') ? null : consentPatient(call, request)
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
    consent: operation.consent && asked !== null ? { patientId: asked, scope: operation.consent.scope } : null,
    key: idempotencyOf(operation) === 'none' ? null : claimOf(host, call, request),
    stillOn: () => host.withoutGates.has('switch-recheck') || isSwitchedOn(host, call),
  }
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
    if (result.kind === 'replayed') {
      call.outcome = 'replayed'
      await host.audit.record(factsOf(call, request, null), 'replayed')
      call.audited = true
      return { outcome: openAnswer(host, call, result.stored), replayed: true }
    }
    if (audits && reads) await host.audit.record(factsOf(call, request, result.outcome), 'success')
    call.audited = true
    return fresh(result.outcome)
  }
}
