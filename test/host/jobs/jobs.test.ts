import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import PostalMime from 'postal-mime'
import pg from 'pg'
import t from 'tap'
import { lakeside, riverside } from '../../../config/personas.ts'
import { addDays, dayOf } from '../../../domain/shared/calendar-day.ts'
import { newId } from '../../../domain/shared/ids.ts'
import { prepareDatabase } from '../../../plugins/prepare-database.ts'
import { testDatabase } from '../../database.ts'
import { frozenClock, startHost } from '../../helper.ts'
import { hooks, lab, labContract } from './lab.ts'
import { fails } from './fails.ts'

const minute = 60_000
const database = await testDatabase(t)
await prepareDatabase(database.ownerUrl, [lab])
const clock = frozenClock(Date.UTC(2026, 10, 22, 9, 0))
const host = await startHost(t, { contexts: [lab], contract: labContract, database, clock })
const { jobs } = host.parts
const mailDir = join(host.dataDir, 'mail')

const mails = (): string[] => {
  try {
    return readdirSync(mailDir).filter((name) => name.endsWith('.eml'))
  } catch {
    return []
  }
}
const mailOf = (id: string) => PostalMime.parse(readFileSync(join(mailDir, `${id}.eml`)))
const asSuperuser = async <R extends pg.QueryResultRow>(text: string, values: unknown[] = []): Promise<R[]> => {
  const client = new pg.Client({ connectionString: database.superuserUrl })
  await client.connect()
  try {
    return (await client.query<R>(text, values)).rows
  } finally {
    await client.end()
  }
}
const tell = async (subjectId: string, cause: string, kind = 'greeting', more: object = {}) =>
  host.call('POST', '/api/lab/notes', { as: 'provider-admin', body: { kind, cause, subjectId, ...more } })
const rowsOf = async (subjectId: string) => {
  const answer = await host.call('GET', `/api/lab/notes?subjectId=${subjectId}`, { as: 'provider-admin' })
  return answer.json<{ items: { id: string; state: string; attempts: number; failure: string | null; cause: string }[]; account: string }>()
}

/** Waits until nothing of the subject is on its way: the queue's own worker may have it. */
const settled = async (subject: string): Promise<void> => {
  for (let tries = 0; tries < 500; tries++) {
    await jobs.deliverWaiting()
    if ((await rowsOf(subject)).items.every(({ state }) => state !== 'queued')) return
    await delay(10)
  }
  throw new Error('it is still on its way')
}

t.test('a row is told once, in the transaction of its change', async (t) => {
  const subject = newId()
  const first = await tell(subject, 'hello:1')
  t.match(first.json(), { isNew: true })
  t.match((await tell(subject, 'hello:1')).json(), { id: first.json<{ id: string }>().id, isNew: false })
  const racing = await Promise.all(Array.from({ length: 8 }, () => tell(subject, 'race:1')))
  t.equal(racing.filter((answer) => answer.json<{ isNew?: boolean }>().isNew === true).length, 1, 'of eight at once one makes the row')
  t.equal((await tell(subject, 'undone:1', 'greeting', { fails: true })).statusCode, 500)
  t.equal((await tell(subject, 'x:1', 'stranger')).statusCode, 500, 'a kind that was not declared is a defect')
  const { items } = await rowsOf(subject)
  t.same(items.map(({ cause, state }) => [cause, state]), [['race:1', 'queued'], ['hello:1', 'queued']]) // prettier-ignore
  t.equal(await jobs.deliverWaiting(), 2)
  t.equal(mails().length, 2)
  t.equal(await jobs.deliverWaiting(), 0, 'and it is not its turn again')
  const mail = await mailOf(first.json<{ id: string }>().id)
  t.match(mail, { subject: 'Hello', to: [{ address: `${subject}@lab.example` }], text: 'Hello\n' })
  t.equal(mail.messageId, `<${first.json<{ id: string }>().id}@postern.invalid>`)
  t.match(mail.html, /<p>Hello<\/p>/)
  const [audit] = await asSuperuser<{ n: number }>("select count(*)::int as n from audit_event where action = 'notification.sent'")
  t.equal(audit!.n, 2, 'each is audited')
})

