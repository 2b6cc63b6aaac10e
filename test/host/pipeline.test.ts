import { createHash } from 'node:crypto'
import type { LightMyRequestResponse } from 'fastify'
import t from 'tap'
import { newId } from '../../domain/shared/ids.ts'
import { newest } from '../../domain/shared/page.ts'
import { startHost, type CallOptions } from '../helper.ts'
import { openRows } from '../house/rows.ts'

const ana = '01920000-0000-7000-8000-c00000000001'
const ben = '01920000-0000-7000-8000-c00000000002'

const host = await startHost(t, {
  env: { IP_LIMIT: 'all=40/60s,anonymous=5/60s', MESSAGING_LIMITS: 'user=12/60s,burst=12/10s,conversation=3/60s' },
})
const rows = await openRows(t, host.database.superuserUrl)

/** What an answer teaches its caller: status, code and reason, and for a schema the rule. */
const told = (response: LightMyRequestResponse): string => {
  if (response.statusCode < 400) return String(response.statusCode)
  const { status, code, reason, errors } = response.json<{ status: number; code: string; reason?: string; errors?: { rule: string }[] }>()
  return [status, code, reason, errors?.[0]?.rule].filter((part) => part !== undefined).join(' ')
}

let address = 0
/** From an address of its own, so that only the tests about addresses meet their limit. */
const from = (next = ++address): string => `10.0.${next >> 8}.${next & 255}`

interface Attempt extends CallOptions {
  readonly remoteAddress?: string
}

const send = async (
  method: 'GET' | 'POST',
  url: string,
  { remoteAddress = from(), body, key, headers, as, token }: Attempt,
): Promise<LightMyRequestResponse> => {
  const bearer = token ?? (as ? host.token(as) : undefined)
  const payload = typeof body === 'string' ? { payload: body } : body === undefined ? {} : { payload: JSON.stringify(body) }
  return host.app.inject({
    method, url, remoteAddress, ...payload,
    headers: {
      ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      ...(bearer ? { authorization: `Bearer ${bearer}` } : {}),
      ...(key === undefined || key === null ? {} : { 'idempotency-key': key }),
      ...headers,
    },
  }) // prettier-ignore
}

/** The patient as another signed-in user of the same record: limits and keys count by user. */
const anaAs = (sub: string): string => host.token('patient-ana', { claims: { sub } })

const grant = async (): Promise<string> => {
  const granted = await send('POST', '/api/consents', {
    token: anaAs('granting'),
    key: newId(),
    body: { patientId: ana, scope: 'messaging' },
  })
  return granted.json<{ id: string }>().id
}
const revoke = async (consentId: string): Promise<void> => {
  const revoked = await send('POST', `/api/consents/${consentId}/revocation`, { token: anaAs('granting'), key: newId(), body: {} })
  t.equal(revoked.statusCode, 200)
}

const conversations = '/api/messaging/conversations'
let consentId = await grant()
const opened = await send('POST', conversations, { token: anaAs('opening'), key: newId(), body: { patientId: ana, subject: 'A question' } })
const messages = `${conversations}/${opened.json<{ id: string }>().id}/messages`

