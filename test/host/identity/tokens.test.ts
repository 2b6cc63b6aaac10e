import { constants, createHmac, createPrivateKey, createPublicKey, sign, type JsonWebKey } from 'node:crypto'
import { createServer, type RequestListener } from 'node:http'
import type { AddressInfo } from 'node:net'
import t, { type Test } from 'tap'
import { personaNamed, personas } from '../../../config/personas.ts'
import type { Clock } from '../../../domain/shared/clock.ts'
import { Refusal } from '../../../domain/shared/refusal.ts'
import { startDevIssuer, type DevIssuer, type DevIssuerOptions } from '../../../plugins/dev/issuer.ts'
import { newKey, type IssuerAlgorithm } from '../../../plugins/dev/issuer-state.ts'
import { signToken, tokenClaims, type TokenOverrides } from '../../../plugins/dev/sign-token.ts'
import { createIdentity, type IdentityOptions } from '../../../plugins/host/identity/identity.ts'
import { createKeySet } from '../../../plugins/host/identity/key-set.ts'
import type { Principal } from '../../../plugins/host/principal.ts'

const audience = 'postern'
const start = Date.parse('2026-11-21T12:00:00Z')
const minute = 60_000

const frozenClock = () => {
  let at = start
  return { now: () => at, advance: (ms: number) => void (at += ms) } satisfies Clock & { advance(ms: number): void }
}

const issuerFor = async (t: Test, options: Partial<DevIssuerOptions> = {}): Promise<DevIssuer> => {
  const issuer = await startDevIssuer({ audience, algorithm: 'ES256', ...options, dataDir: options.dataDir ?? t.testdir() })
  t.teardown(() => issuer.close())
  return issuer
}

const identityFor = (t: Test, options: Partial<IdentityOptions> & { issuer: string }) => {
  const identity = createIdentity({ audience, agencyModules: () => ['billing', 'dea'], timeoutMs: 2_000, ...options })
  t.teardown(() => identity.close())
  const bearer = async (token: string): Promise<Principal> => identity.authenticate(`Bearer ${token}`)
  const outcome = async (authorization: string | undefined): Promise<string> => {
    try {
      await identity.authenticate(authorization)
      return 'accepted'
    } catch (error) {
      if (!(error instanceof Refusal)) throw error
      return error.code
    }
  }
  return { identity, bearer, outcome, tried: (token: string) => outcome(`Bearer ${token}`) }
}

const ana = personaNamed('patient-ana')!
const admin = personaNamed('agency-admin')!
const service = personaNamed('service-procedures')!

t.test('every persona of a real issuer becomes the caller that the design says', async (t) => {
  const issuer = await issuerFor(t, { algorithm: 'RS256' })
  const { bearer } = identityFor(t, issuer)
  const audiences: Record<string, string> = {
    'patient-ana': 'patient',
    'patient-ben': 'patient',
    'patient-cho': 'patient',
    'ai-agent-patient': 'patient',
    'provider-self': 'provider',
    'service-procedures': 'service',
  }
  for (const persona of personas) {
    const principal = await bearer(issuer.issueToken(persona))
    t.equal(principal.audience, audiences[persona.persona] ?? 'staff', persona.persona)
    t.same([principal.userId, principal.agencyId, principal.role], [persona.sub, persona.agencyId, persona.roles[0]])
    t.equal(principal.agent?.agentId, persona.agent?.sub)
    if (persona.agent === undefined) t.equal(principal.scopes.size, persona.scopes.length, 'all that the token lists')
  }
})

t.test('what is known is answered at once, as the same principal', async (t) => {
  const clock = frozenClock()
  const issuer = await issuerFor(t, { clock })
  const { identity, outcome } = identityFor(t, { ...issuer, clock })
  const header = `Bearer ${issuer.issueToken(ana)}`
  const first = identity.authenticate(header)
  t.ok(first instanceof Promise)
  const principal = await first
  t.equal(identity.authenticate(Buffer.from(header).toString()), principal, 'an equal header, no promise')
  clock.advance(15 * minute + 30_000)
  t.equal(identity.authenticate(header), principal, 'to the last second of the skew')
  clock.advance(1)
  t.equal(await outcome(header), 'UNAUTHORIZED', 'expiry counts for the known, too')
})

