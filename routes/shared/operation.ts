import type { Static, TSchema } from '@sinclair/typebox'
import type { Code } from '../../domain/shared/codes.ts'
import type { FileDownload, FileUpload, ResumableStep } from './files.ts'

/** What an operation may do to the world; it picks the database role and the transaction mode. */
export const effects = ['read', 'draft', 'advise', 'write', 'admin'] as const
export type Effect = (typeof effects)[number]

/** Who an operation is for. `public` needs no token; every other one does. */
export const audiences = ['patient', 'provider', 'service', 'staff', 'public'] as const
export type Audience = (typeof audiences)[number]

export const consentScopes = ['messaging', 'clinical-documentation', 'appointments', 'advisor'] as const
export type ConsentScope = (typeof consentScopes)[number]

export type Method = 'GET' | 'HEAD' | 'POST' | 'PUT' | 'PATCH' | 'DELETE'

/** A value of the request that must agree with a claim of the caller's token, never widen it. */
export interface AgreesWithToken {
  readonly claim: 'patientId' | 'providerId'
  readonly in: 'params' | 'query' | 'body'
  readonly field: string
  /** The audiences whose token carries the claim; others are not compared. */
  readonly audiences: readonly Audience[]
  /** Roles whose sight the claim does not bound: one of them, and the caller may name anybody. */
  readonly exceptRoles?: readonly string[]
}

/** The row that the caller must own. The host turns it into SQL that runs in the operation's own transaction. */
export interface Ownership {
  readonly table: string
  /** The path parameter that names the row. */
  readonly param: string
  /** The column that must equal the caller's claim. */
  readonly owner: { readonly column: string; readonly claim: 'patientId' | 'sub' }
  /** What another's row and an absent row both answer. */
  readonly refusal: 'FORBIDDEN' | 'NOT_FOUND'
}

export interface ConsentGate {
  readonly scope: ConsentScope
  /**
   * Whose consent: the calling patient's; that of the patient named in the request, or of each record (asked by the query) where
   * `optional` says that none need be named; that of the patient in a column of the row that `ownership` looks up, where `optional`
   * says that a row may be about nobody; or of each record.
   */
  readonly patient:
    | 'caller'
    | { readonly in: 'query' | 'body'; readonly field: string; readonly optional?: true }
    | { readonly column: string; readonly optional?: true }
    | 'record'
  /**
   * The caller's own record of another context, which the request may name: a host port says whose patient it is of. That patient is
   * asked, for `scope` besides; a patient named beside it must be the same.
   */
  readonly through?: { readonly port: 'own-draft'; readonly in: 'body'; readonly field: string; readonly scope: ConsentScope }
  /** Audiences that are not asked: a patient reads their own. */
  readonly exempt?: readonly Audience[]
}

export interface RateGate {
  /** A policy of `config/limits.ts`. */
  readonly policy: string
  /** What is counted: the caller, or the caller and one path parameter. */
  readonly per: 'user' | { readonly param: string }
}

/**
 * An operation declares itself; the host wires every gate from this and from nothing else.
 * @see design: every operation declares itself; a route without a declaration cannot register
 */
export interface Operation<
  Params extends TSchema = TSchema,
  Query extends TSchema = TSchema,
  Body extends TSchema = TSchema,
  Reply extends TSchema = TSchema,
