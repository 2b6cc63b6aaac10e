import t from 'tap'
import { codes, messagingCodes, reasons, type Code, type Reason } from '../../domain/shared/codes.ts'
import { isMutating, problemsOf } from '../../routes/shared/operation.ts'
import { catalogue, detailOf, statusOf, typeOf } from '../../routes/shared/problems.ts'
import { startHost } from '../helper.ts'

const host = await startHost(t)

/** By hand from the design: code, reason, status. */
const expected: readonly (readonly [Code, string, number])[] = [
  ['UNAUTHORIZED', 'default', 401],
  ['FORBIDDEN', 'default', 403],
  ['CONSENT_REQUIRED', 'default', 403],
  ['CONFLICT', 'default', 409],
  ['CONFLICT', 'duplicate', 409],
  ['CONFLICT', 'in-flight', 409],
  ['CONFLICT', 'stale', 412],
  ['CONFLICT', 'key-reused', 422],
  ['VALIDATION_FAILED', 'default', 400],
  ['VALIDATION_FAILED', 'idempotency-key', 400],
  ['VALIDATION_FAILED', 'too-large', 413],
  ['VALIDATION_FAILED', 'media-type', 415],
  ['VALIDATION_FAILED', 'precondition-required', 428],
  ['VALIDATION_FAILED', 'access-reason', 400],
  ['RATE_LIMITED', 'default', 429],
  ['UPSTREAM_UNAVAILABLE', 'default', 503],
  ['UPSTREAM_UNAVAILABLE', 'disabled', 503],
  ['UPSTREAM_UNAVAILABLE', 'timeout', 504],
  ['UPSTREAM_UNAVAILABLE', 'internal', 503],
  ['NOT_FOUND', 'default', 404],
  ['NOT_FOUND', 'method', 405],
  ['INTERNAL', 'default', 500],
]

const pairsOf = (of: Readonly<Record<string, readonly string[]>>): string[] =>
  Object.entries(of).flatMap(([code, all]) => all.map((reason) => `${code} ${reason}`))

t.test('vocabulary, catalogue and the table of the design are one', async (t) => {
  const inCatalogue = Object.fromEntries(Object.entries(catalogue).map(([code, entry]) => [code, Object.keys(entry.reasons)]))
  const byHand = expected.map(([code, reason]) => `${code} ${reason}`).sort()
  t.same(pairsOf(reasons).sort(), byHand)
  t.same(pairsOf(inCatalogue).sort(), byHand)
  t.same([...codes].sort(), Object.keys(catalogue).sort())
  for (const [code, reason, status] of expected) t.equal(statusOf(code, reason as Reason), status, `${code} ${reason}`)
  t.same(messagingCodes, [
    'UNAUTHORIZED',
    'FORBIDDEN',
    'CONSENT_REQUIRED',
    'CONFLICT',
    'VALIDATION_FAILED',
    'RATE_LIMITED',
    'UPSTREAM_UNAVAILABLE',
  ])
})

t.test('every text says something to a person, and no two causes say the same', async (t) => {
  const texts = expected.map(([code, reason]) => detailOf(code, reason as Reason))
  t.equal(new Set(texts).size, texts.length)
  for (const text of texts) t.match(text, /^[A-Z][^<>{}$]{20,200}\.$/)
  t.equal(new Set(Object.values(catalogue).map(({ title }) => title)).size, codes.length)
})

t.test('each type is the address of a page that explains all that its code can mean', async (t) => {
  for (const code of codes) {
    const page = await host.app.inject(typeOf(code))
    t.equal(page.statusCode, 200, typeOf(code))
    t.match(page.headers, {
      'content-type': 'text/html; charset=utf-8',
      'cache-control': /max-age=\d+/,
      'x-content-type-options': 'nosniff',
    })
    for (const [of, reason, status] of expected) {
      if (of !== code) continue
      t.ok(page.body.includes(`<td>${status}</td>`) && page.body.includes(detailOf(code, reason as Reason)), `${code} ${reason}`)
      if (reason !== 'default') t.ok(page.body.includes(`<code>${reason}</code>`))
    }
  }
  const types = new Set(codes.map(typeOf))
  t.equal(types.size, codes.length)
  for (const type of types) t.match(type, /^\/problems\/[a-z-]+$/)
})

/**
 * What each operation can answer, by hand. In the order of the gates: everybody can be told 400, 413, 415 (with a body), 401, 403, 429
 * and 503 or 504; what is more is named.
 */
const mayAnswer: Readonly<Record<string, readonly Code[]>> = {
  listConsents: ['INTERNAL'],
  getConsentDecision: ['INTERNAL'],
  getConsent: ['INTERNAL', 'NOT_FOUND'],
  grantConsent: ['CONFLICT', 'INTERNAL'],
  revokeConsent: ['CONFLICT', 'INTERNAL', 'NOT_FOUND'],
  listConversations: ['INTERNAL'],
  listMessages: ['INTERNAL'],
  createConversation: ['CONFLICT', 'CONSENT_REQUIRED'],
  sendMessage: ['CONFLICT', 'CONSENT_REQUIRED'],
  listAuditEvents: ['INTERNAL'],
  exportAuditEvents: ['INTERNAL'],
  listAiActions: ['INTERNAL'],
  verifyAuditTrail: ['INTERNAL'],
}
const everybody: readonly Code[] = ['FORBIDDEN', 'RATE_LIMITED', 'UNAUTHORIZED', 'UPSTREAM_UNAVAILABLE', 'VALIDATION_FAILED']

t.test('the document lists for each operation exactly the codes that it can give', async (t) => {
  const { paths } = (await host.app.inject('/openapi.json')).json<{
    paths: Record<
      string,
      Record<
        string,
        {
          operationId: string
          responses: Record<string, { content?: Record<string, { schema: { properties: { code?: { enum: Code[] } } } }> }>
        }
      >
    >
  }>()
  const documents = new Map(
    Object.values(paths)
      .flatMap((item) => Object.values(item))
      .map((one) => [one.operationId, one]),
  )
  t.same(
    [...documents.keys()].sort(),
    host.loaded.operations.map(({ operation }) => operation.name).sort(),
    'no more and no fewer operations',
  )
  for (const { operation } of host.loaded.operations) {
    const byStatus = Object.entries(documents.get(operation.name)!.responses).filter(([status]) => Number(status) >= 400)
    const listed = new Set(byStatus.flatMap(([, { content }]) => content!['application/problem+json']!.schema.properties.code!.enum))
    const extra = mayAnswer[operation.name]
    if (extra) t.same([...listed].sort(), [...everybody, ...extra].sort(), operation.name)
    t.same([...listed].sort(), problemsOf(operation), operation.name)
    for (const [status, { content }] of byStatus) {
      for (const code of content!['application/problem+json']!.schema.properties.code!.enum) {
        t.ok(
          Object.values(catalogue[code].reasons).some((entry) => entry.status === Number(status)),
          `${operation.name}: ${code} can come with ${status}`,
        )
      }
    }
    const statuses = byStatus.map(([status]) => Number(status))
    t.equal(
      statuses.includes(413) && statuses.includes(415),
      isMutating(operation),
      `${operation.name}: a body can be too large only where there is one`,
    )
    t.equal(statuses.includes(412) || statuses.includes(428), operation.ifMatch === true, operation.name)
    t.notOk(statuses.includes(405) && operation.closed, operation.name)
  }
})
