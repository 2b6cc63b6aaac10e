import { Refusal } from '../../../domain/shared/refusal.ts'

/** A token that is not accepted. `cause` names the check that failed, for the operator; it never holds a value of the token. */
export const unauthorized = (cause: string): Refusal<'UNAUTHORIZED'> => new Refusal('UNAUTHORIZED', 'default', { cause })

/** Something that judging the token depends on cannot be had: the issuer's keys, the agency's modules. */
export const cannotTell = (cause?: unknown): Refusal<'UPSTREAM_UNAVAILABLE'> => new Refusal('UPSTREAM_UNAVAILABLE', 'default', { cause })
