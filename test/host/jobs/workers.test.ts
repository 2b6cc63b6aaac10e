import { setTimeout as delay } from 'node:timers/promises'
import pg from 'pg'
import { SMTPServer } from 'smtp-server'
import t from 'tap'
import { riverside } from '../../../config/personas.ts'
import { dayOf } from '../../../domain/shared/calendar-day.ts'
import { newId } from '../../../domain/shared/ids.ts'
import { checkIsolation } from '../../../plugins/host/database/isolation-check.ts'
import { installQueue } from '../../../plugins/host/jobs/install-queue.ts'
import { prepareDatabase } from '../../../plugins/prepare-database.ts'
import { testDatabase } from '../../database.ts'
import { frozenClock, startHost } from '../../helper.ts'
import { lab, labContract } from './lab.ts'
import { fails } from './fails.ts'

const total = 10
const database = await testDatabase(t)
await prepareDatabase(database.ownerUrl, [lab])

const received: string[] = []
let gate: Promise<void> = Promise.resolve()
const server = new SMTPServer({
  authOptional: true,
  disabledCommands: ['STARTTLS'],
  onMailFrom(_address, _session, done) {
    void gate.then(() => done())
  },
  onData(stream, _session, done) {
    let text = ''
    stream.on('data', (bytes) => (text += String(bytes)))
    stream.on('end', () => {
      received.push(/^Message-ID: <(\S+)@/im.exec(text)![1]!)
      done()
    })
  },
})
server.on('error', () => {})
await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve))
t.teardown(() => new Promise<void>((resolve) => void server.close(() => resolve())))
const smtp = `smtp://127.0.0.1:${(server.server.address() as { port: number }).port}`

const clock = frozenClock()
const host = await startHost(t, { contexts: [lab], contract: labContract, database, clock, env: { SMTP_URL: smtp } })
const { jobs } = host.parts

const superuser = new pg.Client({ connectionString: database.superuserUrl })
await superuser.connect()
superuser.on('error', () => {})
t.teardown(() => superuser.end())
const until = async (what: string, holds: () => boolean | Promise<boolean>): Promise<void> => {
  for (let tries = 0; tries < 1_000; tries++) {
    if (await holds()) return
    await delay(25)
  }
  throw new Error(`in vain: ${what}`)
}
const count = async (where: string): Promise<number> =>
  Number((await superuser.query(`select count(*) as n from host_outbox where ${where}`)).rows[0].n)

t.test('what a job tells is carried to a worker and sent once', async (t) => {
  await superuser.query(
    `insert into lab_item (agency_id, id, expires_on, version)
    select $1, ('01900000-0000-7000-8000-' || lpad(n::text, 12, '0'))::uuid, $2, '1' from generate_series(1, $3::int) n`,
    [riverside.id, dayOf(clock.now()), total],
  )
  await jobs.start()
  await until('all are marked', async () => (await count("state = 'sent'")) === total)
  t.equal(received.length, total)
  t.equal(new Set(received).size, total, 'none twice')
  await jobs.run('lab-reminders', dayOf(clock.now()), riverside.id)
  await jobs.beat()
  t.equal(await count('true'), total, 'and the job again tells nobody')
})

t.test('the queue carries ids alone, under a role that sees nothing else', async (t) => {
  const app = new pg.Client({ connectionString: database.appUrl, options: '-c role=postern_queue -c search_path=bullmq' })
  app.on('error', () => {})
  await app.connect()
  t.teardown(() => app.end())
  const add = (id: string, data: object, opts: object = {}) =>
    app.query("select add_job('outbox', $1, 'deliver', $2, $3, 0, 0, 0, 1, null, null, null, null, null, false)", [
      id,
      JSON.stringify(data),
      JSON.stringify(opts),
    ])
  await add('kept-0', { agencyId: newId(), id: newId() })
  for (const data of [{ name: 'Ana' }, { agencyId: 'ana@example.org' }, { deep: [{ text: 'takes insulin' }] }])
    await fails(t, add(newId(), data), { constraint: 'postern_ids_only' }, JSON.stringify(data))
  await fails(t, add('Dear Ana', {}), { constraint: 'postern_ids_only' })
  await fails(t, add(newId(), {}, { note: 'Dear Ana' }), { constraint: 'postern_ids_only' })
  await fails(t, app.query("update job set failed_reason = 'no mailbox ana@example.org'"), { constraint: 'postern_ids_only' })
  await fails(t, app.query("insert into job_log values ('outbox', 'kept-0', 0, 'text')"), { code: '42501' })
  for (const text of ['select name from public.host_agency', 'select cause from public.host_outbox', 'select * from public.lab_item'])
    await fails(t, app.query(text), { code: '42501' }, text)
  await fails(t, app.query("update public.host_outbox set state = 'sent'"), { code: '42501' })
  await fails(t, app.query('create table bullmq.mine (id int)'), { code: '42501' })
  t.equal((await app.query('select id from public.host_agency')).rowCount, 2, 'ids of agencies it must see')
})

