import { Type } from '@sinclair/typebox'
import type { Code, Reason } from '../../domain/shared/codes.ts'

interface Entry {
  readonly status: number
  /** Fixed text for people: what was wrong and what to do. Never an echo of input. */
  readonly detail: string
}

type Catalogue = { readonly [C in Code]: { readonly title: string; readonly reasons: { readonly [R in Reason<C>]: Entry } } }

/**
 * Every problem that Postern can answer with. A new code or reason does not compile until it has a status and a text.
 * @see RFC 9457
 */
export const catalogue: Catalogue = {
  UNAUTHORIZED: {
    title: 'Not signed in',
    reasons: {
      default: {
        status: 401,
        detail: 'The access token is missing, expired or not accepted here. Sign in again and send a fresh bearer token.',
      },
    },
  },
  FORBIDDEN: {
    title: 'Not allowed',
    reasons: {
      default: {
        status: 403,
        detail: 'Your sign-in does not permit this operation on this record. Check the account, its role and its scopes.',
      },
    },
  },
  CONSENT_REQUIRED: {
    title: 'Consent is needed',
    reasons: {
      default: {
        status: 403,
        detail: 'The patient has no active consent of the scope that this operation needs. The patient can grant it.',
      },
    },
  },
  CONFLICT: {
    title: 'Conflict',
    reasons: {
      default: { status: 409, detail: 'The state of the record does not allow this change. Read the record again and decide anew.' },
      duplicate: { status: 409, detail: 'A record that must be unique exists already.' },
      'in-flight': {
        status: 409,
        detail: 'A request with the same idempotency key is still being worked on. Try again with the same key.',
      },
      stale: { status: 412, detail: 'The record has changed since it was read. Read it again and send its current ETag in If-Match.' },
      'key-reused': { status: 422, detail: 'This idempotency key was used for another request. Use a new key for a new request.' },
    },
  },
  VALIDATION_FAILED: {
    title: 'Not valid',
    reasons: {
      default: { status: 400, detail: 'The request breaks a rule of its schema. The errors name where and which; nothing was stored.' },
      'idempotency-key': {
        status: 400,
        detail: 'The Idempotency-Key header is missing or malformed: 1 to 255 visible ASCII characters, bare or in double quotes.',
      },
      'access-reason': { status: 400, detail: 'X-Agency needs X-Access-Reason: 20 to 500 characters that say why.' },
      'too-large': { status: 413, detail: 'The request body is larger than this operation accepts.' },
      'media-type': { status: 415, detail: 'The media type of the body, or of an uploaded file, is not accepted here.' },
      'precondition-required': { status: 428, detail: 'This operation needs If-Match with the ETag of the record as last read.' },
    },
  },
  RATE_LIMITED: {
    title: 'Too many requests',
    reasons: { default: { status: 429, detail: 'Too many requests in too short a time. Wait as long as Retry-After says.' } },
  },
  UPSTREAM_UNAVAILABLE: {
    title: 'Not available now',
    reasons: {
      default: { status: 503, detail: 'A part that this operation depends on does not answer. Nothing was stored; try again later.' },
      disabled: { status: 503, detail: 'This operation is switched off for now. Reading goes on as before.' },
      timeout: {
        status: 504,
        detail: 'A part that this operation depends on took too long. Try again later with the same idempotency key.',
      },
      internal: {
        status: 503,
        detail: 'The operation failed on our side. Nothing was stored; try again later with the same idempotency key.',
      },
    },
  },
  NOT_FOUND: {
    title: 'Not found',
    reasons: {
      default: { status: 404, detail: 'There is nothing here that you may see.' },
      method: { status: 405, detail: 'This resource does not support the method. The Allow header lists those that it does.' },
    },
  },
  INTERNAL: {
    title: 'Internal error',
    reasons: { default: { status: 500, detail: 'Something failed on our side. Report the instance identifier if it persists.' } },
  },
}

/** The status of a code and reason. */
export const statusOf = <C extends Code>(code: C, reason: Reason<C>): number => entryOf(code, reason).status

/** The catalogue text of a code and reason. */
export const detailOf = <C extends Code>(code: C, reason: Reason<C>): string => entryOf(code, reason).detail

const entryOf = (code: Code, reason: string): Entry => (catalogue[code].reasons as Record<string, Entry>)[reason]!

/** `FORBIDDEN` is explained at `/problems/forbidden`. */
export const typeOf = (code: Code): string => `/problems/${code.toLowerCase().replaceAll('_', '-')}`

/** The body of every refusal. `code` is what portals react to. */
export const problemSchema = (codes: readonly Code[]) =>
  Type.Object(
    {
      type: Type.String({ description: 'URI reference of the page that explains the code' }),
      title: Type.String(),
      status: Type.Integer(),
      detail: Type.String({ description: 'From a fixed catalogue; never repeats the request' }),
      instance: Type.String({ description: 'urn:uuid: of the request id' }),
      code: Type.Unsafe<Code>({ type: 'string', enum: [...codes] }),
      reason: Type.Optional(Type.String()),
      errors: Type.Optional(Type.Array(Type.Object({ pointer: Type.String(), rule: Type.String() }))),
    },
    { additionalProperties: true },
  )
