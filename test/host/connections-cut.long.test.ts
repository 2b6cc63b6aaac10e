import { setTimeout as pause } from 'node:timers/promises'
import t from 'tap'
import { personaNamed, riverside } from '../../config/personas.ts'
import { dayOf } from '../../domain/shared/calendar-day.ts'
import { newId } from '../../domain/shared/ids.ts'
import { contexts } from '../../plugins/contexts.ts'
import { cmsBody, deaBody } from '../fixtures/dea-cms.ts'
import { completeProfile, fifteenPercent } from '../fixtures/providers.ts'
import { startHost } from '../helper.ts'
import { type Drive, drivesOf } from '../house/drive.ts'
import { openRows } from '../house/rows.ts'

const host = await startHost(t)
const { query } = await openRows(t, host.database.superuserUrl)
const drives = await drivesOf(host)
const { jobs, capabilities } = host.parts
const patientId = personaNamed('patient-ana')!.patientId!
const minute = 60_000

const made = async (as: string, path: string, body: object): Promise<string> => {
  const answer = await host.call('POST', `/api${path}`, { as, body })
  if (answer.statusCode !== 201) throw new Error(answer.body)
  return answer.json<{ id: string }>().id
}
for (const scope of ['messaging', 'clinical-documentation', 'advisor']) await made('patient-ana', '/consents', { patientId, scope })
const conversation = await made('patient-ana', '/messaging/conversations', { patientId, subject: 'Cut' })

/** A way in which something is written: its action in the audit, the table in which it is found, who calls what. */
type Kind = readonly [action: string, table: string, as: string, path: string, body: () => object]
const kinds: readonly Kind[] = [
  ['sendMessage', 'messaging_message', 'patient-ana', `/messaging/conversations/${conversation}/messages`, () => ({ body: 'Cut' })],
  ['createClinicalDraft', 'clinical_draft', 'clinician', '/clinical-drafts', () => ({ patientId, type: 'progress_note', title: 'Ankle', body: 'Swollen.' })],
  ['createConsultation', 'advisor_consultation', 'clinician', '/advisor/consultations', () => ({ question: 'What helps a sprained ankle?' })],
  ['createProvider', 'provider_profile', 'provider-admin', '/admin/providers', () => ({ ...completeProfile, email: `${newId()}@clinic.example`, commission: fifteenPercent })],
  ['createDeaMetadata', 'dea_registrant_metadata', 'compliance-officer', '/dea/metadata', () => deaBody()],
  ['createCmsMetadata', 'cms_enrollment_metadata', 'compliance-officer', '/cms/metadata', () => cmsBody()],
] // prettier-ignore

type Answer = Awaited<ReturnType<typeof host.call>>
interface Write {
  readonly kind: Kind
  readonly send: () => Promise<Answer>
  answer?: Answer
}

let begun = 0
const begin = (kind = kinds[(begun += 1) % kinds.length]!): Write => {
  const [, , as, path, body] = kind
  // An administrator may begin ten accounts an hour: each is begun by another one.
  const token = as === 'provider-admin' ? host.token(as, { claims: { sub: newId() } }) : host.token(as)
  const sent = { token, key: newId(), body: body() }
  return { kind, send: () => host.call('POST', `/api${path}`, sent) }
}
const done = ({ answer }: Write): boolean => answer !== undefined && answer.statusCode < 300

/** What a read comes to: a code, nothing, or for what is streamed that it was broken off. */
const codeOf = async ({ operation, send }: Drive): Promise<string> => {
  try {
    const { statusCode, body } = await send()
    return statusCode < 500 ? '' : (JSON.parse(body) as { code: string }).code
  } catch (error) {
    if (operation.name === 'exportAuditEvents') return ''
    throw error
  }
}

/** Twenty hands that write and read until they are told to stop. */
const underLoad = (writes: Write[], reads: readonly Drive[], seen: Set<string>) => {
  let stopped = false
  const hand = async (_: unknown, at: number): Promise<void> => {
    for (let n = at; !stopped; n += 1) {
      const write = begin()
      writes.push(write)
      write.answer = await write.send()
      const read = reads[n % reads.length]!
      seen.add(await codeOf(read))
      if (!done(write)) await pause(20)
    }
  }
  const hands = Array.from({ length: 20 }, hand)
  return { stop: async () => ((stopped = true), void (await Promise.all(hands))) }
}

