import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import Fastify from 'fastify'
import t, { type Test } from 'tap'
import { startTracing } from '../../../plugins/host/telemetry/tracing.ts'

interface ExportedSpan {
  readonly traceId: string
  readonly spanId: string
  readonly parentSpanId?: string
  readonly name: string
  readonly attributes: readonly { readonly key: string; readonly value: Record<string, unknown> }[]
  readonly status: { readonly code: number; readonly message?: string }
}

/** Takes what an exporter sends. */
const collector = async (t: Test) => {
  const bodies: string[] = []
  const headers: unknown[] = []
  const server = createServer(async (request, response) => {
    headers.push(request.headers['x-tenant'])
    bodies.push(Buffer.concat(await request.toArray()).toString())
    response.writeHead(200, { 'content-type': 'application/json' }).end('{}')
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => server.close())
  const spans = (): ExportedSpan[] =>
    bodies.flatMap((body) => JSON.parse(body).resourceSpans.flatMap(({ scopeSpans }: any) => scopeSpans.flatMap(({ spans }: any) => spans)))
  return { endpoint: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, bodies, headers, spans }
}

const canary = 'c4n4ry'
const trace = '0af7651916cd43dd8448eb211c80319c'
const parent = 'b7ad6b7169203331'

t.test('spans tell the route and the status, and nothing of the content', async (t) => {
  const { endpoint, bodies, headers, spans } = await collector(t)
  const tracing = await startTracing({ endpoint, headers: { 'x-tenant': 'a' }, serviceName: 'postern-test', sampleRatio: 1 })
  const app = Fastify()
  await app.register(tracing.plugin)
  app.get('/patients/:id', async () => ({}))
  app.post('/broken', async () => {
    throw Object.assign(new Error(`no ${canary}`), { statusCode: 500 })
  })
  const traced = { traceparent: `00-${trace}-${parent}-01`, tracestate: `vendor=${canary}`, baggage: `name=${canary}`, 'x-name': canary }
  t.equal((await app.inject({ url: `/patients/${canary}?name=${canary}`, headers: traced })).statusCode, 200)
  t.equal((await app.inject({ method: 'POST', url: '/broken', payload: { name: canary } })).statusCode, 500)
  t.equal((await app.inject({ url: `/nowhere/${canary}` })).statusCode, 404)
  await app.close()
  await tracing.close()

  t.notMatch(bodies.join(), canary)
  t.match(bodies.join(), 'postern-test')
  t.equal(headers[0], 'a')
  const found = spans()
  const request = found.find(({ name }) => name === 'GET /patients/:id')
  t.match(request, { traceId: trace, parentSpanId: parent }, 'it joins the trace of the caller')
  t.same(request?.attributes.find(({ key }) => key === 'http.response.status_code')?.value, { intValue: 200 })
  t.ok(
    found.some(({ parentSpanId }) => parentSpanId === request?.spanId),
    'the handler is a child',
  )
  t.match(
    found.find(({ name }) => name === 'POST /broken'),
    { status: { code: 2 } },
  )
  t.ok(
    found.some(({ name }) => name === 'GET'),
    'an unknown path has no name',
  )
  const keys = new Set(found.flatMap(({ attributes }) => attributes.map(({ key }) => key)))
  t.same([...keys].sort(), ['fastify.type', 'hook.name', 'http.request.method', 'http.response.status_code', 'http.route'])
})

t.test('none is kept at a share of nothing, but a caller that traces is followed', async (t) => {
  const { endpoint, spans } = await collector(t)
  const tracing = await startTracing({ endpoint, headers: {}, serviceName: 's', sampleRatio: 0 })
  const app = Fastify()
  await app.register(tracing.plugin)
  app.get('/', async () => ({}))
  for (let index = 0; index < 5; index++) await app.inject({ url: '/' })
  await app.inject({ url: '/', headers: { traceparent: `00-${trace}-${parent}-01` } })
  await app.inject({ url: '/', headers: { traceparent: `00-${trace}-${parent}-00` } })
  await app.inject({ url: '/', headers: { traceparent: 'nonsense' } })
  await app.close()
  await tracing.close()
  t.same(new Set(spans().map(({ traceId }) => traceId)), new Set([trace]))
  t.equal(spans().filter(({ parentSpanId }) => parentSpanId === parent).length, 1)
})

t.test('a collector that is down disturbs nobody and does not hold up the end', async (t) => {
  const tracing = await startTracing({
    endpoint: 'http://127.0.0.1:1',
    headers: {},
    serviceName: 's',
    sampleRatio: 1,
    exportTimeoutMs: 200,
  })
  const app = Fastify()
  await app.register(tracing.plugin)
  app.get('/', async () => ({}))
  t.equal((await app.inject({ url: '/' })).statusCode, 200)
  await app.close()
  await t.resolves(tracing.close())
})