t.test('a request that fails every gate is told of one at a time, in the order of the design', async (t) => {
  // Used up beforehand: an address, a user's budget, a conversation's, and a key.
  const crowded = from()
  for (let sent = 0; sent < 40; sent += 1) await send('GET', '/api/unknown', { remoteAddress: crowded })
  const busy = anaAs('busy')
  for (let sent = 0; sent < 12; sent += 1) await send('POST', messages, { token: busy, key: newId(), body: '[]' })
  const talkative = anaAs('talkative')
  const spent = newId()
  t.equal(told(await send('POST', messages, { token: talkative, key: spent, body: { body: 'first' } })), '201')
  for (let sent = 0; sent < 2; sent += 1) await send('POST', messages, { token: talkative, key: newId(), body: { body: 'more' } })
  await revoke(consentId)
  await host.flip('USE_CHAT_WRITES', false)

  const foreign = `${conversations}/${newId()}/messages`
  const contradicting = { patientId: ben, subject: '', extra: true }
  const invalid = { body: '', extra: true }
  const off: [string, string, string, Attempt][] = [
    ['429 RATE_LIMITED', 'the address, before anything is read', foreign, { remoteAddress: crowded, body: '{' }],
    ['401 UNAUTHORIZED', 'the token, before the body is read', foreign, { body: '{' }],
    ['401 UNAUTHORIZED', 'a token that has ended', foreign, { token: host.token('clinician', { lifetimeSeconds: -60 }), body: '{' }],
    ['400 VALIDATION_FAILED json', 'the body as such', foreign, { as: 'clinician', body: '{' }],
    ['413 VALIDATION_FAILED too-large', 'the body as such', foreign, { as: 'clinician', body: `"${'x'.repeat(32_768)}"` }],
    ['415 VALIDATION_FAILED media-type', 'the body as such', foreign, { as: 'clinician', body: 'x', headers: { 'content-type': 'text/plain' } }],
    ['403 FORBIDDEN', 'audience and role, whatever the switch', foreign, { as: 'clinician', body: invalid }],
    ['403 FORBIDDEN', 'the scope', foreign, { token: host.token('patient-ana', { claims: { scope: 'messaging:read' } }), body: invalid }],
    ['403 FORBIDDEN', 'roles of two kinds', foreign, { token: host.token('patient-ana', { claims: { realm_access: { roles: ['patient', 'founder'] } } }), body: invalid }],
    ['403 FORBIDDEN', 'an agent', foreign, { as: 'ai-agent-patient', body: invalid }],
    ['403 FORBIDDEN', 'another agency', foreign, { token: anaAs('curious'), body: invalid, headers: { 'x-agency': '*' } }],
    ['403 FORBIDDEN', 'an id that the token contradicts', conversations, { token: busy, body: contradicting }],
    ['503 UPSTREAM_UNAVAILABLE disabled', 'the switch, before the budget', foreign, { token: busy, body: invalid }],
  ] // prettier-ignore
  for (const [expected, why, url, attempt] of off) t.equal(told(await send('POST', url, attempt)), expected, why)

  await host.flip('USE_CHAT_WRITES', true)
  const on: [string, string, string, Attempt][] = [
    ['429 RATE_LIMITED', 'the user’s budget, before the schema', foreign, { token: busy, body: invalid }],
    ['400 VALIDATION_FAILED additionalProperties', 'the schema of the body, before the key', foreign, { token: talkative, body: invalid }],
    ['400 VALIDATION_FAILED pattern', 'a blank text', foreign, { token: talkative, body: { body: ' ' } }],
    ['400 VALIDATION_FAILED idempotency-key', 'the key, before any row is looked up', foreign, { token: talkative, body: { body: 'x' } }],
    ['403 FORBIDDEN', 'a conversation of nobody, before consent', foreign, { token: talkative, key: spent, body: { body: 'x' } }],
    ['403 FORBIDDEN', 'a conversation of another, the same', messages, { as: 'patient-ben', key: spent, body: { body: 'x' } }],
    ['403 CONSENT_REQUIRED', 'consent, before the conversation’s budget', messages, { token: talkative, key: spent, body: { body: 'x' } }],
  ] // prettier-ignore
  for (const [expected, why, url, attempt] of on) t.equal(told(await send('POST', url, attempt)), expected, why)

  consentId = await grant()
  t.equal(
    told(await send('POST', messages, { token: talkative, key: spent, body: { body: 'x' } })),
    '429 RATE_LIMITED',
    'the conversation’s budget, before the key',
  )
  host.clock.advance(61_000)
  const refreshed = anaAs('talkative')
  t.equal(told(await send('POST', messages, { token: refreshed, key: spent, body: { body: 'x' } })), '422 CONFLICT key-reused', 'the key')
  t.equal(told(await send('POST', messages, { token: refreshed, key: newId(), body: { body: 'x' } })), '201', 'nothing is in the way')
})

t.test('what a refusal does not tell', async (t) => {
  const bodyOf = (response: LightMyRequestResponse): object => ({ ...response.json<object>(), instance: '' })
  const key = newId()
  const absent = await send('POST', `${conversations}/${newId()}/messages`, { as: 'patient-ben', key, body: { body: 'x' } })
  const anothers = await send('POST', messages, { as: 'patient-ben', key, body: { body: 'x' } })
  const elsewhere = await send('POST', messages, { as: 'patient-cho', key, body: { body: 'x' } })
  for (const response of [anothers, elsewhere]) {
    t.equal(response.statusCode, 403)
    t.same(bodyOf(response), bodyOf(absent), 'another’s conversation and none are the same')
    t.same(Object.keys(response.headers).sort(), Object.keys(absent.headers).sort(), 'in the headers, too')
  }
  const consents = [consentId, newId()].map((id) => send('GET', `/api/consents/${id}`, { as: 'patient-ben' }))
  const [own, none] = await Promise.all(consents)
  t.same(bodyOf(own!), bodyOf(none!), 'another’s consent and none are the same')
})