t.test('client credentials at the real token endpoint', async (t) => {
  const issuer = await issuerFor(t)
  const { bearer } = identityFor(t, issuer)
  const ask = (secret: string, scope: string) =>
    fetch(`${issuer.issuer}/token`, {
      method: 'POST',
      headers: { authorization: `Basic ${Buffer.from(`${issuer.client.id}:${secret}`).toString('base64')}` },
      body: new URLSearchParams({ grant_type: 'client_credentials', scope }),
    })
  const answer = await ask(issuer.client.secret, 'procedures:report')
  t.equal(answer.status, 200)
  const { access_token: token } = (await answer.json()) as { access_token: string }
  const machine = await bearer(token)
  t.match(machine, { audience: 'service', userId: service.sub, agencyId: service.agencyId })
  t.same([...machine.scopes], ['procedures:report'])
  t.equal((await ask('wrong', 'procedures:report')).status, 401)
  const greedy = (await (await ask(issuer.client.secret, 'founder:admin')).json()) as { access_token: string }
  t.equal((await bearer(greedy.access_token)).scopes.size, 0)
})

t.test('a token with anything wrong is refused, and the refusal holds nothing of it', async (t) => {
  const clock = frozenClock()
  const issuer = await issuerFor(t, { clock, algorithm: 'RS256' })
  const { identity, outcome } = identityFor(t, { ...issuer, clock })
  const seconds = start / 1000
  const issue = (overrides: TokenOverrides, persona = ana) => issuer.issueToken(persona, overrides)
  const good = issue({})
  const [head, body, signature] = good.split('.') as [string, string, string]
  const encode = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url')
  const headOf = (changes: object) => encode({ ...JSON.parse(Buffer.from(head, 'base64url').toString()), ...changes })
  const keySet = (await (await fetch(`${issuer.issuer}/jwks`)).json()) as { keys: JsonWebKey[] }
  const publicPem = createPublicKey({ key: keySet.keys[0]!, format: 'jwk' }).export({ type: 'spki', format: 'pem' })
  const hmac = (input: string) => `${input}.${createHmac('sha256', publicPem).update(input).digest('base64url')}`
  const ordinary = tokenClaims(ana, { ...issuer, nowMs: start })
  const flipped = (text: string) => text.slice(0, 40) + (text[40] === 'A' ? 'B' : 'A') + text.slice(41)
  const without = (claim: string) => issue({ claims: { [claim]: undefined } })
  const both = { roles: ['service', 'founder'] }
  const withClaim = (claim: string, value: unknown) => issue({ claims: { [claim]: value } })

  const headers: Record<string, string | undefined> = {
    'no header': undefined,
    'empty header': '',
    'another scheme': 'Basic YTpi',
    'scheme alone': 'Bearer ',
    'two tokens': `Bearer ${good}, Bearer ${good}`,
    'trailing space': `Bearer ${good} `,
  }
  const tokens: Record<string, string> = {
    'two parts': `${head}.${body}`,
    'five parts (encrypted)': `${good}.a.b`,
    'not base64url': `${head}.${body}=.${signature}`,
    'no JSON': `AAAA.AAAA.AAAA`,
    'header is a list': `${encode([])}.${body}.${signature}`,
    unsigned: `${head}.${body}.`,
    'alg none': `${headOf({ alg: 'none' })}.${body}.`,
    'alg None, signature kept': `${headOf({ alg: 'None' })}.${body}.${signature}`,
    'HS256 with the public key': hmac(`${headOf({ alg: 'HS256' })}.${body}`),
    'RS256 by name, HMAC by nature': hmac(`${head}.${body}`),
    'RSA key under ES256': `${headOf({ alg: 'ES256' })}.${body}.${signature}`,
    'algorithm not on the list': `${headOf({ alg: 'RS512' })}.${body}.${signature}`,
    'tampered claims': `${head}.${flipped(body)}.${signature}`,
    'tampered signature': `${head}.${body}.${flipped(signature)}`,
    "signed by a stranger's key": signToken({ ...newKey('RS256'), kid: keySet.keys[0]!['kid'] }, ordinary),
    'critical extension': issue({ header: { crit: ['b64'], b64: false } }),
    'key of its own choice': issue({ header: { kid: undefined, jwk: keySet.keys[0] } }),
    'key id of a number': issue({ header: { kid: 1 } }),
    'unknown key id': issue({ header: { kid: 'unheard-of' } }),
    'typ JWT': issue({ header: { typ: 'JWT' } }),
    'no typ': issue({ header: { typ: undefined } }),
    'typ of a logout token': issue({ header: { typ: 'logout+jwt' } }),
    'another issuer': withClaim('iss', 'http://127.0.0.1:1'),
    'issuer with a slash more': withClaim('iss', `${issuer.issuer}/`),
    'another audience': withClaim('aud', 'account'),
    'audiences of others': withClaim('aud', ['account', 'postern2']),
    'claims are a list': signToken(newKey('RS256'), [] as never),
    expired: issue({ claims: { iat: seconds - 931, exp: seconds - 31 } }),
    'expiry as text': withClaim('exp', String(seconds + 900)),
    'expiry as null': withClaim('exp', null),
    'issued as text': withClaim('iat', String(seconds)),
    'issued in the future': issue({ claims: { iat: seconds + 31, exp: seconds + 600 } }),
    'expires before it was issued': issue({ claims: { iat: seconds + 20, exp: seconds + 10 } }),
    'not valid yet': withClaim('nbf', seconds + 31),
    'lives 15 minutes and a second': issue({ lifetimeSeconds: 901 }),
    'staff that calls itself a service': issue({ lifetimeSeconds: 901, claims: { realm_access: both } }, service),
    'agent of a service': issue({ lifetimeSeconds: 901, claims: { act: { sub: 'robot' } } }, service),
    'service without an agency': issue({ claims: { agency_id: undefined } }, service),
    'agency of no UUID': withClaim('agency_id', 'Riverside'),
    'the platform as agency': withClaim('agency_id', '00000000-0000-0000-0000-000000000000'),
    agencies: withClaim('agency_id', [ana.agencyId]),
    'patient id of no UUID': withClaim('patient_id', '1'),
    'patient id null': withClaim('patient_id', null),
    'provider id of no UUID': withClaim('provider_id', '*'),
    'sub with a space': withClaim('sub', 'a b'),
    'sub with a line end': withClaim('sub', 'a\n'),
    'sub too long': withClaim('sub', 'x'.repeat(256)),
    'sub of a number': withClaim('sub', 7),
    'empty sub': withClaim('sub', ''),
    'scope as a list': withClaim('scope', ['consent:read']),
    'roles as text': withClaim('realm_access', { roles: 'patient' }),
    'roles of numbers': withClaim('realm_access', { roles: [1] }),
    'realm_access null': withClaim('realm_access', null),
    'act null': withClaim('act', null),
    'act as text': withClaim('act', 'robot'),
    'act of nobody': withClaim('act', {}),
    huge: withClaim('padding', 'x'.repeat(8_000)),
  }
  for (const claim of ['exp', 'iat', 'iss', 'aud', 'sub', 'agency_id']) tokens[`no ${claim}`] = without(claim)
  for (const [name, token] of Object.entries(tokens)) headers[name] = `Bearer ${token}`

  for (const [name, header] of Object.entries(headers)) {
    const error = await Promise.resolve()
      .then(() => identity.authenticate(header))
      .catch((thrown: unknown) => thrown as Refusal)
    t.match(error, { name: 'Refusal', code: 'UNAUTHORIZED' }, name)
    const told = `${(error as Refusal).message} ${String((error as Refusal).details.cause)}`
    t.ok(told.length < 80 && !told.includes(ana.sub), 'told without a value')
  }
  t.equal(identity.stats().tokens, 0, 'nothing refused is remembered')

  const fine: Record<string, string> = {
    'as issued': `Bearer ${good}`,
    'scheme in lower case': `bearer ${good}`,
    'ours among the audiences': `Bearer ${withClaim('aud', ['account', audience])}`,
    'full media type': `Bearer ${issue({ header: { typ: 'application/AT+JWT' } })}`,
    'expired within the skew': `Bearer ${issue({ claims: { iat: seconds - 930, exp: seconds - 30 } })}`,
    'issued within the skew': `Bearer ${issue({ claims: { iat: seconds + 30, exp: seconds + 600 } })}`,
    '15 minutes': `Bearer ${issue({ lifetimeSeconds: 900 })}`,
    'machine of a day': `Bearer ${issue({ lifetimeSeconds: 86_400 }, service)}`,
    'no scope, no roles': `Bearer ${issue({ claims: { scope: undefined, realm_access: undefined } })}`,
    'UUIDs in capitals': `Bearer ${issue({ claims: { agency_id: ana.agencyId.toUpperCase() } })}`,
    'sub of 255': `Bearer ${withClaim('sub', 'x'.repeat(255))}`,
  }
  for (const [name, header] of Object.entries(fine)) t.equal(await outcome(header), 'accepted', name)
})

