import { setTimeout as pause } from 'node:timers/promises'
import pg from 'pg'
import t from 'tap'
import { riverside } from '../../config/personas.ts'
import { newId } from '../../domain/shared/ids.ts'
import { compiledCall } from '../fixtures/compiled-call.ts'
import { startHost } from '../helper.ts'
import { openRows } from '../house/rows.ts'

/** What a compiled write does when a switch moves while it is on its way: the host reads it again before anything commits. */
const host = await startHost(t)
const rows = await openRows(t, host.database.superuserUrl)
const ana = '01920000-0000-7000-8000-c00000000001'
const post = (url: string, body: object) => host.call('POST', url, { as: 'patient-ana', key: newId(), body })
await post('/api/consents', { patientId: ana, scope: 'messaging' })
const opened = await post('/api/messaging/conversations', { patientId: ana, subject: 'A question' })
const conversation = opened.json<{ id: string }>().id
const send = () => post(`/api/messaging/conversations/${conversation}/messages`, { body: 'Good morning' })

const connect = async (connectionString: string): Promise<pg.Client> => {
  const client = new pg.Client({ connectionString, connectionTimeoutMillis: 5_000, query_timeout: 5_000 })
  client.on('error', () => {})
  await client.connect()
  t.teardown(() => client.end())
  return client
}
const count = async (from: string, ...values: unknown[]): Promise<number> =>
  (await rows.query<{ n: number }>(`select count(*)::int as n from ${from}`, values))[0]!.n
const moves = async (): Promise<string> =>
  (await rows.query<{ moves: string }>('select last_value as moves from host_switch_moves'))[0]!.moves
const waitingSql = `select pid || ' ' || query_start as statement from pg_stat_activity
  where datname = current_database() and wait_event_type = 'Lock'`
/** The statements that wait for a lock. Within a transaction the list of sessions stands still unless it is asked for anew. */
const waiting = async (): Promise<string[]> => {
  await rows.query('select pg_stat_clear_snapshot()')
  return (await rows.query<{ statement: string }>(waitingSql)).map(({ statement }) => statement)
}

/** Sends while the database holds the first of it up, and lets go when `meanwhile` has happened. */
const heldUp = async (many: number, meanwhile: () => Promise<unknown>) => {
  await rows.query('begin')
  await rows.query('lock table messaging_message in exclusive mode')
  const sent = Array.from({ length: many }, send)
  while ((await waiting()).length === 0) await pause(5)
  await meanwhile()
  await rows.query('rollback')
  return Promise.all(sent)
}

t.test('its own switch goes off: nobody is served, neither who was under way nor who was waiting, and nothing is left', async (t) => {
  const before = [await count('messaging_message'), await count('host_idempotency_key')]
  const known = await moves()
  const answers = await heldUp(5, async () => {
    await host.flip('USE_CHAT_WRITES', false)
    while ((await moves()) === known) await pause(5)
  })
  for (const answer of answers) t.match(answer.json(), { status: 503, code: 'UPSTREAM_UNAVAILABLE', reason: 'disabled' })
  t.same([await count('messaging_message'), await count('host_idempotency_key')], before)
  const ids = answers.map(({ headers }) => headers['x-request-id'])
  t.equal(
    await count("audit_event where outcome = 'UPSTREAM_UNAVAILABLE' and request_id = any ($1::uuid[])", ids),
    5,
    'each attempt has its row',
  )
  await host.flip('USE_CHAT_WRITES', true)
})

for (const [what, move] of [
  ['another switch', () => host.flip('USE_CONSENT_WRITES', false)],
  ['a switch that another instance sees', () => rows.query("select nextval('host_switch_moves')")],
] as const)
  t.test(`${what} moves: what was under way is done anew, once`, async (t) => {
    const [before, known] = [await count('messaging_message'), await moves()]
    const answers = await heldUp(3, async () => {
      await move()
      while ((await moves()) === known) await pause(5)
    })
    for (const answer of answers) t.equal(answer.statusCode, 201)
    t.equal(await count('messaging_message'), before + 3)
    const ids = answers.map(({ headers }) => headers['x-request-id'])
    t.equal(await count("audit_event where outcome = 'success' and request_id = any ($1::uuid[])", ids), 3)
  })

t.test('the database alone refuses what was sent before a switch moved', async (t) => {
  const [app, superuser] = [await connect(host.database.appUrl), await connect(host.database.superuserUrl)]
  const item = {
    agency_id: riverside.id, patient_id: ana, user_id: 'sender', at: new Date(), audit_id: newId(), within_limits: true, id: newId(),
    conversation_id: conversation, body: '\\x00', a_bypass: false,
  } // prettier-ignore
  const call = await compiledCall(superuser, 'op_send_message', item, 0, await moves())
  const before = await count('messaging_message')
  const [now] = await rows.query<{ moves: string }>("select nextval('host_switch_moves') as moves")
  await t.rejects(app.query(call), { code: 'PT503', detail: now!.moves })
  t.equal(await count('messaging_message'), before)
  await app.query(await compiledCall(superuser, 'op_send_message', item, 0, await moves()))
  t.equal(await count('messaging_message'), before + 1, 'it was for nothing else')
})
