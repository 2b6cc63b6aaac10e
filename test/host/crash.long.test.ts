import { mkdtempSync, rmSync, chmodSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import pg from 'pg'
import t, { type Test } from 'tap'
import { newId } from '../../domain/shared/ids.ts'
import { bootstrapCluster } from '../../plugins/host/database/bootstrap-cluster.ts'
import { startEmbeddedPostgres } from '../../plugins/host/database/embedded-postgres.ts'
import { prepareDatabase } from '../../plugins/prepare-database.ts'
import { startHost } from '../helper.ts'

/** A server of its own that keeps its promises of durability: other tests share one that does not, and would fall with it. */
const directory = mkdtempSync(join(tmpdir(), 'postern-crash-'))
chmodSync(directory, 0o711)
t.teardown(() => rmSync(directory, { recursive: true, force: true }))
const first = await startEmbeddedPostgres({ directory, durable: true })
let server = first
t.teardown(() => server.stop())
const logins = await bootstrapCluster({
  superuserUrl: first.superuserUrl,
  database: 'postern',
  passwords: { owner: 'owner', app: 'app', bypass: 'bypass' },
})
await prepareDatabase(logins.ownerUrl)
const superuserUrl = Object.assign(new URL(first.superuserUrl), { pathname: '/postern' }).href
const host = await startHost(t, { database: { name: 'postern', superuserUrl, ...logins } })

/** One question on a connection of its own, which may be refused while the server recovers. */
const ask = async <R extends object>(sql: string): Promise<R[]> => {
  const client = new pg.Client({ connectionString: superuserUrl, connectionTimeoutMillis: 5_000, query_timeout: 10_000 })
  client.on('error', () => {})
  await client.connect()
  try {
    return (await client.query<R>(sql)).rows
  } finally {
    await client.end().catch(() => {})
  }
}

const ana = '01920000-0000-7000-8000-c00000000001'
await host.call('POST', '/api/consents', { as: 'patient-ana', body: { patientId: ana, scope: 'messaging' } })
const { id } = (
  await host.call('POST', '/api/messaging/conversations', { as: 'patient-ana', body: { patientId: ana, subject: 'Crash' } })
).json<{ id: string }>()
const token = host.token('patient-ana')
const send = (key: string) =>
  host.call('POST', `/api/messaging/conversations/${id}/messages`, { token, key, body: { body: `Message ${key}` } })
type Answer = Awaited<ReturnType<typeof send>>

/** Tries until it is answered with 201; a recovering server takes its time. */
const insist = async (key: string): Promise<Answer> => {
  for (let tries = 0; ; tries += 1) {
    const answer = await send(key)
    if (answer.statusCode === 201 || tries > 200) return answer
    await pause(25)
  }
}

/** Sends with four hands until told to stop; the last answer to each key. */
const underLoad = (answers: Map<string, Answer>): { stop(): Promise<void> } => {
  let stopped = false
  const hand = async (): Promise<void> => {
    while (!stopped) {
      const key = newId()
      const answer = await send(key)
      answers.set(key, answer)
      if (answer.statusCode !== 201) await pause(20)
    }
  }
  const hands = Array.from({ length: 4 }, hand)
  return { stop: async () => ((stopped = true), void (await Promise.all(hands))) }
}

const until = async (holds: () => boolean): Promise<void> => {
  for (let tries = 0; !holds(); tries += 1) {
    if (tries > 1_500) throw new Error('it did not happen')
    await pause(20)
  }
}

const accepted = (answers: Map<string, Answer>): [string, Answer][] => [...answers].filter(([, { statusCode }]) => statusCode === 201)

/** Nothing that was answered 201 is missing, and nothing is there twice, whatever is tried again. */
const holdsUp = async (t: Test, answers: Map<string, Answer>): Promise<void> => {
  const refused = [...answers.values()].filter(({ statusCode }) => statusCode !== 201)
  const told = new Set(refused.map((answer) => answer.json<{ code: string }>().code))
  t.ok(
    [...told].every((code) => ['UPSTREAM_UNAVAILABLE', 'CONFLICT'].includes(code)),
    `refused in the words of the contract: ${[...told].join()}`,
  )
  const known = accepted(answers)
  const again = await Promise.all([...answers.keys()].map(async (key) => [key, await insist(key)] as const))
  t.same(
    again.filter(([, { statusCode }]) => statusCode !== 201).map(([, { body }]) => body),
    [],
    'every key comes to its answer',
  )
  const replays = new Map(again)
  t.same(
    known.filter(([key, { body }]) => replays.get(key)!.body !== body || replays.get(key)!.headers['idempotent-replayed'] !== 'true')
      .length,
    0,
    'what was answered stands',
  )

  const ids = again.map(([, answer]) => answer.json<{ id: string }>().id)
  t.equal(new Set(ids).size, answers.size, 'each key has one message')
  const stored = new Set((await ask<{ id: string }>('select id from messaging_message')).map((row) => row.id))
  t.ok(
    ids.every((one) => stored.has(one)),
    'each is stored',
  )
  const keys = new Set(answers.keys())
  const audited = (
    await ask<{ key: string; n: number }>(
      "select idempotency_key as key, count(*)::int as n from audit_event where action = 'sendMessage' and outcome = 'success' group by 1",
    )
  ).filter(({ key }) => keys.has(key))
  t.same([audited.length, audited.filter(({ n }) => n !== 1).length], [answers.size, 0], 'each success has one row')
}

const everyMessageOnce = async (t: Test): Promise<void> => {
  const [counts] = await ask<{ messages: number; successes: number }>(`select (select count(*)::int from messaging_message) as messages,
    (select count(*)::int from audit_event where action = 'sendMessage' and outcome = 'success') as successes`)
  t.equal(counts!.messages, counts!.successes, 'as many messages as successes')
  const { valid } = await host.parts.capabilities.auditStore.verify('01920000-0000-7000-8000-a00000000001')
  t.equal(valid, true, 'the trail is whole')
}

for (const busy of ['active', 'idle in transaction']) {
  t.test(`a session is killed while it is ${busy}, under load`, async (t) => {
    const answers = new Map<string, Answer>()
    const load = underLoad(answers)
    await until(() => accepted(answers).length >= 25)
    // kill -9 of one session makes the server end all others and recover from its log.
    const sessions = await ask<{ pid: number }>(
      `select pid from pg_stat_activity where usename = 'postern_app' and application_name = 'postern' order by (state = '${busy}') desc, query_start desc limit 1`,
    )
    process.kill(sessions[0]!.pid, 'SIGKILL')
    await until(() => [...answers.values()].some(({ statusCode }) => statusCode !== 201))
    const before = accepted(answers).length
    await until(() => accepted(answers).length >= before + 25)
    await load.stop()
    await holdsUp(t, answers)
    await everyMessageOnce(t)
  })
}

t.test('the database goes away and comes back; the service does not', async (t) => {
  const answers = new Map<string, Answer>()
  const load = underLoad(answers)
  await until(() => accepted(answers).length >= 20)
  await server.stop()
  const away = newId()
  const refused = await send(away)
  t.match(refused.json(), { status: 503, code: 'UPSTREAM_UNAVAILABLE' })
  answers.set(away, refused)
  t.equal((await host.app.inject('/health/live')).statusCode, 200)
  t.equal((await host.app.inject('/health/ready')).statusCode, 503)
  server = await startEmbeddedPostgres({ directory, durable: true, port: first.port })
  const before = accepted(answers).length
  await until(() => accepted(answers).length >= before + 20)
  await load.stop()
  t.equal((await host.app.inject('/health/ready')).statusCode, 200)
  await holdsUp(t, answers)
  await everyMessageOnce(t)
  const granted = await host.call('POST', '/api/consents', { as: 'patient-ana', body: { patientId: ana, scope: 'advisor' } })
  t.equal(granted.statusCode, 201, 'domain transactions are back as well')
  t.equal((await host.call('GET', '/api/consents', { as: 'clinician' })).statusCode, 200, 'and reads')
})
