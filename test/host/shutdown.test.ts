import { once } from 'node:events'
import { Agent, request, type IncomingMessage } from 'node:http'
import { connect, type AddressInfo } from 'node:net'
import { generateKeyPairSync, randomBytes } from 'node:crypto'
import { setTimeout as pause } from 'node:timers/promises'
import t from 'tap'
import { newId } from '../../domain/shared/ids.ts'
import { startHost, type TestHost } from '../helper.ts'
import { openRows, type Rows } from '../house/rows.ts'

const ana = '01920000-0000-7000-8000-c00000000001'

const opened = async (host: TestHost): Promise<string> => {
  await host.call('POST', '/api/consents', { as: 'patient-ana', body: { patientId: ana, scope: 'messaging' } })
  const conversation = await host.call('POST', '/api/messaging/conversations', {
    as: 'patient-ana',
    body: { patientId: ana, subject: 'Until the end' },
  })
  return `/api/messaging/conversations/${conversation.json<{ id: string }>().id}/messages`
}

const messagesIn = async (rows: Rows): Promise<number> =>
  (await rows.query<{ n: number }>('select count(*)::int as n from messaging_message'))[0]!.n

/** Until `count` sessions wait for a lock: nothing announces it. */
const blocked = async (rows: Rows, count: number): Promise<void> => {
  const sql = "select count(*)::int as n from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'"
  for (let tries = 0; (await rows.query<{ n: number }>(sql))[0]!.n < count; tries += 1) {
    if (tries > 300) throw new Error('nothing waits')
    await pause(5)
  }
}

interface Answer {
  readonly status: number
  readonly headers: IncomingMessage['headers']
}

const overTheWire = (
  port: number,
  agent: Agent,
  method: string,
  path: string,
  headers: Record<string, string>,
  body?: object,
): Promise<Answer> =>
  new Promise((resolve, reject) => {
    const outgoing = request({
      host: '127.0.0.1',
      port,
      method,
      path,
      agent,
      headers: { ...headers, ...(body ? { 'content-type': 'application/json' } : {}) },
    })
    outgoing.on('error', reject)
    outgoing.on('response', (incoming) => {
      incoming.resume()
      incoming.on('end', () => resolve({ status: incoming.statusCode!, headers: incoming.headers }))
    })
    outgoing.end(body ? JSON.stringify(body) : undefined)
  })

t.test('closing finishes what is in flight, takes nothing new, and leaves nothing open', async (t) => {
  const host = await startHost(t)
  const rows = await openRows(t, host.database.superuserUrl)
  const url = await opened(host)
  await host.app.listen({ host: '127.0.0.1', port: 0 })
  const { port } = host.app.server.address() as AddressInfo
  const agent = new Agent({ keepAlive: true })
  t.teardown(() => agent.destroy())
  const authorization = `Bearer ${host.token('patient-ana')}`
  t.equal((await overTheWire(port, agent, 'GET', '/health/ready', {})).status, 200)
  const idle = connect(port, '127.0.0.1')
  await once(idle, 'connect')
  const idleEnded = once(idle, 'close')

  await rows.query('begin')
  await rows.query('lock table messaging_message in exclusive mode')
  const send = (): Promise<Answer> =>
    overTheWire(port, agent, 'POST', url, { authorization, 'idempotency-key': newId() }, { body: 'In flight' })
  let arrived = 0
  const allArrived = new Promise<void>((resolve) => host.app.server.on('request', () => void ((arrived += 1) === 30 && resolve())))
  const inFlight = Array.from({ length: 30 }, send)
  await allArrived
  await blocked(rows, 1)
  const closing = host.close()
  await idleEnded
  t.pass('a connection on which nothing happens is ended at once')
  const refused = await overTheWire(port, new Agent(), 'GET', '/health/live', {}).catch((error: NodeJS.ErrnoException) => error.code)
  t.equal(refused, 'ECONNREFUSED', 'nobody new comes in')
  await rows.query('commit')

  const answers = await Promise.all(inFlight)
  t.same([...new Set(answers.map(({ status }) => status))], [201], 'all thirty are answered')
  await closing
  t.equal(await messagesIn(rows), 30)
  // A backend ends by itself once it has been told: a moment after the client is gone.
  const left = async (): Promise<string[]> =>
    (
      await rows.query<{ name: string }>(
        "select application_name as name from pg_stat_activity where datname = current_database() and usename <> 'postgres'",
      )
    ).map(({ name }) => name)
  for (let tries = 0; (await left()).length > 0 && tries < 200; tries += 1) await pause(5)
  t.same(await left(), [], 'no session is left in the database')
})

