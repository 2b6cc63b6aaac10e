import { Refusal } from '../../../domain/shared/refusal.ts'

interface DriverError {
  readonly code?: unknown
  readonly message?: unknown
}

const refusedBySql = { PT403: ['FORBIDDEN', 'CONSENT_REQUIRED', 'NOT_FOUND'] } as const

const connectionCodes = new Set([
  'ECONNREFUSED',
  'ECONNRESET',
  'EPIPE',
  'ETIMEDOUT',
  'ENOTFOUND',
  '57P01',
  '57P02',
  '57P03',
  '53300',
  '08006',
  '08003',
  '08001',
])

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
  if (connectionCodes.has(state) || (state === '' && looksLikeLostConnection(text))) return new Refusal('UPSTREAM_UNAVAILABLE')
  return null
}