t.test('three attempts within the hour, then it has failed and can be sent again', async (t) => {
  const subject = newId()
  const turns: number[] = []
  hooks.prepared = () => {
    turns.push(clock.now())
    throw new Error(`nobody is called ${subject}`)
  }
  hooks.settled.length = 0
  const began = clock.now()
  await tell(subject, 'failing:1')
  for (let step = 0; step < 12; step++) {
    await jobs.deliverWaiting()
    clock.advance(5 * minute)
  }
  t.same(turns.map((at) => (at - began) / minute), [0, 5, 25]) // prettier-ignore
  const failed = (await rowsOf(subject)).items[0]!
  t.match(failed, { state: 'failed', attempts: 3, failure: 'not-prepared' })
  t.same(hooks.settled, ['greeting failed 3'])
  t.notOk(
    host.lines.some((line) => line.includes(subject)),
    'what an error says is not logged',
  )
  t.ok(jobs.stats().failed === 1 && host.lines.some((line) => line.includes('delivery.greeting')))

  hooks.prepared = () => {}
  const again = await host.call('POST', '/api/lab/notes/again', { as: 'provider-admin', body: { id: failed.id } })
  t.same(again.json(), { id: failed.id })
  t.same((await host.call('POST', '/api/lab/notes/again', { as: 'provider-admin', body: { id: failed.id } })).json(), { id: null })
  await jobs.deliverWaiting()
  t.match((await rowsOf(subject)).items[0], { state: 'sent', attempts: 1 })
  const once = await host.call('POST', '/api/lab/notes/again', { as: 'provider-admin', body: { id: failed.id } })
  t.not(once.json<{ id: string }>().id, failed.id, 'a sent one is sent again as a row of its own')
  await jobs.deliverWaiting()
  t.equal((await rowsOf(subject)).items.filter(({ state }) => state === 'sent').length, 2)
})

t.test('a worker that dies has used up an attempt; nobody is told twice by two workers', async (t) => {
  const subject = newId()
  const { id } = (await tell(subject, 'dies:1')).json<{ id: string }>()
  let prepared = 0
  hooks.prepared = () => void prepared++
  const both = await Promise.all([jobs.deliver(riverside.id, id), jobs.deliver(riverside.id, id), jobs.deliver(riverside.id, id)])
  t.same(both.sort(), ['nothing', 'nothing', 'sent'])
  t.equal(prepared, 1)
  hooks.prepared = () => {}

  const cut = (await tell(subject, 'dies:2')).json<{ id: string }>()
  const due = new Date(clock.now())
  // As a worker leaves it that was killed three times after it had taken the row.
  await asSuperuser('update host_outbox set attempts = 1 where id = $1', [cut.id])
  await asSuperuser('update host_outbox set attempts = 2 where id = $1', [cut.id])
  await asSuperuser('update host_outbox set attempts = 3, next_attempt_at = $2 where id = $1', [cut.id, due])
  t.equal(await jobs.deliver(riverside.id, cut.id), 'failed')
  t.match((await rowsOf(subject)).items[0], { state: 'failed', failure: 'interrupted' })
  t.equal(await jobs.deliver(lakeside.id, id), 'nothing', 'another agency has no such row')
  hooks.withdraw = true
  const gone = (await tell(subject, 'gone:1')).json<{ id: string }>()
  t.equal(await jobs.deliver(riverside.id, gone.id), 'failed')
  t.match((await rowsOf(subject)).items[0], { state: 'failed', attempts: 1, failure: 'withdrawn' })
  hooks.withdraw = false

  hooks.deaf = true
  const deaf = (await tell(subject, 'deaf:1')).json<{ id: string }>()
  t.equal(await jobs.deliver(riverside.id, deaf.id), 'sent')
  t.match((await rowsOf(subject)).items[0], { state: 'sent' }, 'a context that cannot be told has no mail sent twice')
  hooks.deaf = false
})

