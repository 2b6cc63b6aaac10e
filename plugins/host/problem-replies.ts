import type { FastifyError, FastifyReply, FastifyRequest } from 'fastify'
import type { Code, Reason } from '../../domain/shared/codes.ts'
import { Refusal, type Violation } from '../../domain/shared/refusal.ts'
import { problemsOf, type AnyOperation } from '../../routes/shared/operation.ts'
import { catalogue, detailOf, statusOf, typeOf } from '../../routes/shared/problems.ts'
import { refusalOfDatabase } from './database/failure.ts'
import { limitHeader } from './rate-limit/headers.ts'
import { violationsOf } from './validators.ts'

const byFrameworkCode: Readonly<Record<string, Reason<'VALIDATION_FAILED'>>> = {
  FST_ERR_CTP_INVALID_MEDIA_TYPE: 'media-type',
  FST_ERR_CTP_INVALID_CONTENT_LENGTH: 'default',
  FST_ERR_CTP_BODY_TOO_LARGE: 'too-large',
  FST_ERR_CTP_EMPTY_JSON_BODY: 'default',
  FST_ERR_CTP_INVALID_JSON_BODY: 'default',
  FST_ERR_CTP_EMPTY_TYPE: 'media-type',
  FST_ERR_BAD_URL: 'default',
}

const isFastifyError = (error: unknown): error is FastifyError => error instanceof Error && typeof (error as FastifyError).code === 'string'

const refusalOfFramework = (error: unknown): Refusal | null => {
  if (!isFastifyError(error)) return null
  if (error.validation) {
    const errors: readonly Violation[] = violationsOf(error.validation, error.validationContext)
    return new Refusal('VALIDATION_FAILED', 'default', { errors })
  }
  const reason = byFrameworkCode[error.code]
  return reason ? new Refusal('VALIDATION_FAILED', reason) : null
}

/**
 * What an error means to the caller. Whatever nobody foresaw, a code that the operation does not declare among it, is a defect:
 * INTERNAL, or, where an operation's codes are closed, the one of them that says so.
 */
export const refusalOf = (error: unknown, operation: AnyOperation | null): { refusal: Refusal; defect: boolean } => {
  const known = error instanceof Refusal ? error : (refusalOfFramework(error) ?? refusalOfDatabase(error))
  if (known && (!operation || problemsOf(operation).includes(known.code))) return { refusal: known, defect: false }
  // A lock that could not be had is a duplicate in flight only where there can be one.
  if (known?.code === 'CONFLICT' && known.reason === 'in-flight') return { refusal: new Refusal('UPSTREAM_UNAVAILABLE'), defect: false }
  return { refusal: defectOf(operation, error), defect: true }
}

const defectOf = (operation: AnyOperation | null, cause: unknown): Refusal =>
  operation?.closed ? new Refusal('UPSTREAM_UNAVAILABLE', 'internal', { cause }) : new Refusal('INTERNAL', 'default', { cause })

/** The problem document of a refusal. @see RFC 9457 */
export const problemOf = (refusal: Refusal, requestId: string): Record<string, unknown> => ({
  ...refusal.details.extension,
  type: typeOf(refusal.code),
  title: catalogue[refusal.code].title,
  status: statusOf(refusal.code as Code, refusal.reason as Reason<Code>),
  detail: detailOf(refusal.code as Code, refusal.reason as Reason<Code>),
  instance: `urn:uuid:${requestId}`,
  code: refusal.code,
  ...(refusal.reason === 'default' ? {} : { reason: refusal.reason }),
  ...(refusal.details.errors ? { errors: refusal.details.errors } : {}),
})

const challengeOf = (request: FastifyRequest): string => (request.headers.authorization ? 'Bearer error="invalid_token"' : 'Bearer')

/** Sends a refusal as `application/problem+json`. */
export const sendProblem = (refusal: Refusal, request: FastifyRequest, reply: FastifyReply): void => {
  const problem = problemOf(refusal, request.id)
  if (refusal.code === 'UNAUTHORIZED') reply.header('WWW-Authenticate', challengeOf(request))
  // A record's limit is found exhausted only after the user's has been told.
  if (refusal.code === 'RATE_LIMITED' && request.call?.verdict) reply.header('RateLimit', limitHeader(request.call.verdict))
  if (refusal.details.retryAfter !== undefined) reply.header('Retry-After', String(refusal.details.retryAfter))
  reply
    .code(problem['status'] as number)
    .header('Cache-Control', 'no-store')
    .header('Content-Type', 'application/problem+json; charset=utf-8')
    .serializer(JSON.stringify)
    .send(problem)
}
