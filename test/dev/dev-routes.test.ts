import { statSync, readFileSync, readdirSync, writeFileSync } from 'node:fs'
import { createServer, request as httpRequest } from 'node:http'
import type { AddressInfo } from 'node:net'
import Fastify from 'fastify'
import t, { type Test } from 'tap'
import { personas } from '../../config/personas.ts'
import { Refusal } from '../../domain/shared/refusal.ts'
import { devRoutes } from '../../plugins/dev/dev-routes.ts'
import { startDevIssuer, type DevIssuerOptions } from '../../plugins/dev/issuer.ts'
import { loadState } from '../../plugins/dev/issuer-state.ts'
import { createIdentity } from '../../plugins/host/identity/identity.ts'

const audience = 'postern'

const issuerFor = async (t: Test, dataDir: string, options: Partial<DevIssuerOptions> = {}) => {
  const issuer = await startDevIssuer({ dataDir, audience, algorithm: 'ES256', ...options })
  t.teardown(() => issuer.close())
  return issuer
}

const appFor = async (t: Test, issuer: Awaited<ReturnType<typeof issuerFor>>) => {
  const app = Fastify({ ajv: { customOptions: { removeAdditional: false } } })
  app.setErrorHandler((error, _request, reply) => reply.code(error instanceof Refusal && error.code === 'FORBIDDEN' ? 403 : 400).send({}))
  await app.register(devRoutes, { issuer })
  t.teardown(() => app.close())
  return app
}

t.test('personas are listed and get tokens that the ordinary way accepts', async (t) => {
  const issuer = await issuerFor(t, t.testdir())
  const app = await appFor(t, issuer)
  const identity = createIdentity({ ...issuer, agencyModules: () => [] })
  t.teardown(() => identity.close())
  const { items } = (await app.inject('/dev/personas')).json<{ items: Record<string, unknown>[] }>()
  t.same(
    items.map((item) => item['persona']),
    personas.map((persona) => persona.persona),
  )
  t.same(Object.keys(items.find((item) => item['persona'] === 'patient-ana')!).sort(), ['agencyId', 'patientId', 'persona', 'roles', 'sub'])
  t.same(Object.keys(items.find((item) => item['persona'] === 'ai-agent')!).sort(), ['agencyId', 'persona', 'providerId', 'roles', 'sub'])
  for (const item of items) {
    const answer = await app.inject({ method: 'POST', url: '/dev/token', payload: { persona: item['persona'] } })
    t.equal(answer.statusCode, 200)
    t.same(Object.keys(answer.json()), ['access_token'])
    t.equal(answer.headers['cache-control'], 'no-store')
    const principal = await identity.authenticate(`Bearer ${answer.json<{ access_token: string }>().access_token}`)
    t.equal(principal.userId, item['sub'])
  }
  for (const payload of [{ persona: 'nobody' }, { persona: '__proto__' }, {}, { persona: 7 }, { persona: 'founder', scope: 'x' }]) {
    t.equal((await app.inject({ method: 'POST', url: '/dev/token', payload })).statusCode, 400, JSON.stringify(payload))
  }
})