t.test('the database refuses what is no id, and what goes back', async (t) => {
  const insert = `insert into host_outbox (agency_id, id, context, kind, cause, subject_id, ids, state, attempts, next_attempt_at, created_at, audit_id)
    values ($1, $2, 'lab', 'greeting', $3, $2, $4, 'queued', 0, now(), now(), $2)`
  for (const ids of ['{"name": "Ana"}', '{"id": 5}', '{"id": {"a": "b"}}', '[]', '"text"', '{"email": "ana@example.org"}'])
    await fails(t, asSuperuser(insert, [riverside.id, newId(), `c${newId()}`, ids]), { constraint: 'host_outbox_ids' }, ids)
  await fails(t, asSuperuser(insert, [riverside.id, newId(), 'Dear Ana', '{}']), { constraint: 'host_outbox_cause' })
  await fails(t, asSuperuser("update host_outbox set state = 'queued', settled_at = null where state = 'sent'"), { code: 'PT409' })
  await fails(t, asSuperuser("update host_outbox set state = 'queued', settled_at = null where state = 'failed'"), { code: 'PT409' })
})

t.test('jobs: once a day, in batches, caught up, in every agency, twice without effect', async (t) => {
  const start = dayOf(clock.now())
  const item = async (agencyId: string, inDays: number): Promise<string> => {
    const id = newId()
    await asSuperuser("insert into lab_item (agency_id, id, expires_on, version) values ($1, $2, $3, '1')", [
      agencyId,
      id,
      addDays(start, inDays),
    ])
    return id
  }
  for (const days of [3, 8, 31, 31, 40]) await item(riverside.id, days)
  await item(lakeside.id, 0)
  hooks.batch = 2
  hooks.runs.length = 0
  await jobs.beat()
  t.same(hooks.runs.filter((run) => !run.startsWith('month')).length, 2, 'one batch in each agency')
  t.same(
    hooks.runs.filter((run) => run.startsWith('month')),
    ['month 2026-11-01', 'month 2026-11-01'],
  )
  await jobs.beat()
  t.equal(hooks.runs.length, 4, 'and no more today')
  const reminders = async (): Promise<number> => {
    const [row] = await asSuperuser<{ n: number }>("select count(*)::int as n from host_outbox where kind = 'reminder'")
    return row!.n
  }
  t.equal(await reminders(), 3, '3 and 8 days left, and 0 in the other agency')
  t.same(
    (await jobs.run('lab-reminders', start)).map(({ ran }) => ran.count),
    [0, 0],
    'again by hand, nothing is told again',
  )

  clock.advance(4 * 24 * 60 * minute)
  hooks.runs.length = 0
  await jobs.beat()
  t.equal(await reminders(), 3 + 4, 'after days without a run: 7 of one, 30 of two, 0 of one; the 40 days are 36')
  const audited = await asSuperuser<{ action: string; role: string; user_id: string }>(
    "select action, role, user_id from audit_event where action like 'job.%' group by 1, 2, 3 order by 1",
  )
  t.same(audited, [
    { action: 'job.lab-months', role: 'provider_manager', user_id: 'somebody' },
    { action: 'job.lab-reminders', role: 'service', user_id: 'service' },
  ])
  clock.advance(75 * 24 * 60 * minute)
  hooks.runs.length = 0
  await jobs.beat()
  const monthly = hooks.runs.filter((run) => run.startsWith('month'))
  const [old] = await asSuperuser<{ n: number }>(
    `with old as (insert into host_job_run (agency_id, job, date, state, batches, count, started_at, finished_at)
      select agency_id, job, date - 1000, state, batches, count, started_at, finished_at from host_job_run where job = 'lab-reminders' returning 1)
    select count(*)::int as n from old`,
  )
  clock.advance(24 * 60 * minute)
  await jobs.beat()
  const [left] = await asSuperuser<{ n: number }>("select count(*)::int as n from host_job_run where date < '2025-01-01'")
  t.ok(old!.n > 0 && left!.n === 0, 'runs are not remembered for ever')
  t.same(monthly.slice(0, monthly.length / 2), ['month 2026-12-01', 'month 2027-01-01', 'month 2027-02-01'], 'missed months in their order')
  await t.rejects(jobs.run('nothing', start), /There is no job nothing/)
  await jobs.deliverWaiting()
})

