import t from 'tap'
import { newId } from '../../domain/shared/ids.ts'
import { contexts } from '../../plugins/contexts.ts'
import { sendMessageStatement } from '../../plugins/contexts/messaging/messaging.statements.ts'
import { compileAll, installFunctions } from '../../plugins/host/sql/install.ts'
import { startHost } from '../helper.ts'
import { openRows } from '../house/rows.ts'

const ana = '01920000-0000-7000-8000-c00000000001'
const cho = '01920000-0000-7000-8000-c00000000003'
const day = 24 * 3_600_000

const host = await startHost(t)
const rows = await openRows(t, host.database.superuserUrl)

const granted = async (persona: string, patientId: string): Promise<string> =>
  (await host.call('POST', '/api/consents', { as: persona, body: { patientId, scope: 'messaging' } })).json<{ id: string }>().id
const opened = async (persona: string, patientId: string): Promise<string> => {
  const { id } = (await host.call('POST', '/api/messaging/conversations', { as: persona, body: { patientId, subject: 'Keys' } })).json<{
    id: string
  }>()
  return `/api/messaging/conversations/${id}/messages`
}

let consentId = await granted('patient-ana', ana)
await granted('patient-cho', cho)
const messages = await opened('patient-ana', ana)
const ofCho = await opened('patient-cho', cho)

const send = (key: string | null, text = 'Hello', { as = 'patient-ana', url = messages, token = host.token(as), headers = {} } = {}) =>
  host.call('POST', url, { token, key, headers, body: { body: text } })
const stored = async (): Promise<number> => (await rows.query<{ n: number }>('select count(*)::int as n from messaging_message'))[0]!.n
const outcomesOf = async (key: string): Promise<string[]> =>
  (
    await rows.query<{ told: string }>(
      "select outcome || coalesce(' ' || reason, '') as told from audit_event where idempotency_key = $1 order by lane, seq",
      [key],
    )
  )
    .map(({ told }) => told)
    .sort()

t.test('the same request with the same key is the same answer, once', async (t) => {
  const before = await stored()
  const key = newId()
  const first = await send(key)
  t.equal(first.statusCode, 201)
  t.notOk('idempotent-replayed' in first.headers)
  for (const again of [key, `"${key}"`]) {
    const replayed = await send(again)
    t.equal(replayed.statusCode, 201)
    t.equal(replayed.body, first.body, 'byte for byte')
    t.equal(replayed.headers['location'], first.headers['location'])
    t.equal(replayed.headers['idempotent-replayed'], 'true')
  }
  t.equal(await stored(), before + 1)
  t.same(await outcomesOf(key), ['replayed', 'replayed', 'success'], 'each attempt has its row, one is the success')
})

t.test('the order of members and white space do not make another request, a path does', async (t) => {
  const key = newId()
  const patientId = ana
  const headers = { 'content-type': 'application/json' }
  const create = (payload: string) => host.app.inject({ method: 'POST', url: '/api/messaging/conversations', headers: { ...headers, authorization: `Bearer ${host.token('patient-ana')}`, 'idempotency-key': key }, payload }) // prettier-ignore
  const first = await create(`{"patientId":"${patientId}","subject":"Caf\u00e9"}`)
  const reordered = await create(` {\n "subject" : "Cafe\u0301", "patientId" : "${patientId}" } `)
  t.equal(first.statusCode, 201)
  t.equal(reordered.headers['idempotent-replayed'], 'true')
  t.equal(reordered.body, first.body)

  const other = await opened('patient-ana', ana)
  const sent = newId()
  t.equal((await send(sent)).statusCode, 201)
  const elsewhere = await send(sent, 'Hello', { url: other })
  t.match(elsewhere.json(), { status: 422, code: 'CONFLICT', reason: 'key-reused' }, 'the conversation is part of the request')
})

