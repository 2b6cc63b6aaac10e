import type { FastifySchema } from 'fastify'
import { Type, type TSchema } from '@sinclair/typebox'
import { grantsOf } from '../../config/permissions.ts'
import type { Code } from '../../domain/shared/codes.ts'
import { idempotencyOf, isMutating, problemsOf, type AnyOperation } from '../../routes/shared/operation.ts'
import { catalogue, problemSchema } from '../../routes/shared/problems.ts'
import { documentedBody, documentedHeaders } from './documents/upload-schema.ts'

const problemCache = new Map<string, TSchema>()

/** One schema object per set of codes, so that each is compiled once. */
const problemFor = (codes: readonly Code[]): TSchema => {
  const key = codes.join()
  let schema = problemCache.get(key)
  if (!schema) problemCache.set(key, (schema = problemSchema(codes)))
  return schema
}

const statusesOf = (code: Code, operation: AnyOperation): number[] => {
  const reasons = Object.entries(catalogue[code].reasons as Record<string, { status: number }>)
  const applies = (reason: string): boolean => {
    if (reason === 'stale' || reason === 'precondition-required') return operation.ifMatch === true
    if (reason === 'key-reused' || reason === 'in-flight' || reason === 'idempotency-key') return idempotencyOf(operation) !== 'none'
    if (reason === 'too-large' || reason === 'media-type') return operation.body !== undefined || isMutating(operation)
    return reason !== 'method'
  }
  return reasons.filter(([reason]) => applies(reason)).map(([, { status }]) => status)
}

/** The problem responses of an operation by status, each with exactly the codes that it can carry. */
export const problemResponses = (operation: AnyOperation): Record<number, { description: string; codes: readonly Code[] }> => {
  const byStatus = new Map<number, Set<Code>>()
  for (const code of problemsOf(operation)) {
    for (const status of statusesOf(code, operation)) byStatus.set(status, (byStatus.get(status) ?? new Set()).add(code))
  }
  return Object.fromEntries(
    [...byStatus]
      .sort(([one], [other]) => one - other)
      .map(([status, codes]) => [
        status,
        { description: [...codes].map((code) => catalogue[code].title).join('; '), codes: [...codes].sort() },
      ]),
  )
}

const problemContent = (operation: AnyOperation): Record<number, unknown> =>
  Object.fromEntries(
    Object.entries(problemResponses(operation)).map(([status, { description, codes }]) => [
      status,
      { description, content: { 'application/problem+json': { schema: problemFor(codes) } } },
    ]),
  )

const success = (operation: AnyOperation): unknown => {
  const { schema, contentType } = operation.reply
  if (operation.download)
    return { description: 'The content', content: Object.fromEntries(operation.download.types.map((type) => [type, { schema }])) }
  if (schema === null) return Type.Null({ description: 'Done; no content' })
  return contentType ? { description: 'Success', content: { [contentType]: { schema } } } : schema
}

const founders = new Set(grantsOf('founder').map(({ scope }) => scope))

/** Whether a founder may call it, who alone works in other agencies than the token's. */
const isForFounders = ({ audience, scopes, anyScope }: AnyOperation): boolean =>
  audience.includes('staff') && (anyScope === true || scopes.some((scope) => founders.has(scope)))

const text = (description: string, { min = 1, max = 255 } = {}): TSchema => Type.String({ description, minLength: min, maxLength: max })

const agencyHeaders = ({ acrossAgencies }: AnyOperation): Record<string, TSchema> => ({
  'x-agency': Type.Optional(
    text(
      `Founders only: the agency to work in instead of one’s own${acrossAgencies ? ', or * for every agency' : ''}; recorded there as bypass`,
    ),
  ),
  'x-access-reason': Type.Optional(text('Why, for the audit of the agencies concerned; needed with X-Agency', { min: 20, max: 500 })),
})

const headersOf = (operation: AnyOperation): TSchema => {
  const properties: Record<string, TSchema> = {}
  const idempotency = idempotencyOf(operation)
  if (idempotency === 'required') properties['idempotency-key'] = text('1 to 255 visible ASCII characters, bare or quoted; kept for 7 days')
  if (idempotency === 'accepted')
    properties['idempotency-key'] = Type.Optional(text('1 to 255 visible ASCII characters, bare or quoted; kept for 7 days'))
  if (operation.ifMatch) properties['if-match'] = text('The strong ETag of the record as last read')
  Object.assign(properties, documentedHeaders(operation))
  if (isForFounders(operation)) Object.assign(properties, agencyHeaders(operation))
  properties['traceparent'] = Type.Optional(
    text('W3C Trace Context of the caller, which the service’s own spans join', { min: 55, max: 255 }),
  )
  return Type.Object(properties)
}

/** Unknown parameters are refused where there are none as well. */
const noQuery = Type.Object({}, { additionalProperties: false })

const bodyOf = (operation: AnyOperation): FastifySchema => {
  if (operation.upload) return { body: documentedBody(operation) }
  return operation.body ? { body: operation.body } : {}
}

/** The Fastify schema of an operation: validation, serialization and documentation from one declaration. */
export const routeSchema = (operation: AnyOperation): FastifySchema => ({
  operationId: operation.name,
  summary: operation.summary,
  ...(operation.description ? { description: operation.description } : {}),
  tags: [...(operation.tags ?? [])],
  ...(operation.params ? { params: operation.params } : {}),
  querystring: operation.query ?? noQuery,
  ...bodyOf(operation),
  response: { [operation.reply.status]: success(operation), ...problemContent(operation) },
  ...documentation(operation),
})

const securityOf = ({ audience, scopes, ticket }: AnyOperation): Record<string, string[]>[] => {
  if (audience.includes('public')) return []
  return [{ bearer: [...scopes] }, ...(ticket ? [{ ticket: [] }] : [])]
}

const documentation = (operation: AnyOperation): Record<string, unknown> => ({
  security: securityOf(operation),
  'x-effect': operation.effect,
  'x-audience': [...operation.audience],
  'x-scopes': [...operation.scopes],
  'x-kill-switch': operation.killSwitch ?? null,
  'x-audit': operation.audit,
  'x-consent': operation.consent?.scope ?? null,
  'x-idempotency': idempotencyOf(operation),
  'x-request-headers': headersOf(operation),
})