t.test('nobody but this machine, by its own name, from its own pages', async (t) => {
  const app = await appFor(t, await issuerFor(t, t.testdir()))
  const status = async (headers: Record<string, string>, remoteAddress = '127.0.0.1') =>
    (await app.inject({ method: 'POST', url: '/dev/token', payload: { persona: 'founder' }, headers, remoteAddress })).statusCode
  const own = ['localhost', 'LOCALHOST:3000', '127.0.0.1:3000', '127.8.9.1', '[::1]:3000']
  for (const host of own) t.equal(await status({ host }), 200, host)
  for (const address of ['::1', '::ffff:127.0.0.1']) t.equal(await status({}, address), 200, address)
  const far = ['10.0.0.1', '::ffff:10.0.0.1', 'fe80::1', '1.127.0.0', '127.0.0.1.evil']
  for (const address of far) t.equal(await status({}, address), 403, address)
  for (const host of ['evil.example', 'localhost.evil.example', '127.0.0.1.evil.example', 'evil-localhost', '0.0.0.0', '[::]']) {
    t.equal(await status({ host }), 403, host)
  }
  t.equal(await status({ origin: 'http://localhost:5173' }), 200)
  for (const origin of ['https://evil.example', 'null', 'http://localhost.evil.example', 'http://localhost@evil.example', 'file://']) {
    t.equal(await status({ origin }), 403, origin)
  }
  t.equal(await status({ 'x-forwarded-for': '127.0.0.1' }), 403, 'there is a proxy, so it is not this machine that calls')
  t.equal(await status({ forwarded: 'for=127.0.0.1' }), 403)
  t.equal((await app.inject({ url: '/dev/personas', remoteAddress: '10.0.0.1' })).statusCode, 403)
})

t.test('the issuer keeps keys, secret and address in one file of its owner, over restarts', async (t) => {
  const dataDir = t.testdir()
  const first = await issuerFor(t, dataDir)
  t.equal(statSync(`${dataDir}/issuer.json`).mode & 0o777, 0o600)
  await first.close()
  const kept = readFileSync(`${dataDir}/issuer.json`, 'utf8')
  const second = await issuerFor(t, dataDir)
  t.same([second.issuer, second.client], [first.issuer, first.client])
  t.equal(readFileSync(`${dataDir}/issuer.json`, 'utf8'), kept)
  second.rotateKeys()
  second.rotateKeys()
  second.rotateKeys()
  t.equal(statSync(`${dataDir}/issuer.json`).mode & 0o777, 0o600)
  t.equal(loadState(dataDir, 'ES256').keys.length, 3, 'old keys are bounded')
  t.same(readdirSync(dataDir), ['issuer.json'], 'no drafts left')
})

t.test('an address that is taken is given up, one that was asked for is not', async (t) => {
  const dataDir = t.testdir()
  const first = await issuerFor(t, dataDir)
  const second = await issuerFor(t, dataDir)
  t.not(second.issuer, first.issuer)
  const taken = createServer()
  await new Promise<void>((resolve) => taken.listen(0, '127.0.0.1', resolve))
  t.teardown(() => taken.close())
  await t.rejects(startDevIssuer({ dataDir, audience, port: (taken.address() as AddressInfo).port }), { code: 'EADDRINUSE' })
})

t.test('a broken key file is named and left alone; two first starts agree', async (t) => {
  const dataDir = t.testdir({ 'issuer.json': '{"keys":[]}' })
  await t.rejects(startDevIssuer({ dataDir, audience }), /issuer\.json does not hold/)
  t.equal(readFileSync(`${dataDir}/issuer.json`, 'utf8'), '{"keys":[]}')
  writeFileSync(`${dataDir}/issuer.json`, 'no JSON')
  await t.rejects(startDevIssuer({ dataDir, audience }), /Delete it/)
  const fresh = `${t.testdir()}/deep/below`
  const [one, two] = await Promise.all([issuerFor(t, fresh), issuerFor(t, fresh)])
  t.equal(one.client.secret, two.client.secret)
})

t.test('the issuer answers under its own name alone', async (t) => {
  const { issuer } = await issuerFor(t, t.testdir())
  const called = (host: string) =>
    new Promise<number>((resolve, reject) => {
      const asked = httpRequest(`${issuer}/jwks`, { headers: { host } }, (response) => resolve(response.resume().statusCode!))
      asked.on('error', reject).end()
    })
  t.equal(await called(new URL(issuer).host), 200)
  t.equal(await called('evil.example'), 421)
  const keys = (await (await fetch(`${issuer}/jwks`)).json()) as { keys: Record<string, unknown>[] }
  t.notOk(
    keys.keys.some((key) => 'd' in key),
    'public halves only',
  )
})
