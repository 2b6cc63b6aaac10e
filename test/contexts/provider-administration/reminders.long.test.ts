import { fork } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { SMTPServer, type SMTPServerSession } from 'smtp-server'
import t from 'tap'
import { riverside } from '../../../config/personas.ts'
import { dayOf } from '../../../domain/shared/calendar-day.ts'
import { deliveriesAtOnce } from '../../../plugins/host/jobs/jobs.ts'
import { plantExpiring } from '../../fixtures/expiring-documents.ts'
import { openHouse } from './house.ts'

const due = 1_000
const killedAfter = 300
/** Far longer than anything takes: what has hung is said by name, before the file's own time is up. */
const patienceMs = 60_000
const recipients = ['desk@riverside.example', 'second@riverside.example']

interface Taken {
  readonly id: string
  readonly by: string
  readonly to: readonly string[]
}

/** Every mail that the server has taken, in its order. While it is `silent` it takes them and keeps its answers to itself. */
const taken: Taken[] = []
const unanswered: (Taken & { readonly done: () => void })[] = []
let silent = false
const take = (mail: Taken, done: () => void): void => {
  taken.push(mail)
  if (silent) unanswered.push({ ...mail, done })
  else done()
}
const speak = (): void => {
  silent = false
  for (const { done } of unanswered) done()
}

const server = new SMTPServer({
  authOptional: true,
  disabledCommands: ['STARTTLS'],
  onData(stream, { hostNameAppearsAs, envelope }: SMTPServerSession, done) {
    let text = ''
    const to = envelope.rcptTo.map(({ address }) => address)
    stream.on('data', (bytes) => (text += String(bytes)))
    stream.on('end', () => take({ id: /^Message-ID: <(\S+)@/im.exec(text)![1]!, by: String(hostNameAppearsAs), to }, () => done()))
  },
})
server.on('error', () => {})
await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve))
t.teardown(() => new Promise<void>((resolve) => void server.close(() => resolve())))
const smtp = `smtp://127.0.0.1:${(server.server.address() as { port: number }).port}`

const house = await openHouse(t, { SMTP_URL: `${smtp}?name=third` })
const { host, jobs, rows } = house
const settings = await house.get('provider-super-admin', '/admin/settings')
await house.call('PUT', '/admin/settings', {
  as: 'provider-super-admin',
  body: { ...settings.body, reminderRecipients: recipients },
  headers: { 'if-match': settings.headers.etag as string },
})

const until = async (what: string, holds: () => boolean | Promise<boolean>): Promise<void> => {
  const end = performance.now() + patienceMs
  while (!(await holds())) {
    if (performance.now() > end) throw new Error(`in vain: ${what}`)
    await pause(20)
  }
}
const count = async (from: string): Promise<number> => (await rows(`select count(*)::int as n from ${from}`))[0].n

/** A service with a process of its own, which `name` greets the mail server with. */
const startWorker = (name: string) => {
  const worker = fork(join(import.meta.dirname, '../../fixtures/worker-process.ts'), {
    env: {
      ...process.env, NODE_ENV: 'test', DATA_DIR: host.dataDir, DATABASE_URL: host.database.appUrl, DATABASE_MIGRATION_URL: host.database.ownerUrl,
      SMTP_URL: `${smtp}?name=${name}`,
    },
  }) // prettier-ignore
  const gone = once(worker, 'exit')
  t.teardown(() => worker.kill('SIGKILL'))
  return {
    async kill() {
      worker.kill('SIGKILL')
      await gone
    },
    async end() {
      worker.disconnect()
      await gone
    },
  }
}

const ofReminders = "host_outbox where kind = 'document-expiring'"
const isDone = async (): Promise<boolean> =>
  (await count(`host_job_run where job = 'document-reminders' and state = 'done' and agency_id = '${riverside.id}'`)) === 1