const until = async (what: string, holds: () => boolean | Promise<boolean>): Promise<void> => {
  for (let tries = 0; !(await holds()); tries += 1) {
    if (tries > 1_000) throw new Error(`in vain: ${what}`)
    await pause(20)
  }
}
const insist = async ({ send }: Write): Promise<Answer> => {
  for (let tries = 0; ; tries += 1) {
    const answer = await send()
    if (answer.statusCode < 300 || tries > 200) return answer
    await pause(25)
  }
}

/** Ends every session of the service at once: requests, lanes, queue. */
const cut = async (): Promise<number> =>
  (
    await query(
      "select pg_terminate_backend(pid) from pg_stat_activity where datname = current_database() and usename in ('postern_app', 'postern_bypass')",
    )
  ).length

const writes: Write[] = []
t.before(() => jobs.start())

t.test('every session is ended three times under load: what fails says so, and the service goes on', async (t) => {
  const told = new Set<string>()
  const load = underLoad(writes, drives.filter(({ operation }) => operation.method === 'GET'), told)
  const accepted = () => writes.filter(done).length
  for (let cuts = 0; cuts < 3; cuts += 1) {
    const before = accepted()
    await until('writes are accepted', () => accepted() >= before + 40)
    t.ok((await cut()) > 10)
  }
  const before = accepted()
  await until('writes are accepted again', () => accepted() >= before + 40)
  await load.stop()
  for (const write of writes) if (!done(write)) told.add(write.answer!.json<{ code: string }>().code)
  t.ok(told.has('UPSTREAM_UNAVAILABLE'))
  t.same([...told].filter((code) => !['', 'UPSTREAM_UNAVAILABLE', 'CONFLICT'].includes(code)), [], 'nothing is said to be a defect')
}) // prettier-ignore

t.test('each key comes to its answer, and is there once', async (t) => {
  const again = await Promise.all(writes.map(insist))
  t.same([...new Set(again.filter(({ statusCode }) => statusCode !== 201).map(({ body }) => body.replaceAll(/urn:uuid:[^"]*/g, '')))], [])
  t.same(writes.filter((write, at) => done(write) && write.answer!.body !== again[at]!.body).map(({ kind }) => kind[0]), [], 'what was answered stands')
  for (const [action, table] of kinds) {
    const ids = again.filter((_, at) => writes[at]!.kind[0] === action).map((answer) => answer.json<{ id: string }>().id)
    const stored = await query<{ id: string }>(`select id from ${table} where agency_id = $1 order by 1`, [riverside.id])
    t.same(stored.map(({ id }) => id), ids.toSorted(), `${action}: none is missing, none is too many`)
    const audited = await query("select idempotency_key from audit_event where action = $1 and outcome = 'success'", [action])
    t.same(audited.length, ids.length, `${action}: each has one row in the audit`)
  }
  t.equal((await capabilities.auditStore.verify(riverside.id)).valid, true, 'the trail is whole')
}) // prettier-ignore

t.test('every context, every job and the queue serve again', async (t) => {
  for (const { operation, send } of drives) {
    const { statusCode } = await send()
    t.ok(statusCode < 500, `${operation.name}: ${statusCode}`)
  }
  for (const job of contexts.flatMap((context) => context.jobs)) {
    const ran = await jobs.run(job.name, dayOf(host.clock.now()))
    t.ok(ran.every(({ ran: { state } }) => state === 'done'), `${job.name}: ${JSON.stringify(ran)}`)
  }
  const fresh = begin(kinds[3])
  const { id } = (await insist(fresh)).json<{ id: string }>()
  const waits = "select count(*)::int as n from host_outbox where state = 'queued'"
  await until('the queue carries what is new', async () => {
    await jobs.beat()
    return (await query<{ n: number }>(`${waits} and subject_id = $1`, [id]))[0]!.n === 0
  })
  // What a cut has taken out of a worker's hands has its turn again after a while.
  host.clock.advance(6 * minute)
  await until('nothing is left behind', async () => {
    await jobs.deliverWaiting()
    return (await query<{ n: number }>(waits))[0]!.n === 0
  })
  t.same(await query("select id from host_outbox where state <> 'sent'"), [])
  t.equal(await jobs.check(), true)
  const lanes = "select count(distinct l.objid)::int as n from pg_locks l join pg_stat_activity a using (pid) where a.application_name = 'postern lanes' and l.granted and l.locktype = 'advisory' and a.datname = current_database()"
  await until('the lanes are leased', async () => (await query<{ n: number }>(lanes))[0]!.n > 8)
  t.equal((await host.app.inject('/health/ready')).statusCode, 200)
}) // prettier-ignore
