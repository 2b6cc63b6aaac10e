import type { FastifyInstance, FastifyRequest } from 'fastify'
import { Refusal } from '../../domain/shared/refusal.ts'
import type { Host } from './host.ts'
import { placeOf, type Log } from './log.ts'
import { refusalOf, sendProblem } from './problem-replies.ts'
import { factsOf, type RequestCall } from './request-call.ts'

const sourceOf = (call: RequestCall): string => (call.principal ? `${call.principal.agencyId}:${call.principal.userId}` : call.ip)

/** A refused attempt leaves its row before it is answered; where it cannot, the answer is that the store is down. */
const audited = async (host: Host, call: RequestCall, request: FastifyRequest, refusal: Refusal): Promise<Refusal> => {
  if (call.audited || host.withoutGates.has('audit')) return refusal
  const reason = refusal.reason === 'default' ? null : refusal.reason
  try {
    const { patientId } = refusal.details
    await host.audit.refuse(factsOf(call, request, patientId ? { body: null, patientId } : null), refusal.code, reason, sourceOf(call))
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
