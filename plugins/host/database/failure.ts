import { Refusal } from '../../../domain/shared/refusal.ts'

interface DriverError {
  readonly code?: unknown
  readonly message?: unknown
}

const refusedBySql = { PT403: ['FORBIDDEN', 'CONSENT_REQUIRED', 'NOT_FOUND'] } as const

const connectionCodes = new Set(['ECONNREFUSED', 'ECONNRESET', 'EPIPE', 'ETIMEDOUT', 'ENOTFOUND'])

/** A server that cannot be reached, is out of room, on its way down, failing beneath, or that has cut an idle transaction off. */
const unavailableStates = /^(?:080|53|57P|58|25P03$)/

const looksLikeLostConnection = (message: string): boolean => /terminat|connect|timeout exceeded|Client has encountered/i.test(message)

/**
 * What a failure of the database means to the caller. The driver's message and detail can hold values, so nothing of them goes
 * further than the SQLSTATE; anything unknown comes back as null, for the operation's own defect code.
 */
export const refusalOfDatabase = (error: unknown): Refusal | null => {
  if (error instanceof Refusal) return error
  const { code, message } = (error ?? {}) as DriverError
  const state = typeof code === 'string' ? code : ''
  const text = typeof message === 'string' ? message : ''
  if (state === 'PT403') {
    const known = refusedBySql.PT403.find((candidate) => candidate === text)
    return known ? new Refusal(known) : new Refusal('FORBIDDEN')
  }
  if (state === '55P03') return new Refusal('CONFLICT', 'in-flight')
  if (state === '57014' || text === 'Query read timeout') return new Refusal('UPSTREAM_UNAVAILABLE', 'timeout')
  if (state === '40001' || state === '40P01') return new Refusal('UPSTREAM_UNAVAILABLE')
  if (connectionCodes.has(state) || unavailableStates.test(state) || (state === '' && looksLikeLostConnection(text)))
    return new Refusal('UPSTREAM_UNAVAILABLE')
  return null
}

/** Errors that blame the data of one item, a gate that refuses it, or a key that another transaction holds: the others may go without it. */
export const blamesOne = (error: unknown): boolean => /^(22|23|42|44|PT|55P03)/.test((error as { code?: string } | null)?.code ?? '')
