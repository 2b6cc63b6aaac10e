import type { FastifyRequest } from 'fastify'
import { isUuid } from '../../domain/shared/ids.ts'
import type { AnyOperation } from '../../routes/shared/operation.ts'

const fieldOf = (request: FastifyRequest, place: 'params' | 'query' | 'body', field: string): string | null => {
  const part = request[place] as Record<string, unknown> | null | undefined
  const value = part?.[field]
  return typeof value === 'string' && isUuid(value) ? value : null
}

/** The patient whom a request names, as its declaration says where; null where it names none. */
export const agreedPatient = (operation: AnyOperation, request: FastifyRequest): string | null => {
  const consent = operation.consent?.patient
  if (typeof consent === 'object' && 'in' in consent) return fieldOf(request, consent.in, consent.field)
  const agreed = operation.agrees?.find((entry) => entry.claim === 'patientId')
  return agreed ? fieldOf(request, agreed.in, agreed.field) : null
}
