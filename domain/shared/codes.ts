/**
 * The stable codes that portals react to. The first seven are the messaging contract and are closed.
 * @see 02B, Error Contracts (Stable)
 */
export const messagingCodes = [
  'UNAUTHORIZED',
  'FORBIDDEN',
  'CONSENT_REQUIRED',
  'CONFLICT',
  'VALIDATION_FAILED',
  'RATE_LIMITED',
  'UPSTREAM_UNAVAILABLE',
] as const

export const codes = [...messagingCodes, 'NOT_FOUND', 'INTERNAL'] as const

export type Code = (typeof codes)[number]

/**
 * Why a code was given, where one code has several causes. A reason picks the status and the catalogue text;
 * `default` is the code's ordinary cause and is not shown on the wire.
 */
export const reasons = {
  UNAUTHORIZED: ['default'],
  FORBIDDEN: ['default'],
  CONSENT_REQUIRED: ['default'],
  CONFLICT: ['default', 'duplicate', 'in-flight', 'stale', 'key-reused'],
  VALIDATION_FAILED: ['default', 'idempotency-key', 'too-large', 'media-type', 'precondition-required', 'access-reason'],
  RATE_LIMITED: ['default'],
  UPSTREAM_UNAVAILABLE: ['default', 'disabled', 'timeout', 'internal'],
  NOT_FOUND: ['default', 'method'],
  INTERNAL: ['default'],
} as const satisfies Record<Code, readonly string[]>

export type Reason<C extends Code = Code> = (typeof reasons)[C][number]
