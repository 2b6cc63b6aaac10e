import type { FastifyRequest } from 'fastify'
import type { AnyOperation, ConsentGate } from '../../../routes/shared/operation.ts'
import { Refusal } from '../../../domain/shared/refusal.ts'
import { agreedPatient } from '../agreed-patient.ts'
import type { RequestCall } from '../request-call.ts'
import type { Call } from '../service.ts'
import { anonymous } from '../principal.ts'

/** Does a founder read across all agencies? */
export const isAcross = (call: RequestCall): boolean => call.scope !== null && call.scope.agencyId === null

/** What a context's service sees of a request. */
export const callOf = (call: RequestCall, request: FastifyRequest): Call<AnyOperation> => ({
  operation: call.operation,
  principal: call.principal ?? anonymous,
  agencyId: call.agencyId,
  acrossAgencies: isAcross(call),
  accessReason: call.scope?.accessReason ?? null,
  params: request.params as never,
  query: request.query as never,
  body: request.body as never,
  now: new Date(call.at),
  requestId: call.requestId,
  auditId: call.auditId,
  ifMatch: call.ifMatch,
})

const namesNobody = (consent: ConsentGate, request: FastifyRequest): boolean => {
  const { patient } = consent
  if (typeof patient !== 'object' || !('in' in patient) || patient.optional !== true) return false
  return (request[patient.in] as Record<string, unknown> | null | undefined)?.[patient.field] === undefined
}

/**
 * Whose consent an operation asks for by the request alone, or null where the caller is exempt, each record is asked on its own, or
 * the patient stands in the row that is looked up.
 */
export const consentPatient = (call: RequestCall, request: FastifyRequest): string | null => {
  const { consent } = call.operation
  if (!consent || consent.patient === 'record' || namesNobody(consent, request)) return null
  if (typeof consent.patient === 'object' && 'column' in consent.patient) return null
  if (call.principal?.audience && consent.exempt?.includes(call.principal.audience)) return null
  const patientId = consent.patient === 'caller' ? call.principal?.patientId : agreedPatient(call.operation, request)
  // Nobody to ask is not permission.
  if (!patientId) throw new Refusal('CONSENT_REQUIRED')
  return patientId
}

/** The patient session that the restrictive policies see: only a patient's own token makes one. */
export const sessionPatient = (call: RequestCall): string | null =>
  call.principal?.audience === 'patient' ? call.principal.patientId : null
