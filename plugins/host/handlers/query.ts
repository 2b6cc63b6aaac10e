import type { Host } from '../host.ts'
import { factsOf } from '../request-call.ts'
import type { QueryService } from '../service.ts'
import type { AnyOperation } from '../../../routes/shared/operation.ts'
import { callOf, consentPatient, sessionPatient } from './call-of.ts'
import { fresh, type Handler } from './handler.ts'

/** Serves a compiled read; the answer waits for its audit row. */
export const serveQuery = (host: Host, service: QueryService<AnyOperation>): Handler => {
  return async (request_call, request) => {
    const call = callOf(request_call, request)
    const { scope, principal } = request_call
    const rows = await host.reads.run(
      service.query,
      {
        agencyId: scope ? scope.agencyId : request_call.agencyId,
        userId: principal?.userId ?? '',
        patientId: sessionPatient(request_call),
        consentPatientId: consentPatient(request_call, request),
        at: call.now,
      },
      service.args(call),
    )
    const outcome = service.present(rows, call)
    if (request_call.operation.audit === 'record' && !host.withoutGates.has('audit')) {
      await host.audit.record(factsOf(request_call, request, outcome), 'success')
    }
    return fresh(outcome)
  }
}
