import type { Host } from '../host.ts'
import type { QueryService } from '../service.ts'
import type { AnyOperation } from '../../../routes/shared/operation.ts'
import { callOf, consentPatient, sessionPatient } from './call-of.ts'
import { fresh, type Handler } from './handler.ts'
import { recordRead } from './record-read.ts'

/** Serves a compiled read; the answer waits for its audit row. */
export const serveQuery = (host: Host, service: QueryService<AnyOperation>): Handler => {
  return async (request_call, request) => {
    const call = callOf(request_call, request)
    const { scope, principal } = request_call
    const session = {
      agencyId: scope ? scope.agencyId : request_call.agencyId,
      userId: principal?.userId ?? '',
      patientId: sessionPatient(request_call),
      consentPatientId: consentPatient(request_call, request),
      at: call.now,
    }
    const args = service.args(call)
    const gather = service.gather?.(call) ?? null
    // Nobody else is asked before the gates in SQL have let the request pass.
    if (gather) await host.reads.run(service.query, session, args)
    const source = gather ? await gather() : null
    const rows = await host.reads.run(service.query, session, source ? { ...args, ...source } : args)
    const outcome = service.present(rows, call, source)
    if (request_call.operation.audit === 'record' && !host.withoutGates.has('audit')) {
      await recordRead(
        host,
        request_call,
        request,
        outcome,
        rows.map((row) => row.agency_id as string),
      )
    }
    return fresh(outcome)
  }
}
