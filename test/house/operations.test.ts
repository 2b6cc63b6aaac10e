import { Validator } from '@seriousme/openapi-schema-validator'
import t from 'tap'
import { buildServer } from '../../plugins/host/build-server.ts'
import { documentRoutes } from '../../plugins/host/openapi.ts'
import { idempotencyOf, isMutating } from '../../routes/shared/operation.ts'
import { expectedOperations } from '../fixtures/operation-expectations.ts'
import { startHost } from '../helper.ts'
import { documented, documentPath, type Documented } from './answers.ts'

const host = await startHost(t)
const operations = host.loaded.operations.map(({ operation }) => operation)
const response = await host.app.inject('/openapi.json')
const document = response.json<{
  openapi: string
  paths: Record<string, Record<string, Documented>>
  components: { securitySchemes: object }
}>()

t.test('the document is OpenAPI 3.1', async (t) => {
  t.match(response.headers['content-type'], /^application\/json/)
  t.match(document.openapi, /^3\.1\./)
  const validator = new Validator()
  const { valid, errors } = await validator.validate(structuredClone(document) as unknown as Record<string, unknown>)
  t.ok(valid, JSON.stringify(errors)?.slice(0, 2_000))
  t.equal((await host.app.inject('/docs/')).statusCode, 200, 'and there is a page that shows it')
  const barred = await host.app.inject('/docs/static/%00')
  t.match([barred.statusCode, barred.json().code], [404, 'NOT_FOUND'], 'what it does not show is answered like anything else')
})

t.test('its paths are full, and nothing but operations is in it', async (t) => {
  t.same(
    Object.keys(document.paths).filter((path) => !path.startsWith('/api/')),
    [],
  )
  const shown = Object.entries(document.paths).flatMap(([path, item]) => Object.keys(item).map((method) => `${method} ${path}`))
  t.same(shown.sort(), operations.map((operation) => `${operation.method.toLowerCase()} ${documentPath(operation)}`).sort())
})

for (const operation of operations) {
  t.test(`${operation.name} shows what the host does for it`, async (t) => {
    const shown = (await documented(host, operation)) as Documented & {
      security: object[]
      parameters?: { name: string; in: string; required?: boolean }[]
      requestBody?: { required?: boolean }
    }
    t.equal(shown['operationId'], operation.name)
    t.ok(typeof shown['summary'] === 'string' && (shown['summary'] as string).length > 5)
    t.equal(shown['x-effect'], operation.effect)
    t.same(shown['x-scopes'], operation.scopes)
    t.equal(shown['x-kill-switch'], operation.killSwitch ?? null)
    t.equal(shown['x-audit'], operation.audit)
    t.same(shown['x-audience'], operation.audience)
    const ticket = operation.ticket ? [{ ticket: [] }] : []
    t.same(shown.security, operation.audience.includes('public') ? [] : [{ bearer: operation.scopes }, ...ticket])
    const statuses = Object.keys(shown.responses).map(Number)
    t.ok(
      statuses.includes(operation.reply.status) &&
        statuses.some((status) => status >= 400 && status < 500) &&
        statuses.some((status) => status >= 500),
    )
    const key = shown.parameters?.find(({ name }) => name === 'Idempotency-Key')
    t.equal(key?.required, { required: true, accepted: false, none: undefined }[idempotencyOf(operation)], 'the key')
    t.equal(shown.parameters?.some(({ name }) => name === 'If-Match') ?? false, operation.ifMatch === true)
    const named = (name: string) => shown.parameters?.find((parameter) => parameter.name === name && parameter.in === 'header')
    const founders = !operation.audience.includes('public') && expectedOperations[operation.name]!.allowed.includes('founder')
    for (const name of ['X-Agency', 'X-Access-Reason']) t.equal(named(name)?.required, founders ? false : undefined, name)
    t.equal(named('traceparent')?.required, false)
    t.equal(shown.requestBody !== undefined, operation.body !== undefined)
    const inPath = [...operation.path.matchAll(/:(\w+)/g)].map(([, name]) => name)
    t.same(shown.parameters?.filter((parameter) => parameter.in === 'path').map(({ name }) => name) ?? [], inPath)
    t.notOk('x-request-headers' in shown)
  })
}

t.test('declarations keep the habits of the house', async (t) => {
  const names = operations.map(({ name }) => name)
  t.equal(new Set(names).size, names.length)
  const effects = {
    GET: ['read'],
    HEAD: ['read'],
    POST: ['draft', 'advise', 'write', 'admin'],
    PUT: ['draft', 'write', 'admin'],
    PATCH: ['write', 'admin'],
    DELETE: ['draft', 'write', 'admin'],
  }
  for (const operation of operations) {
    t.match(operation.name, /^[a-z][A-Za-z]+$/)
    t.match(operation.path, /^(\/([a-z][a-z-]*|:[a-z][A-Za-z]*))+$/, `${operation.name}: ${operation.path}`)
    t.ok(effects[operation.method].includes(operation.effect), `${operation.name}: ${operation.method} ${operation.effect}`)
    if (operation.reply.status === 201) t.equal(operation.method, 'POST', operation.name)
    t.equal(operation.params !== undefined, operation.path.includes(':'), `${operation.name}: parameters have a schema`)
    if (isMutating(operation)) t.equal(operation.audit, 'record', operation.name)
    if (operation.closed) t.same([operation.audience, operation.maxBody], [['patient'], 32_768], operation.name)
    for (const rule of operation.agrees ?? []) {
      const part = { params: operation.params, query: operation.query, body: operation.body }[rule.in] as { properties: object } | undefined
      t.ok(part && rule.field in part.properties, `${operation.name}: ${rule.field} is a part of its ${rule.in}`)
    }
  }
})

t.test('the document is served only where that is asked for', async (t) => {
  const quiet = await buildServer({ tls: null, trustProxy: null, corsOrigins: 'loopback' })
  t.teardown(() => quiet.close())
  documentRoutes(quiet, { serve: false, publicUrl: null, version: '0' })
  for (const path of ['/openapi.json', '/docs', '/docs/']) t.equal((await quiet.inject(path)).statusCode, 404, path)
})
