import type { Code, Reason } from './codes.ts'

/** One thing that was wrong with an input: where (RFC 6901 pointer) and which rule, never the value. */
export interface Violation {
  readonly pointer: string
  readonly rule: string
}

/** What a refusal may carry besides its code. Nothing here may hold the input. */
export interface RefusalDetails {
  readonly errors?: readonly Violation[]
  /** Seconds after which another try can succeed; whole, at least 1. */
  readonly retryAfter?: number
  /** Further members of the problem document, such as `blockers`; each must be in the route's schema. */
  readonly extension?: Readonly<Record<string, unknown>>
  /** The patient whom the refused attempt concerned, where a record and not the request names them: for its audit row, never sent. */
  readonly patientId?: string
  /** What happened, for the operator's eyes only: never sent, never logged with input. */
  readonly cause?: unknown
}

/**
 * The one way to say no. It knows nothing of HTTP: `routes/shared/problems.ts` turns code and reason into a status
 * and a catalogue text.
 */
export class Refusal<C extends Code = Code> extends Error {
  readonly code: C
  readonly reason: Reason<C>
  readonly details: RefusalDetails

  constructor(code: C, reason: Reason<C> = 'default' as Reason<C>, details: RefusalDetails = {}) {
    super(reason === 'default' ? code : `${code} (${reason})`, details.cause === undefined ? undefined : { cause: details.cause })
    this.name = 'Refusal'
    this.code = code
    this.reason = reason
    this.details = details
  }
}

/** Refuses an input for one violated rule. */
export const invalid = (pointer: string, rule: string): Refusal<'VALIDATION_FAILED'> =>
  new Refusal('VALIDATION_FAILED', 'default', { errors: [{ pointer, rule }] })