const keySet = (): string => `k1:${randomBytes(32).toString('base64')}`

t.test('two instances over one database are one service', async (t) => {
  const keys = {
    FIELD_KEYS: keySet(), INDEX_KEYS: keySet(), DOCUMENT_KEYS: keySet(), AUDIT_KEYS: keySet(),
    AUDIT_SIGNING_KEY: generateKeyPairSync('ed25519').privateKey.export({ type: 'pkcs8', format: 'der' }).toString('base64'),
  } // prettier-ignore
  const one = await startHost(t, { env: keys })
  const issuer = one.parts.surroundings.issuer
  const other = await startHost(t, { env: { ...keys, OIDC_ISSUER: issuer }, database: one.database })
  const rows = await openRows(t, one.database.superuserUrl)
  const url = await opened(one)
  const key = newId()
  const token = one.token('patient-ana')
  const sends = Array.from({ length: 50 }, (_, n) =>
    (n % 2 === 0 ? one : other).call('POST', url, { token, key, body: { body: 'Only once' } }),
  )
  const answers = await Promise.all(sends)
  t.same([...new Set(answers.map(({ statusCode, body }) => `${statusCode} ${body}`))].length, 1, 'fifty times the same answer')
  t.equal(answers[0]!.statusCode, 201)
  t.equal(answers.filter(({ headers }) => headers['idempotent-replayed'] === undefined).length, 1)
  t.equal(await messagesIn(rows), 1, 'one message')
  const outcomes = await rows.query<{ outcome: string; n: number }>(
    'select outcome, count(*)::int as n from audit_event where idempotency_key = $1 group by 1 order by 1',
    [key],
  )
  t.same(
    outcomes,
    [
      { outcome: 'replayed', n: 49 },
      { outcome: 'success', n: 1 },
    ],
    'one success among fifty rows',
  )

  const revocations = await rows.query<{ id: string }>("select id from consent_record where scope = 'messaging'")
  const revoke = (host: TestHost) => host.call('POST', `/api/consents/${revocations[0]!.id}/revocation`, { token, key, body: {} })
  const revoked = await Promise.all(Array.from({ length: 10 }, (_, n) => revoke(n % 2 === 0 ? one : other)))
  t.equal(new Set(revoked.map(({ statusCode, body }) => `${statusCode} ${body}`)).size, 1)
  t.equal(revoked.filter(({ headers }) => headers['idempotent-replayed'] === undefined).length, 1)
  t.match(
    (await other.call('POST', url, { token, body: { body: 'x' } })).json(),
    { code: 'CONSENT_REQUIRED' },
    'what one was told holds at the other at once',
  )

  const verification = await other.parts.capabilities.auditStore.verify('01920000-0000-7000-8000-a00000000001')
  t.equal(verification.valid, true, 'both wrote one trail')
})

t.test('without the audit store nothing is answered and nothing is written', async (t) => {
  const host = await startHost(t)
  const rows = await openRows(t, host.database.superuserUrl)
  const url = await opened(host)
  const before = await rows.state()
  await rows.query('revoke insert on audit_event from postern_audit_writer')
  const attempts: [string, () => ReturnType<TestHost['call']>][] = [
    ['a compiled write', () => host.call('POST', url, { as: 'patient-ana', key: 'kept', body: { body: 'x' } })],
    ['a domain transaction', () => host.call('POST', '/api/consents', { as: 'patient-ana', body: { patientId: ana, scope: 'advisor' } })],
    ['a read', () => host.call('GET', url, { as: 'patient-ana' })],
    ['a refusal', () => host.call('GET', url, { as: 'clinician' })],
    ['nobody', () => host.call('GET', url)],
  ]
  for (const [what, attempt] of attempts) t.match((await attempt()).json(), { status: 503, code: 'UPSTREAM_UNAVAILABLE' }, what)
  t.same(await rows.state(), before)
  await rows.query('grant insert on audit_event to postern_audit_writer')
  const answered = await host.call('POST', url, { as: 'patient-ana', key: 'kept', body: { body: 'x' } })
  t.equal(answered.statusCode, 201)
  t.notOk('idempotent-replayed' in answered.headers, 'the first try left no key')
})
