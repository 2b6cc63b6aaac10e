import Fastify from 'fastify'
import t, { type Test } from 'tap'
import type { Refusal } from '../../../domain/shared/refusal.ts'
import type { Verdict } from '../../../plugins/host/ports.ts'
import { createIpLimit, type IpLimit } from '../../../plugins/host/rate-limit/ip-limit.ts'
import { createMemoryLimiter } from '../../../plugins/host/rate-limit/memory-limiter.ts'

const limits = { all: { name: 'ip', max: 3, windowMs: 60_000 }, anonymous: { name: 'ip-anonymous', max: 1, windowMs: 60_000 } }

const serve = async (t: Test, limiter: Parameters<typeof createIpLimit>[1]['limiter']) => {
  const app = Fastify({ trustProxy: 'loopback' })
  t.teardown(() => app.close())
  const limit: IpLimit = await createIpLimit(app, { limiter, limits })
  app.addHook('onRequest', async (request) => {
    await limit.take(request, 'all')
    if (!request.headers.authorization) await limit.take(request, 'anonymous')
  })
  app.setErrorHandler<Refusal>((error, _request, reply) => reply.code(error.code === 'RATE_LIMITED' ? 429 : 503).send(error.details ?? {}))
  app.get('/', async () => ({}))
  return (ip: string, authorization?: string) =>
    app.inject({ url: '/', headers: { 'x-forwarded-for': ip, ...(authorization ? { authorization } : {}) } })
}

t.test('limits each address, and the anonymous part of it', async (t) => {
  const clock = {
    at: 0,
    now() {
      return this.at
    },
  }
  const from = await serve(t, createMemoryLimiter({ clock }))
  t.equal((await from('192.0.2.1', 'x')).statusCode, 200)
  t.equal((await from('192.0.2.1')).statusCode, 200)
  const second = await from('192.0.2.1')
  t.equal(second.statusCode, 429, 'the second without a token')
  t.same(second.json(), { retryAfter: 60 })
  t.notOk(
    Object.keys(second.headers).some((name) => /ratelimit|retry-after/i.test(name)),
    'the plugin writes no headers of its own',
  )
  t.equal((await from('192.0.2.2')).statusCode, 200, 'another address')
  clock.at += 20_500
  const fourth = await from('192.0.2.1', 'x')
  t.equal(fourth.statusCode, 429, 'the fourth of all')
  t.same(fourth.json(), { retryAfter: 40 })
  clock.at += 39_500
  t.equal((await from('192.0.2.1', 'x')).statusCode, 200, 'a new window')
})

t.test('IPv6 addresses of one subscriber count together, mapped IPv4 as IPv4', async (t) => {
  const from = await serve(t, createMemoryLimiter({ clock: { now: () => 0 } }))
  t.equal((await from('2001:db8:1:2::1')).statusCode, 200)
  t.equal((await from('2001:DB8:1:2:ffff::9')).statusCode, 429)
  t.equal((await from('2001:db8:1:3::1')).statusCode, 200)
  t.equal((await from('::ffff:192.0.2.9')).statusCode, 200)
  t.equal((await from('192.0.2.9')).statusCode, 429)
})

t.test('more addresses than are remembered', async (t) => {
  const app = Fastify()
  const limit = await createIpLimit(app, { limiter: createMemoryLimiter({ clock: { now: () => 0 } }), limits })
  for (let address = 0; address < 10_050; address++) {
    await limit.take({ ip: `10.0.${address >> 8}.${address & 255}`, routeOptions: { config: {} } } as never, 'anonymous')
  }
  await t.rejects(limit.take({ ip: '10.0.0.0', routeOptions: { config: {} } } as never, 'anonymous'), { code: 'RATE_LIMITED' })
})

t.test('a store that answers later, and one that fails', async (t) => {
  const verdict: Verdict = { allowed: false, window: limits.all, remaining: 0, resetSeconds: 9 }
  const later = await serve(t, { take: async () => verdict, giveBack: () => {}, close: async () => {} })
  t.same((await later('192.0.2.1')).json(), { retryAfter: 9 })
  const failing = await serve(t, { take: () => Promise.reject(new Error('down')), giveBack: () => {}, close: async () => {} })
  t.equal((await failing('192.0.2.1')).statusCode, 503)
})