t.test('typ JWT by setting: access tokens alone', async (t) => {
  const issuer = await issuerFor(t)
  const { tried } = identityFor(t, { ...issuer, acceptedTypes: ['at+jwt', 'JWT'] })
  const keycloak = (typ: string | undefined) => issuer.issueToken(ana, { header: { typ: 'JWT' }, claims: { typ } })
  t.equal(await tried(keycloak(undefined)), 'accepted')
  t.equal(await tried(keycloak('Bearer')), 'accepted')
  t.equal(await tried(keycloak('ID')), 'UNAUTHORIZED')
  t.equal(await tried(keycloak('Refresh')), 'UNAUTHORIZED')
  t.equal(await tried(issuer.issueToken(ana, { header: { typ: 'dpop+jwt' } })), 'UNAUTHORIZED')
})

t.test('algorithms: three by default, never a symmetric one', async (t) => {
  for (const algorithm of ['RS256', 'ES256', 'EdDSA'] as IssuerAlgorithm[]) {
    const issuer = await issuerFor(t, { algorithm, dataDir: t.testdir({ [algorithm]: {} }) + `/${algorithm}` })
    t.equal(await identityFor(t, issuer).tried(issuer.issueToken(ana)), 'accepted', algorithm)
    const others = ['RS256', 'ES256', 'EdDSA'].filter((one) => one !== algorithm)
    t.equal(await identityFor(t, { ...issuer, algorithms: others }).tried(issuer.issueToken(ana)), 'UNAUTHORIZED')
  }
  for (const bad of ['HS256', 'none', 'RS1', 'EdDSA,HS256']) {
    t.throws(() => createIdentity({ issuer: 'http://127.0.0.1:1', audience, algorithms: [bad], agencyModules: () => [] }), /asymmetric/)
  }
})