t.test('a key stands for one request of one user in one agency', async (t) => {
  const before = await stored()
  const key = newId()
  t.equal((await send(key)).statusCode, 201)
  const reused = await send(key, 'Another text')
  t.match(reused.json(), { status: 422, code: 'CONFLICT', reason: 'key-reused' })
  t.equal((await send(key)).headers['idempotent-replayed'], 'true', 'the first answer stands')

  const otherUser = host.token('patient-ana', { claims: { sub: 'another-user' } })
  const independent = [
    await send(key, 'Hello', { token: otherUser }),
    await send(key, 'Hello', { as: 'patient-cho', url: ofCho }),
    await host.call('POST', '/api/messaging/conversations', { as: 'patient-ana', key, body: { patientId: ana, subject: 'Hello' } }),
    await host.call('POST', `/api/consents/${consentId}/revocation`, { as: 'patient-ana', key, body: {} }),
  ]
  for (const response of independent) t.notOk('idempotent-replayed' in response.headers, `${response.statusCode}: a key of its own`)
  t.same(
    independent.map(({ statusCode }) => statusCode),
    [201, 201, 201, 200],
  )
  t.equal(await stored(), before + 3)
  consentId = await granted('patient-ana', ana)
})

t.test('keys that are none are refused before anything happens', async (t) => {
  const before = await rows.state()
  for (const key of [null, '', 'x'.repeat(256), `"${'x'.repeat(256)}"`, 'a b', '""', '"a', 'a"', 'a"b', 'd\u00e9j\u00e0']) {
    const response = await send(key)
    t.match(response.json(), { status: 400, code: 'VALIDATION_FAILED', reason: 'idempotency-key' }, String(key).slice(0, 20))
  }
  t.same(await rows.state(), before)
  for (const key of ['!', '~'.repeat(255), `"${'a'.repeat(255)}"`]) t.equal((await send(key)).statusCode, 201, key.slice(0, 20))
})

t.test('a replay passes every gate again', async (t) => {
  const key = newId()
  const first = await send(key)
  t.equal(first.statusCode, 201)

  await host.flip('USE_CHAT_WRITES', false)
  t.match((await send(key)).json(), { status: 503, code: 'UPSTREAM_UNAVAILABLE', reason: 'disabled' })
  await host.flip('USE_CHAT_WRITES', true)

  await host.call('POST', `/api/consents/${consentId}/revocation`, { as: 'patient-ana', body: {} })
  t.match((await send(key)).json(), { status: 403, code: 'CONSENT_REQUIRED' })
  consentId = await granted('patient-ana', ana)

  const scopeless = host.token('patient-ana', { claims: { scope: 'messaging:read' } })
  t.match((await send(key, 'Hello', { token: scopeless })).json(), { status: 403, code: 'FORBIDDEN' })
  const otherPatient = host.token('patient-ana', { claims: { patient_id: cho } })
  t.match((await send(key, 'Hello', { token: otherPatient })).json(), { status: 403, code: 'FORBIDDEN' })
  t.equal((await send(key, 'Hello', { token: host.token('patient-ana', { lifetimeSeconds: -60 }) })).statusCode, 401)

  const replayed = await send(key)
  t.equal(replayed.headers['idempotent-replayed'], 'true')
  t.equal(replayed.body, first.body)
})

t.test('what was refused may be tried again with the same key', async (t) => {
  const key = newId()
  await host.flip('USE_CHAT_WRITES', false)
  t.equal((await send(key)).statusCode, 503)
  await host.flip('USE_CHAT_WRITES', true)
  t.equal((await send(key, ' ')).statusCode, 400)
  const accepted = await send(key)
  t.equal(accepted.statusCode, 201)
  t.notOk('idempotent-replayed' in accepted.headers, 'only what was committed is kept')
})

t.test('a domain transaction keeps the same promises', async (t) => {
  const grantKey = newId()
  await host.call('POST', `/api/consents/${consentId}/revocation`, { as: 'patient-ana', body: {} })
  const grant = (scope: string) => host.call('POST', '/api/consents', { as: 'patient-ana', key: grantKey, body: { patientId: ana, scope } })
  const first = await grant('messaging')
  const again = await grant('messaging')
  t.equal(again.headers['idempotent-replayed'], 'true')
  t.equal(again.body, first.body)
  t.equal(again.headers['location'], first.headers['location'])
  t.match((await grant('advisor')).json(), { status: 422, code: 'CONFLICT', reason: 'key-reused' })
  t.same(await outcomesOf(grantKey), ['CONFLICT key-reused', 'replayed', 'success'])
  consentId = first.json<{ id: string }>().id

  const twin = newId()
  const twins = await Promise.all(
    Array.from({ length: 8 }, () =>
      host.call('POST', '/api/consents', { as: 'patient-ana', key: twin, body: { patientId: ana, scope: 'advisor' } }),
    ),
  )
  t.same([...new Set(twins.map(({ statusCode, body }) => `${statusCode} ${body}`))].length, 1, 'one answer for all')
  t.equal(twins.filter(({ headers }) => headers['idempotent-replayed'] === undefined).length, 1, 'one of them did it')
})