> {
  /** The operation's name in code, audit, logs and OpenAPI (`operationId`): camelCase, unique in the host. */
  readonly name: string
  readonly summary: string
  readonly description?: string
  readonly method: Method
  /** Path below `/api`, with `:params`. */
  readonly path: string
  readonly effect: Effect
  readonly audience: readonly Audience[]
  /** Scopes of which the caller needs one. Empty only for `public`, and for `me`-like operations with `anyScope`. */
  readonly scopes: readonly string[]
  /** Says that every authenticated caller of the audience may call it, whatever their scopes. */
  readonly anyScope?: boolean
  readonly killSwitch?: string
  /**
   * Opens by a ticket in the query as well: an address of 60 s for one use, handed out by another operation to a caller who may call
   * this one. Its query declares `ticketQuery`.
   */
  readonly ticket?: true
  readonly agrees?: readonly AgreesWithToken[]
  readonly ownership?: Ownership
  readonly consent?: ConsentGate
  readonly limits?: readonly RateGate[]
  /** Is it open to a suspended provider although it changes something? Reads are. */
  readonly whileSuspended?: true
  /** `accepted` is the default of every POST, `none` of everything else. */
  readonly idempotency?: 'required' | 'accepted' | 'none'
  readonly ifMatch?: boolean
  /** `record`: every attempt and every answer is audited (writes, and reads of a person's record); `refusals`: only refusals are. */
  readonly audit: 'record' | 'refusals'
  /** Refuses what looks like a credential, by the name of a field at any depth or by what a text says: 400, rule `credential`. */
  readonly refusesCredentials?: true
  /** What kind of thing an audit row is about, and the path parameter, or the member of the body, that names it. */
  readonly entity?: { readonly type: string; readonly param?: string; readonly member?: string }
  /** Codes beyond those that the gates themselves can give. */
  readonly problems?: readonly Code[]
  /** The closed set that a messaging write may answer with: unknown failures become UPSTREAM_UNAVAILABLE (`internal`). */
  readonly closed?: boolean
  /** Largest body in bytes; 262 144 unless told. */
  readonly maxBody?: number
  /** May a founder read it across all agencies (`X-Agency: *`)? Reads only. */
  readonly acrossAgencies?: boolean
  readonly tags?: readonly string[]
  readonly params?: Params
  readonly query?: Query
  readonly body?: Body
  /** Takes a file beside the fields of `body`; served by an `UploadService`. */
  readonly upload?: FileUpload
  /** Answers with a stored document; served by a `DownloadService`. */
  readonly download?: FileDownload
  /** One of the requests of a resumable upload, which the host serves: `{ resumable: … }`. */
  readonly resumable?: ResumableStep
  /** Status and schema of the one successful answer; `null` for 204. */
  readonly reply: { readonly status: 200 | 201 | 204; readonly schema: Reply | null; readonly contentType?: string }
}

export type AnyOperation = Operation<any, any, any, any>

/** Keeps the literal types of a declaration. */
export const operation = <P extends TSchema, Q extends TSchema, B extends TSchema, R extends TSchema>(
  declared: Operation<P, Q, B, R>,
): Operation<P, Q, B, R> => Object.freeze(declared)

export type ParamsOf<O> = O extends Operation<infer P, any, any, any> ? Static<P> : never
export type QueryOf<O> = O extends Operation<any, infer Q, any, any> ? Static<Q> : never
export type BodyOf<O> = O extends Operation<any, any, infer B, any> ? Static<B> : never
export type ReplyOf<O> = O extends Operation<any, any, any, infer R> ? Static<R> : never

const byGate = (operation: AnyOperation): Code[] => {
  const given: Code[] = ['VALIDATION_FAILED', 'RATE_LIMITED', 'UPSTREAM_UNAVAILABLE']
  if (!operation.audience.includes('public')) given.push('UNAUTHORIZED', 'FORBIDDEN')
  // Records that are asked one by one are left out; an operation that says so of the one it is about declares it.
  if (operation.consent && operation.consent.patient !== 'record') given.push('CONSENT_REQUIRED')
  if (idempotencyOf(operation) !== 'none' || operation.ifMatch) given.push('CONFLICT')
  if (operation.ownership) given.push(operation.ownership.refusal)
  if (!operation.closed) given.push('INTERNAL')
  return given
}

/** Whether the operation takes an `Idempotency-Key`: as declared, else `accepted` on POST. */
export const idempotencyOf = (operation: AnyOperation): 'required' | 'accepted' | 'none' =>
  operation.idempotency ?? (operation.method === 'POST' ? 'accepted' : 'none')

/** Exactly the codes that an operation can answer with: those of its gates and those that it declares. */
export const problemsOf = (operation: AnyOperation): Code[] => [...new Set([...byGate(operation), ...(operation.problems ?? [])])].sort()

/** True where the operation changes something. */
export const isMutating = (operation: AnyOperation): boolean => operation.method !== 'GET' && operation.method !== 'HEAD'