t.test('rotation: the new key is found, a withdrawn one stops working, also for known tokens', async (t) => {
  const clock = frozenClock()
  const issuer = await issuerFor(t, { clock })
  const { identity, tried } = identityFor(t, { ...issuer, clock })
  const before = issuer.issueToken(ana)
  t.equal(await tried(before), 'accepted')
  issuer.rotateKeys()
  t.equal(await tried(issuer.issueToken(ana)), 'accepted', 'an unknown key id is looked up')
  t.equal(identity.stats().tokens, 1, 'what was known is forgotten')
  t.equal(await tried(before), 'accepted', 'the old key is listed still')

  issuer.rotateKeys({ retire: true })
  t.equal(await tried(before), 'accepted', 'until the keys are asked for again')
  clock.advance(5 * minute)
  t.equal(await tried(before), 'accepted', 'this request starts it and does not wait')
  t.equal(await tried(issuer.issueToken(ana)), 'accepted', 'this one waits for it')
  t.equal(await tried(before), 'UNAUTHORIZED')
})

t.test('issuer down: cached keys for an hour, then 503; back: as before', async (t) => {
  const clock = frozenClock()
  const dataDir = t.testdir()
  const issuer = await issuerFor(t, { clock, dataDir })
  const { tried } = identityFor(t, { ...issuer, clock })
  const longLived = issuer.issueToken(service, { lifetimeSeconds: 86_400 })
  t.equal(await tried(longLived), 'accepted')
  await issuer.close()
  clock.advance(60 * minute)
  t.equal(await tried(issuer.issueToken(ana)), 'accepted', 'a new token after an hour without the issuer')
  t.equal(await tried(longLived), 'accepted')
  t.equal(await tried(issuer.issueToken(ana, { header: { kid: 'unheard-of' } })), 'UNAUTHORIZED')
  clock.advance(1)
  t.equal(await tried(issuer.issueToken(ana)), 'UPSTREAM_UNAVAILABLE')
  t.equal(await tried(longLived), 'UPSTREAM_UNAVAILABLE', 'known tokens too')
  t.equal(await tried('a.b.c'), 'UNAUTHORIZED', 'what is no token needs no key')

  const again = await issuerFor(t, { clock, dataDir })
  t.equal(again.issuer, issuer.issuer, 'the same address and keys after a restart')
  clock.advance(10_000)
  t.equal(await tried(longLived), 'accepted')
  t.equal(await tried(issuer.issueToken(ana)), 'accepted')
})

