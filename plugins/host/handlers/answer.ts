import type { AnyOperation } from '../../../routes/shared/operation.ts'
import type { Host } from '../host.ts'
import type { AnswerService } from '../service.ts'
import { callOf } from './call-of.ts'
import { fresh, type Handler } from './handler.ts'
import { recordRead } from './record-read.ts'

/** Serves an operation that needs no domain transaction. */
export const serveAnswer = (host: Host, service: AnswerService<AnyOperation>): Handler => {
  return async (call, request) => {
    const outcome = await service.answer(callOf(call, request))
    if (call.operation.audit === 'record' && !host.withoutGates.has('audit')) {
      await recordRead(host, call, request, outcome, outcome.agencyIds ?? [])
      call.audited = true
    }
    return fresh(outcome)
  }
}
