import type { AnyOperation } from '../../../routes/shared/operation.ts'
import type { Host } from '../host.ts'
import { factsOf } from '../request-call.ts'
import type { AnswerService } from '../service.ts'
import { callOf } from './call-of.ts'
import { fresh, type Handler } from './handler.ts'

/** Serves an operation that needs no domain transaction. */
export const serveAnswer = (host: Host, service: AnswerService<AnyOperation>): Handler => {
  return async (call, request) => {
    const outcome = await service.answer(callOf(call, request))
    if (call.operation.audit === 'record' && !host.withoutGates.has('audit')) {
      await host.audit.record(factsOf(call, request, outcome), 'success')
      call.audited = true
    }
    return fresh(outcome)
  }
}