/** An issuer that says what it is told to, and counts. */
const liar = async (t: Test, respond: (issuer: string, keys: JsonWebKey[]) => RequestListener) => {
  const key = newKey('ES256')
  const keys = [{ ...createPublicKey({ key, format: 'jwk' }).export({ format: 'jwk' }), kid: key['kid'], use: 'sig' } as JsonWebKey]
  const seen: string[] = []
  const server = createServer((request, response) => {
    seen.push(request.url!)
    respond(issuer, keys)(request, response)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  t.teardown(() => void (server.close(), server.closeAllConnections()))
  const issuer = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  const issue = (nowMs: number, overrides?: TokenOverrides, persona = ana) =>
    signToken(key, tokenClaims(persona, { issuer, audience, nowMs }, overrides?.lifetimeSeconds), overrides)
  return { issuer, keys, issue, seen }
}

const honest =
  (issuer: string, keys: unknown, discovered: object = {}): RequestListener =>
  (request, response) => {
    response.setHeader('content-type', 'application/json')
    response.end(JSON.stringify(request.url === '/jwks' ? { keys } : { issuer, jwks_uri: `${issuer}/jwks`, ...discovered }))
  }

t.test('keys are fetched once for all who wait, and for unknown ids every 10 s at most', async (t) => {
  const clock = frozenClock()
  const source = await liar(t, honest)
  const { identity, tried } = identityFor(t, { ...source, clock })
  await identity.warmUp()
  t.same(source.seen, ['/.well-known/openid-configuration', '/jwks'])
  const unknown = (kid: string) => source.issue(clock.now(), { header: { kid } })
  const flood = async (name: string) => {
    const outcomes = await Promise.all(Array.from({ length: 50 }, (_, index) => tried(unknown(`${name}${index}`))))
    t.ok(outcomes.every((outcome) => outcome === 'UNAUTHORIZED'))
  }
  await flood('a')
  t.equal(source.seen.length, 4, 'fifty unknown ids, one fetch')
  clock.advance(9_999)
  await flood('b')
  t.equal(source.seen.length, 4, 'and none within 10 s')
  clock.advance(1)
  await flood('c')
  t.equal(source.seen.length, 6)
  const headers = Array.from({ length: 50 }, () => tried(source.issue(clock.now())))
  t.ok((await Promise.all(headers)).every((outcome) => outcome === 'accepted'))
  t.equal(source.seen.length, 6, 'known ids need none')

  const cold = identityFor(t, { ...source, clock })
  await Promise.all(Array.from({ length: 50 }, () => cold.tried(source.issue(clock.now()))))
  t.equal(source.seen.length, 8, 'a cold start under load fetches once')
})

t.test('keys are refreshed in the background, and a failing refresh is not hammered', async (t) => {
  const clock = frozenClock()
  let up = true
  const source = await liar(t, (issuer, keys) => (up ? honest(issuer, keys) : (_request, response) => void response.writeHead(500).end()))
  const { identity, tried } = identityFor(t, { ...source, clock })
  const header = `Bearer ${source.issue(start, { lifetimeSeconds: 86_400 }, service)}`
  await identity.authenticate(header)
  up = false
  clock.advance(5 * minute)
  for (let index = 0; index < 100; index++) t.notOk(identity.authenticate(header) instanceof Promise)
  await tried(source.issue(clock.now(), { header: { kid: 'x' } }))
  for (let index = 0; index < 5; index++) t.equal(await tried(source.issue(clock.now())), 'accepted')
  t.same(source.seen.slice(2), ['/.well-known/openid-configuration'], 'a hundred requests, one attempt')
  clock.advance(10_000)
  up = true
  identity.authenticate(header)
  await tried(source.issue(clock.now(), { header: { kid: 'y' } }))
  t.equal(identity.stats().keysAgeMs, 0, 'renewed')
  t.notOk(identity.authenticate(header) instanceof Promise, 'the same keys: nothing is forgotten')
})

t.test('a key set tries a failing issuer every 10 s, for an hour, and then says no', async (t) => {
  const clock = frozenClock()
  let fetched = 0
  const fetchKeys = async () => {
    fetched += 1
    if (fetched > 1) throw new Error('down')
    return new Map([['k', { pem: 'pem', algorithms: ['ES256'] }]])
  }
  const keys = createKeySet({ clock, fetchKeys, onRotation: () => undefined })
  await keys.load()
  clock.advance(5 * minute)
  for (let second = 0; second < 60; second++) {
    for (let index = 0; index < 3; index++) {
      t.ok(keys.touch())
      await keys.seek('k')
    }
    clock.advance(1_000)
  }
  t.equal(fetched, 1 + 6)
  clock.advance(54 * minute + 1)
  t.notOk(keys.touch())
  await t.rejects(keys.load(), { code: 'UPSTREAM_UNAVAILABLE' })
})

t.test('an issuer that lies, stalls or fails gives no keys: 503, and its words are not trusted', async (t) => {
  const rsa = (bits: number) => ({ kty: 'RSA', e: 'AQAB', kid: 'k', n: Buffer.alloc(bits / 8, 0xff).toString('base64url') })
  const lies: Record<string, (issuer: string, keys: JsonWebKey[]) => RequestListener> = {
    'another issuer': (issuer, keys) => honest(issuer, keys, { issuer: 'http://127.0.0.1:9' }),
    'no jwks_uri': (issuer, keys) => honest(issuer, keys, { jwks_uri: undefined }),
    'jwks_uri of another kind': (issuer, keys) => honest(issuer, keys, { jwks_uri: 'file:///etc/hosts' }),
    'server error': () => (_request, response) => void response.writeHead(500).end('{}'),
    'no JSON': () => (_request, response) => void response.end('<html>'),
    null: () => (_request, response) => void response.end('null'),
    redirect: (issuer, keys) => (request, response) => {
      if (request.url === '/jwks') response.writeHead(302, { location: '/moved' }).end()
      else if (request.url === '/moved') response.end(JSON.stringify({ keys }))
      else honest(issuer, keys)(request, response)
    },
    'too large': (issuer, keys) => honest(issuer, keys, { padding: 'x'.repeat(300_000) }),
    'keys are no list': (issuer) => honest(issuer, {}),
    'no keys': (issuer) => honest(issuer, []),
    'no usable keys': (issuer, [key]) =>
      honest(issuer, [
        null,
        'x',
        {},
        ...[{ kid: undefined }, { use: 'enc' }, { alg: 'RS256' }].map((changes) => ({ ...key, ...changes })),
        { kty: 'oct', k: 'AAAA', kid: 'k' },
        { kty: 'EC', kid: 'k' },
        rsa(1024),
      ]),
    'never an end': () => (_request, response) => void response.writeHead(200).write('{'),
  }
  for (const [name, lie] of Object.entries(lies)) {
    const source = await liar(t, lie)
    const { tried } = identityFor(t, { ...source, timeoutMs: name === 'never an end' ? 50 : 2_000 })
    t.equal(await tried(source.issue(Date.now())), 'UPSTREAM_UNAVAILABLE', name)
  }
  const gone = identityFor(t, { issuer: 'http://127.0.0.1:9', timeoutMs: 500 })
  await t.rejects(gone.identity.warmUp(), { code: 'UPSTREAM_UNAVAILABLE' })
})

t.test('no keys yet: the issuer is asked again after a second, not by every request', async (t) => {
  const clock = frozenClock()
  let up = false
  const source = await liar(t, (issuer, keys) => (up ? honest(issuer, keys) : (_request, response) => void response.writeHead(503).end()))
  const { tried } = identityFor(t, { ...source, clock })
  for (let index = 0; index < 20; index++) t.equal(await tried(source.issue(start)), 'UPSTREAM_UNAVAILABLE')
  t.equal(source.seen.length, 1)
  up = true
  clock.advance(1_000)
  t.equal(await tried(source.issue(start)), 'accepted')
})

t.test('modules: asked for administrators alone, again after 10 s, and their failure is no grant', async (t) => {
  const clock = frozenClock()
  const source = await liar(t, honest)
  const asked: string[] = []
  let answer: () => string[] | Promise<string[]> = () => ['billing']
  const agencyModules = (agencyId: string) => (asked.push(agencyId), answer())
  const { bearer, tried } = identityFor(t, { ...source, clock, agencyModules, modulesTimeoutMs: 50 })
  await bearer(source.issue(start))
  t.same(asked, [], 'not for a patient')
  const token = source.issue(start, {}, admin)
  const scopes = async () => [...(await bearer(token)).scopes].filter((scope) => /^(cms|dea):/.test(scope))
  t.same(await scopes(), ['cms:view'])
  answer = async () => ['dea']
  clock.advance(10_000)
  t.same(await scopes(), ['cms:view'])
  t.equal(asked.length, 1)
  clock.advance(1)
  t.same(await scopes(), ['dea:view'])
  t.same(asked, [admin.agencyId, admin.agencyId])
  answer = () => []
  clock.advance(10_001)
  t.same(await scopes(), [])
  for (const failing of [() => Promise.reject(new Error('down')), () => new Promise<never>(() => undefined)]) {
    answer = failing
    clock.advance(10_001)
    t.equal(await tried(token), 'UPSTREAM_UNAVAILABLE')
  }
  answer = () => ['billing', 'dea']
  t.same(await scopes(), ['cms:view', 'dea:view'])
})

t.test('a key works with its own algorithm alone, whatever else is on the list', async (t) => {
  const pair = newKey('RS256')
  const published = { ...createPublicKey({ key: pair, format: 'jwk' }).export({ format: 'jwk' }), kid: pair['kid'], alg: 'RS256' }
  const source = await liar(t, (issuer) => honest(issuer, [published]))
  const { tried } = identityFor(t, { ...source, algorithms: ['RS256', 'PS256'] })
  const token = (alg: string) => {
    const encode = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url')
    const claims = tokenClaims(ana, { ...source, audience, nowMs: Date.now() })
    const input = `${encode({ alg, kid: pair['kid'], typ: 'at+jwt' })}.${encode(claims)}`
    const padding = alg === 'PS256' ? { padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: 32 } : {}
    const signature = sign('sha256', Buffer.from(input), { key: createPrivateKey({ key: pair, format: 'jwk' }), ...padding })
    return `${input}.${signature.toString('base64url')}`
  }
  t.equal(await tried(token('RS256')), 'accepted')
  t.equal(await tried(token('PS256')), 'UNAUTHORIZED')
})

t.test('a token that is being admitted while the keys change is not remembered', async (t) => {
  let answer = (_modules: string[]): void => undefined
  let asked = (): void => undefined
  const waiting = new Promise<void>((resolve) => (asked = resolve))
  const issuer = await issuerFor(t)
  const agencyModules = () => (asked(), new Promise<string[]>((resolve) => (answer = resolve)))
  const { identity, bearer, tried } = identityFor(t, { ...issuer, agencyModules })
  const admitted = bearer(issuer.issueToken(admin))
  await waiting
  issuer.rotateKeys({ retire: true })
  t.equal(await tried(issuer.issueToken(ana)), 'accepted')
  answer([])
  t.equal((await admitted).userId, admin.sub)
  t.equal(identity.stats().tokens, 1, 'only the one that the new key signed')
})

t.test('the map of known tokens is bounded', async (t) => {
  const source = await liar(t, honest)
  const { identity, bearer } = identityFor(t, { ...source, capacity: 50 })
  const tokens = Array.from({ length: 200 }, () => source.issue(Date.now()))
  for (const token of tokens) await bearer(token)
  t.ok(identity.stats().tokens <= 50)
  t.equal((await bearer(tokens[0]!)).userId, ana.sub, 'what was dropped is verified anew')
})

t.test('closing leaves nothing behind, even while a fetch hangs', async (t) => {
  const source = await liar(t, () => () => undefined)
  const { identity, tried } = identityFor(t, { ...source, timeoutMs: 60_000 })
  const waiting = tried(source.issue(Date.now()))
  await new Promise((resolve) => setImmediate(resolve))
  await identity.close()
  t.equal(await waiting, 'UPSTREAM_UNAVAILABLE')
})