t.test('an attempt counts where it arrives, and not where it was refused before', async (t) => {
  const sub = newId()
  const conversation = await send('POST', conversations, {
    token: anaAs(newId()),
    key: newId(),
    body: { patientId: ana, subject: 'Counting' },
  })
  const url = `${conversations}/${conversation.json<{ id: string }>().id}/messages`
  await revoke(consentId)
  for (let sent = 0; sent < 4; sent += 1)
    t.match(told(await send('POST', url, { token: anaAs(sub), key: newId(), body: { body: 'x' } })), /CONSENT_REQUIRED/)
  consentId = await grant()
  const answers: string[] = []
  for (let sent = 0; sent < 3; sent += 1)
    answers.push(told(await send('POST', url, { token: anaAs(sub), key: newId(), body: { body: 'x' } })))
  const full = await send('POST', url, { token: anaAs(sub), key: newId(), body: { body: 'x' } })
  answers.push(told(full))
  t.same(answers, ['201', '201', '201', '429 RATE_LIMITED'], 'what consent refused did not reach the conversation’s budget')
  t.match(full.headers, {
    'retry-after': /^\d+$/,
    ratelimit: /^"messaging-conversation";r=0;t=\d+$/,
    'ratelimit-policy': /"messaging-conversation";q=3;w=60$/,
  })
  for (let sent = 0; sent < 4; sent += 1)
    answers.push(told(await send('POST', `${conversations}/${newId()}/messages`, { token: anaAs(sub), key: newId(), body: { body: 'x' } })))
  t.same(answers.slice(4), ['403 FORBIDDEN', '403 FORBIDDEN', '403 FORBIDDEN', '403 FORBIDDEN'])
  t.equal(
    told(await send('POST', url, { token: anaAs(sub), key: newId(), body: { body: 'x' } })),
    '429 RATE_LIMITED',
    'all twelve were the user’s, the thirteenth is too many',
  )
  const limited = await send('POST', url, { token: anaAs(sub), key: newId(), body: { body: 'x' } })
  t.match(limited.headers, {
    'retry-after': /^\d+$/,
    ratelimit: /^"messaging-burst";r=0;t=\d+$|^"messaging-user";r=0;t=\d+$/,
    'ratelimit-policy': /"messaging-user";q=12;w=60/,
  })
})

t.test('an address without a token has a budget of its own', async (t) => {
  const remoteAddress = from()
  const answers: string[] = []
  for (let sent = 0; sent < 7; sent += 1) answers.push(told(await send('GET', conversations, { remoteAddress })))
  t.same(answers, [...Array.from({ length: 5 }, () => '401 UNAUTHORIZED'), '429 RATE_LIMITED', '429 RATE_LIMITED'])
  t.equal(told(await send('GET', conversations, { remoteAddress, as: 'patient-ana' })), '200', 'who has one is not held up by who has none')
})

t.test('an attempt before authentication leaves size and digest, one after it leaves its payload', async (t) => {
  const sent = '{"body":"unseen"}'
  const cut = '{"body":'
  const digestOf = (text: string) => ({ size: Buffer.byteLength(text), sha256: createHash('sha256').update(text).digest('hex') })
  const attempts: [string, Attempt, unknown][] = [
    ['UNAUTHORIZED', { body: sent }, digestOf(sent)],
    ['UNAUTHORIZED', {}, null],
    ['VALIDATION_FAILED', { as: 'patient-ana', body: cut }, digestOf(cut)],
    ['FORBIDDEN', { as: 'clinician', body: sent }, { params: { conversationId: messages.split('/')[4] }, body: { body: 'unseen' } }],
  ]
  for (const [outcome, attempt, payload] of attempts) {
    const requestId = newId()
    await send('POST', messages, { ...attempt, headers: { 'x-request-id': requestId } })
    const [row] = await rows.query<{ agency_id: string; outcome: string }>(
      'select agency_id, outcome from audit_event where request_id = $1',
      [requestId],
    )
    t.equal(row?.outcome, outcome)
    const events = await host.parts.capabilities.auditStore.events(row!.agency_id, {
      before: { at: new Date(newest.at), id: newest.id },
      limit: 100,
    })
    t.same(events.find((event) => event.requestId === requestId)?.payload, payload)
  }
})

t.test('a path that nobody can read counts against its address', async (t) => {
  const remoteAddress = from()
  const answers = []
  for (let n = 0; n < 41; n += 1) answers.push(told(await send('GET', '/api/consents/%zz', { remoteAddress })))
  t.equal(answers[39], '400 VALIDATION_FAILED')
  t.equal(answers[40], '429 RATE_LIMITED')
})

t.test('what only operators see is answered on this machine alone', async (t) => {
  for (const path of ['/metrics', '/health/detail']) {
    t.equal((await host.app.inject({ url: path })).statusCode, 200, path)
    t.equal(told(await send('GET', path, {})), '403 FORBIDDEN', path)
  }
})