t.test('the boot refuses a queue that could carry more', async (t) => {
  const client = new pg.Client({ connectionString: database.appUrl })
  client.on('error', () => {})
  await client.connect()
  t.teardown(() => client.end())
  const planted: readonly (readonly [string, string, string])[] = [
    ['alter table bullmq.job drop constraint postern_ids_only', 'bullmq.job is not kept to ids. Run: npm run migrate', ''],
    [
      'grant select (name) on host_agency to postern_queue',
      'postern_queue has SELECT on host_agency.name, which is no id that the queue needs.',
      'revoke select (name) on host_agency from postern_queue',
    ],
    [
      'grant insert on host_outbox to postern_queue',
      'postern_queue has INSERT on host_outbox: of agencies the queue may read ids alone.',
      'revoke insert on host_outbox from postern_queue',
    ],
    [
      'grant select on bullmq.job to postern_read',
      "postern_read has SELECT on bullmq.job: the queue is its own role's alone.",
      'revoke select on bullmq.job from postern_read',
    ],
    [
      'create policy lab_queue on lab_item for select to postern_queue using (true)',
      'Policy lab_queue opens lab_item to the queue, which must not read it.',
      'drop policy lab_queue on lab_item',
    ],
  ]
  t.same(await checkIsolation({ client }), [])
  for (const [breaks, said, mends] of planted) {
    await superuser.query(breaks)
    t.same(await checkIsolation({ client }), [said])
    if (mends) await superuser.query(mends)
    else t.equal(await installQueue(database.ownerUrl), true, 'a migration mends it')
  }
  t.equal(await installQueue(database.ownerUrl), false, 'and has nothing to do the second time')
})

t.test('a job whose worker has gone is taken back, and carried by another one', async (t) => {
  const id = `${newId()}-0`
  const due = Date.now() + 1
  const takeBack = async (): Promise<unknown[]> => {
    const url = Object.assign(new URL(database.appUrl), { search: '?options=-c role=postern_queue' }).href
    const client = new pg.Client({ connectionString: url, query_timeout: 10_000 })
    client.on('error', () => {})
    await client.connect()
    try {
      return (await client.query("select bullmq.move_stalled_jobs_to_wait('outbox', 3, $1, 0) as id", [due])).rows
    } finally {
      await client.end()
    }
  }
  await superuser.query(
    `insert into bullmq.job (queue, id, seq, name, state, data, opts, added_at_ms, locked_until_ms, lock_token, stalled_marked)
     values ('outbox', $1, 1, 'deliver', 'active', $2, '{"removeOnComplete": true}', 1, $3, 'gone', true)`,
    [id, { agencyId: riverside.id, id: newId() }, due - 1],
  )
  t.same(await takeBack(), [{ id }])
  await until('it is carried', async () => (await superuser.query('select from bullmq.job where id = $1', [id])).rowCount === 0)

  await superuser.query('revoke select on bullmq.scheduler from postern_queue')
  t.equal(await installQueue(database.ownerUrl), true, 'a queue that was installed without it is mended by a migration')
  t.equal(await installQueue(database.ownerUrl), false)
})

t.test('readiness and metrics show the queue, and the end waits for what is under way', async (t) => {
  const detail = await host.call('GET', '/health/detail')
  t.match(detail.json(), { ready: true, dependencies: { queue: true } })
  await until('the last one is counted', async () => {
    await jobs.beat()
    return jobs.stats().sent === total && jobs.stats().waiting === 0
  })
  const metrics = (await host.call('GET', '/metrics')).body
  t.match(metrics, /\npostern_outbox_waiting 0\n/)
  t.match(metrics, new RegExp(`\\npostern_outbox_sent ${total}\\n`))
  t.match(metrics, /\npostern_outbox_failed 0\n/)
  let open = (): void => {}
  gate = new Promise((resolve) => (open = resolve))
  const last = await host.call('POST', '/api/lab/notes', {
    as: 'provider-admin',
    body: { kind: 'greeting', cause: 'last:1', subjectId: newId() },
  })
  const { id } = last.json<{ id: string }>()
  await until('the last mail is under way', async () => (await count(`id = '${id}' and attempts = 1`)) === 1)
  const closing = jobs.close()
  await delay(100)
  open()
  await closing
  t.equal(await count(`id = '${id}' and state = 'sent'`), 1, 'what was under way is sent and marked')
  t.equal(received.filter((one) => one === id).length, 1)
  t.match((await host.call('GET', '/health/detail')).json(), { ready: true, dependencies: { queue: false } })
})
