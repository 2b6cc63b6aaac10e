import { Refusal } from '../../../domain/shared/refusal.ts'
import type { Verdict, Window } from '../ports.ts'

/**
 * The value of `RateLimit-Policy`: what is granted. Constant, so build it once for each operation.
 * @see draft-ietf-httpapi-ratelimit-headers-11, section 3
 */
export const policyHeader = (windows: readonly Window[]): string =>
  windows.map(({ name, max, windowMs }) => `"${name}";q=${max};w=${Math.max(1, Math.round(windowMs / 1000))}`).join(', ')

/**
 * The value of `RateLimit`: what is left, and the seconds until there is more.
 * @see draft-ietf-httpapi-ratelimit-headers-11, section 4
 */
export const limitHeader = (verdict: Verdict): string => `"${verdict.window.name}";r=${verdict.remaining};t=${verdict.resetSeconds}`

/** The refusal of a verdict that does not allow, with its `Retry-After`. */
export const rateLimited = (verdict: Verdict): Refusal<'RATE_LIMITED'> =>
  new Refusal('RATE_LIMITED', 'default', { retryAfter: verdict.resetSeconds })