t.test('a duplicate waits for its twin for two seconds and no longer', async (t) => {
  const key = newId()
  await rows.query('begin')
  await rows.query('lock table messaging_message in exclusive mode')
  const [first, second] = [send(key, 'Held up'), send(key, 'Held up')]
  const answers = await Promise.all([first, second])
  await rows.query('rollback')
  t.strictSame(
    answers.map(({ statusCode }) => statusCode),
    [409, 409],
    'neither had its way within two seconds',
  )
  t.match(answers[0]!.json(), { code: 'CONFLICT', reason: 'in-flight' })
  t.equal((await send(key, 'Held up')).statusCode, 201)
})

t.test('answers are kept for seven days, encrypted, and then go', async (t) => {
  const key = newId()
  const first = await send(key)
  host.clock.advance(7 * day - 60_000)
  t.equal((await send(key)).headers['idempotent-replayed'], 'true', 'a minute before')
  const [sealed] = await rows.query<{ text: string }>(
    "select encode(response, 'escape') as text from host_idempotency_key where key = $1",
    [key],
  )
  t.notOk(sealed!.text.includes(first.json<{ id: string }>().id), 'sealed')

  host.clock.advance(120_000)
  const expired = async (): Promise<number> =>
    (
      await rows.query<{ n: number }>('select count(*)::int as n from host_idempotency_key where agency_id = $1 and expires_at <= $2', [
        '01920000-0000-7000-8000-a00000000001',
        new Date(host.clock.now()),
      ])
    )[0]!.n
  // Before the next write, which may sweep them.
  t.ok((await expired()) > 0)
  const anew = await send(key)
  t.equal(anew.statusCode, 201)
  t.notOk('idempotent-replayed' in anew.headers, 'a minute after')
  t.not(anew.json<{ id: string }>().id, first.json<{ id: string }>().id)

  let writes = 0
  while ((await expired()) > 0 && writes < 400)
    writes += (await Promise.all(Array.from({ length: 10 }, () => send(newId(), newId())))).length
  t.equal(await expired(), 0, `gone after ${writes} writes`)
})

t.test('writes that share batches sweep the keys of every agency among them', async (t) => {
  await rows.query(
    `insert into host_idempotency_key (agency_id, user_id, operation, key, fingerprint, audit_id, created_at, expires_at)
     select a.id, 'gone', 'sendMessage', n::text, '\\x00', gen_random_uuid(), $1, $1 from host_agency a, generate_series(1, 20) n`,
    [new Date(host.clock.now() - day)],
  )
  const left = async (): Promise<number> =>
    (await rows.query<{ n: number }>("select count(distinct agency_id)::int as n from host_idempotency_key where user_id = 'gone'"))[0]!.n
  t.equal(await left(), 2)
  const both = () => [send(newId()), send(newId(), 'Hello', { as: 'patient-cho', url: ofCho })]
  for (let batches = 0; batches < 150 && (await left()) > 0; batches += 1) await Promise.all([...both(), ...both(), ...both(), ...both()])
  t.equal(await left(), 0)
})

t.test('a statement that leaves an item out stores nothing, and nothing says that it did', async (t) => {
  const careless = { ...sendMessageStatement, sql: `${sendMessageStatement.sql} where i.user_id <> 'left-out'` }
  const statements = contexts.flatMap((context) => context.statements).map((one) => (one === sendMessageStatement ? careless : one))
  await installFunctions(host.database.ownerUrl, compileAll(statements))
  const [lost, sent] = [newId(), newId()]
  const token = host.token('patient-ana', { claims: { sub: 'left-out' } })
  const answers = await Promise.all([send(lost, 'Hello', { token }), send(sent)])
  t.match(answers[0]!.json(), { status: 503, code: 'UPSTREAM_UNAVAILABLE', reason: 'internal' })
  t.equal(answers[1]!.statusCode, 201, 'others are not held up by it')
  t.same(await outcomesOf(lost), ['UPSTREAM_UNAVAILABLE internal'])
  t.same(await rows.query('select from host_idempotency_key where key = $1', [lost]), [], 'its key is free')
})