t.test('a run that another instance is at is left to it', async (t) => {
  const other = new pg.Client({ connectionString: database.superuserUrl })
  await other.connect()
  t.teardown(() => other.end())
  const today = dayOf(clock.now())
  await jobs.run('lab-reminders', today, riverside.id)
  await other.query('begin')
  await other.query("select from host_job_run where job = 'lab-reminders' and agency_id = $1 and date = $2 for update", [
    riverside.id,
    today,
  ])
  hooks.runs.length = 0
  const ran = async () => (await jobs.run('lab-reminders', today, riverside.id))[0]!.ran.state
  t.equal(await ran(), 'busy')
  t.same(hooks.runs, [])
  await other.query('rollback')
  t.equal(await ran(), 'done')
})

t.test('a switch that is off stops a job, and it is caught up when it is on again', async (t) => {
  clock.advance(24 * 60 * minute)
  hooks.runs.length = 0
  await host.flip('USE_PROVIDER_ADMIN_WRITES', false)
  await jobs.beat()
  t.same(hooks.runs, [])
  await host.flip('USE_PROVIDER_ADMIN_WRITES', true)
  await jobs.beat()
  t.equal(hooks.runs.length, 2)
})

t.test('accounts follow the last wish; a link opens one once', async (t) => {
  const subject = newId()
  await asSuperuser("insert into lab_item (agency_id, id, expires_on, version) values ($1, $2, '2030-01-01', '1')", [riverside.id, subject])
  t.equal((await rowsOf(subject)).account, 'pending')
  const { id } = (await tell(subject, 'welcome:1', 'welcome')).json<{ id: string }>()
  await settled(subject)
  const link = /http:\/\/127\.0\.0\.1:\d+\/account-links\/[\w-]{43}/.exec((await mailOf(id)).text!)![0]
  const token = () => host.call('POST', '/dev/token', { body: { persona: `account:${subject}` }, key: null })
  t.equal((await token()).statusCode, 403, 'made, and closed')
  t.equal((await fetch(link)).status, 200)
  t.equal((await fetch(link)).status, 410, 'once')
  t.equal((await token()).statusCode, 200)
  await asSuperuser("update lab_item set wish = 'disabled' where id = $1", [subject])
  await tell(subject, 'account:1', 'account')
  await settled(subject)
  t.equal((await rowsOf(subject)).account, 'disabled')
  t.equal((await token()).statusCode, 403)
  await asSuperuser("update lab_item set wish = 'created' where id = $1", [subject])
  const another = (await tell(subject, 'welcome:2', 'welcome')).json<{ id: string }>()
  await settled(subject)
  const second = /http:\/\/\S+account-links\/\S+/.exec((await mailOf(another.id)).text!)![0]
  clock.advance(24 * 60 * minute)
  t.equal((await fetch(second)).status, 410, 'after its day it opens nothing')
  await asSuperuser("update lab_item set wish = 'enabled' where id = $1", [subject])
  await tell(subject, 'account:2', 'account')
  await settled(subject)
  t.equal((await rowsOf(subject)).account, 'enabled')
  t.equal((await token()).statusCode, 200)
})