t.test('a thousand reminders that fall due are told once each, by two services of which one is killed in the middle', async (t) => {
  await plantExpiring(rows, { agencyId: riverside.id, today: dayOf(Date.now()), due })
  const [doomed, other] = [startWorker('doomed'), startWorker('other')]
  await until('the run of the day is done', isDone)
  const both = (): boolean => ['doomed', 'other'].every((name) => taken.some(({ by }) => by === name))
  await until('both are in the middle of it', () => taken.length >= killedAfter && both())
  silent = true
  await until('both wait for an answer with all they have taken', () => unanswered.length === 2 * deliveriesAtOnce)
  await doomed.kill()
  const lost = unanswered.filter(({ by }) => by === 'doomed').map(({ id }) => id)
  t.equal(lost.length, deliveriesAtOnce, 'what the server took and the dead one never knew of')
  t.ok(taken.length < due - killedAfter, 'there is much left')
  speak()
  const sent = () => count(`${ofReminders} and state = 'sent'`)
  await until('the other sends what is left', async () => (await sent()) === due - lost.length)
  await other.end()
  t.equal(taken.length, due, 'none twice as yet')
  t.equal(await jobs.deliverWaiting(), 0, 'what the dead one had taken is nobody’s for five minutes')
  host.clock.advance(10 * 60_000)
  t.equal(await jobs.deliverWaiting(), lost.length)
  t.equal(await sent(), due)

  const told = (await rows(`select id, attempts from ${ofReminders}`)) as { id: string; attempts: number }[]
  t.same(told.filter(({ attempts }) => attempts !== 1).map(({ id }) => id).sort(), [...lost].sort()) // prettier-ignore
  t.same(
    taken.map(({ id }) => id).sort(),
    [...told.map(({ id }) => id), ...lost].sort(),
    'each once, and what was in the dead one’s hands again, under its old id',
  )
  t.ok(taken.every(({ to }) => JSON.stringify(to) === JSON.stringify(recipients)), 'one copy for each recipient') // prettier-ignore
})

t.test('each version is reminded of once, and only those of active and suspended accounts', async (t) => {
  const byFate = await rows(`select p.last_name as fate, count(*)::int as n, count(distinct r.document_id)::int as documents
    from provider_reminder r join provider_document d on (d.agency_id, d.id) = (r.agency_id, r.document_id)
    join provider_profile p on (p.agency_id, p.id) = (d.agency_id, d.provider_id) group by 1 order by 1`)
  t.same(byFate, [{ fate: 'Due', n: due, documents: due }, { fate: 'Reminded', n: 120, documents: 120 }]) // prettier-ignore
  const notices = "provider_notification where kind = 'document-expiring'"
  t.equal(await count(notices), due)
  const again = await Promise.all([1, 2].map(() => jobs.run('document-reminders', house.today(), riverside.id)))
  t.same(again.map(([one]) => one!.ran.count), [0, 0]) // prettier-ignore
  t.same([await count(notices), await count(ofReminders)], [due, due], 'and nobody is told again')
})

t.test('what is to come is shown page by page, all of it and in its order', async (t) => {
  const shown: string[] = []
  let cursor: string | null = ''
  while (cursor !== null) {
    const { body } = await house.get('provider-read-only', `/admin/providers/upcoming-reminders?limit=100${cursor && `&cursor=${cursor}`}`)
    shown.push(
      ...body.items.map(
        (one: { remindOn: string; documentId: string; daysBefore: number }) => `${one.remindOn} ${one.documentId} ${one.daysBefore}`,
      ),
    )
    cursor = body.nextCursor
  }
  const left = await rows(
    `select concat_ws(' ', d.expiration_date - days, d.id, days) as line from provider_document d
     join provider_profile p on (p.agency_id, p.id) = (d.agency_id, d.provider_id), unnest(array[30, 7, 0]) days
     where p.status in ('active', 'suspended') and d.agency_id = $2 and d.expiration_date - days between $1::date and $1::date + 90
       and not exists (select from provider_reminder r where r.document_id = d.id and r.threshold <= days)`,
    house.today(),
    riverside.id,
  )
  t.same(shown, left.map(({ line }) => line).sort()) // prettier-ignore
  t.ok(shown.length > 3 * due)
})
