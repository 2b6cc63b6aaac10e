import type { FastifyInstance, FastifyRequest } from 'fastify'
import { Refusal } from '../../domain/shared/refusal.ts'
import { redactCredentials, type AuditFacts } from './audit/index.ts'
import type { Host } from './host.ts'
import { placeOf, type Log } from './log.ts'
import { refusalOf, sendProblem } from './problem-replies.ts'
import { factsOf, type RequestCall } from './request-call.ts'

const sourceOf = (call: RequestCall): string => (call.principal ? `${call.principal.agencyId}:${call.principal.userId}` : call.ip)

/**
 * The facts of a refused attempt. What passed validation has no field that could hold a credential; what did not may have: of such a
 * value the audit keeps its place and the rule.
 */
const refusedFacts = (call: RequestCall, request: FastifyRequest, { details: { patientId } }: Refusal): AuditFacts => {
  const facts = factsOf(call, request, patientId ? { body: null, patientId } : null)
  return { ...facts, payload: redactCredentials(facts.payload, { text: call.operation.refusesCredentials === true }).payload }
}

/** A refused attempt leaves its row before it is answered; where it cannot, the answer is that the store is down. */
const audited = async (host: Host, call: RequestCall, request: FastifyRequest, refusal: Refusal): Promise<Refusal> => {
  if (call.audited || host.withoutGates.has('audit')) return refusal
  const reason = refusal.reason === 'default' ? null : refusal.reason
  try {
    await host.audit.refuse(refusedFacts(call, request, refusal), refusal.code, reason, sourceOf(call))
    return refusal
  } catch (error) {
    return error instanceof Refusal ? error : new Refusal('UPSTREAM_UNAVAILABLE')
  }
}

/** Every error of every route ends here: translated, audited, answered as a problem document. */
export const answerErrors = (app: FastifyInstance, host: () => Host, log: Log): void => {
  app.setErrorHandler(async (error, request, reply) => {
    const { call } = request
    const { refusal, defect } = refusalOf(error, call?.operation ?? null)
    if (defect) log.error('defect', { action: call?.operation.name ?? 'none', commandId: request.id, ...placeOf(error) })
    let answer = refusal
    if (call) {
      answer = await audited(host(), call, request, refusal)
      call.outcome = answer.code
    }
    sendProblem(answer, request, reply)
    return reply
  })
}
