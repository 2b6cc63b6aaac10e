import { randomBytes } from 'node:crypto'
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import pg from 'pg'
import t from 'tap'
import { lakeside, riverside } from '../../../config/personas.ts'
import { addDays, firstOfMonth } from '../../../domain/shared/calendar-day.ts'
import { newId } from '../../../domain/shared/ids.ts'
import { openAccountFile } from '../../../plugins/dev/account-file.ts'
import { createBlindIndex, parseKeySet } from '../../../plugins/host/crypto/index.ts'
import { plantDocuments, threeTiers } from '../../fixtures/providers.ts'
import { problemOf } from '../portal.ts'
import { day, openHouse } from './house.ts'

/** Things that happen at once or after one another and must not spoil each other: plans, jobs, invitations, addresses, keys. */
const former = `old:${randomBytes(32).toString('base64')}`
const house = await openHouse(t, { INDEX_KEYS: `new:${randomBytes(32).toString('base64')},${former}` })
const { host } = house
const admin = 'provider-admin'
const conflict = { status: 409, code: 'CONFLICT' }
const reason = 'Multiple patient complaints regarding unprofessional conduct.'
const query = (sql: string, values: readonly unknown[]) => house.rows(sql, ...values)
const read = (id: string) => house.get(admin, `/admin/providers/${id}`)

const ready = async (more: object = {}): Promise<string> => {
  const id = await house.begin(more)
  await plantDocuments(query, { agencyId: riverside.id, providerId: id, status: 'approved' })
  return id
}
const active = async (more: object = {}): Promise<string> => {
  const id = await ready(more)
  await house.activate(id)
  return id
}

/** Holds the account as a change of it would; `meet` waits for somebody to stand behind it, then works and lets go. */
const holdAccount = async (id: string, how: 'update' | 'no key update' = 'update') => {
  const holder = new pg.Client({ connectionString: host.database.superuserUrl })
  holder.on('error', () => {})
  await holder.connect()
  await holder.query('begin')
  await holder.query(`select from provider_profile where id = $1 for ${how}`, [id])
  return async (work: (change: (sql: string, values: readonly unknown[]) => Promise<unknown>) => Promise<unknown>): Promise<boolean> => {
    const waiting = "select from pg_locks where not granted and locktype in ('transactionid', 'tuple')"
    let met = false
    for (let tries = 0; tries < 150 && !met; tries++) {
      met = (await house.rows(waiting)).length > 0
      if (!met) await pause(10)
    }
    await work((sql, values) => holder.query(sql, [...values]))
    await holder.query('commit')
    await holder.end()
    return met
  }
}

t.test('a plan that is withdrawn while its job comes for it is not carried out, and neither is in the other’s way', async (t) => {
  const [id, other] = [await active(), await active()]
  const date = addDays(house.today(), 1)
  for (const one of [id, other]) await house.change(one, 'suspension', { reason, confirm: true, effectiveDate: date })
  await house.pass(day)
  const meet = await holdAccount(id)
  const running = house.jobs.run('provider-scheduled-transitions', date, riverside.id)
  const withdraw = "update provider_scheduled_transition set state = 'withdrawn', closed_at = now() where provider_id = $1"
  t.ok(await meet((change) => change(withdraw, [id])), 'the job waits for the account')
  t.match(await running, [{ ran: { state: 'done', count: 1 } }])
  t.match((await read(id)).body, { status: 'active', scheduledTransition: null })
  t.match((await read(other)).body, { status: 'suspended' }, 'and goes on to the next one')
})

t.test('of six plans that fall due and six administrators who are quicker or slower, each account has one change', async (t) => {
  const ids: string[] = []
  for (let made = 0; made < 6; made++) ids.push(await active())
  const date = addDays(house.today(), 1)
  for (const id of ids) await house.change(id, 'suspension', { reason, confirm: true, effectiveDate: date })
  await house.pass(day)
  const etags = await Promise.all(ids.map(async (id) => (await read(id)).headers.etag as string))
  const end = (id: string, etag: string) =>
    house.call('POST', `/admin/providers/${id}/deactivation`, { as: admin, headers: { 'if-match': etag }, body: { reason, confirm: true } })
  const run = house.jobs.run('provider-scheduled-transitions', date, riverside.id)
  const ended = await Promise.all(ids.map((id, index) => end(id, etags[index]!)))
  t.match(await run, [{ ran: { state: 'done' } }])
  t.ok(ended.every(({ status }) => status === 200 || status === 412))
  for (const [index, id] of ids.entries()) {
    const { status, scheduledTransition } = (await read(id)).body
    t.same([status, scheduledTransition], [ended[index]!.status === 200 ? 'deactivated' : 'suspended', null])
  }
})

t.test('of fifty who activate at once one does, and the provider is told once', async (t) => {
  const id = await ready()
  const etag = (await read(id)).headers.etag as string
  const activate = () =>
    house.call('POST', `/admin/providers/${id}/activation`, { as: admin, headers: { 'if-match': etag }, body: { confirm: true } })
  const done = await Promise.all(Array.from({ length: 50 }, activate))
  t.same(done.map(({ status }) => status).sort(), [200, ...Array.from({ length: 49 }, () => 412)])
  t.equal((await house.rows("select from provider_notification where provider_id = $1 and kind = 'activated'", id)).length, 1)
})

t.test('the month’s tier is not missed by a provider who is being changed just then', async (t) => {
  const id = await active({ commission: threeTiers })
  const month = house.today().slice(0, 7)
  const reported = await house.call('PUT', `/procedure-counts/${id}/${month}`, { as: 'service-procedures', body: { count: 12 } })
  t.equal(reported.status, 200, reported.text)
  // A row that merely refers to the account would not wait for this.
  const meetReport = await holdAccount(id, 'no key update')
  const again = house.call('PUT', `/procedure-counts/${id}/${month}`, { as: 'service-procedures', body: { count: 12 } })
  t.ok(await meetReport(async () => undefined), 'a report waits for the account too')
  t.equal((await again).status, 200)
  while (house.today().slice(0, 7) === month) await house.pass(day)
  const meet = await holdAccount(id)
  const running = house.jobs.run('provider-tiers', firstOfMonth(house.today()), riverside.id)
  t.ok(await meet(async () => undefined), 'the job waits for the account')
  t.match(await running, [{ ran: { state: 'done', count: 1 } }])
  t.match((await read(id)).body, { currentRate: 15 })
})

t.test('no invitation opens the account of a deactivated provider again, and the address is another account’s to have', async (t) => {
  const email = 'freed-at-the-issuer@clinic.example'
  const id = await active({ email })
  await house.delivered()
  await house.change(id, 'deactivation', { reason, confirm: true })
  await house.delivered()
  const account = () => openAccountFile(host.dataDir).all().find(({ subjectId }) => subjectId === id) // prettier-ignore
  const closed = { enabled: false, link: null, email: `${id}@deactivated.invalid` }
  t.match(account(), closed)
  t.match((await house.mails()).at(-1), { to: email }, 'who is told of it all the same')
  const [welcome] = await house.rows("select id from host_outbox where subject_id = $1 and kind = 'welcome'", id)
  t.match(problemOf(await house.post(admin, `/admin/providers/${id}/notifications`, { resend: welcome.id })), conflict)

  const sent = (await house.mails()).length
  const waiting = newId()
  await house.rows(
    `insert into host_outbox select (jsonb_populate_record(o, jsonb_build_object('id', $2::text, 'cause', 'late:' || $2::text, 'state', 'queued',
       'attempts', 0, 'failure', null, 'settled_at', null, 'next_attempt_at', o.created_at))).* from host_outbox o where o.id = $1`,
    welcome.id,
    waiting,
  )
  await house.delivered()
  t.match(await house.rows('select state, failure from host_outbox where id = $1', waiting), [{ state: 'failed', failure: 'withdrawn' }])
  t.equal((await house.mails()).length, sent, 'nor one that was still on its way')
  t.match(account(), closed)
})

t.test('an account that could not be closed while the identity provider was away is closed when it is back', async (t) => {
  const id = await active()
  await house.delivered()
  const token = house.own(id)
  const file = join(host.dataDir, 'accounts.json')
  const kept = readFileSync(file)
  rmSync(file)
  mkdirSync(file)
  await house.change(id, 'deactivation', { reason, confirm: true })
  t.match(problemOf(await house.call('GET', '/provider/profile', { token })), { status: 403 }, 'it is refused here all the same')
  for (let n = 0; n < 4; n += 1) {
    await house.jobs.deliverWaiting()
    await house.pass(20 * 60_000)
  }
  t.match((await read(id)).body, { identity: 'failed' })
  rmSync(file, { recursive: true })
  writeFileSync(file, kept)
  const account = () => openAccountFile(host.dataDir).all().find(({ subjectId }) => subjectId === id) // prettier-ignore
  t.match(account(), { enabled: true })
  const again = () => house.jobs.run('provider-accounts', house.today(), riverside.id)
  t.match(await again(), [{ ran: { state: 'done', count: 1 } }])
  t.match(await again(), [{ ran: { count: 0 } }], 'once a day')
  await house.delivered()
  t.match((await read(id)).body, { identity: 'disabled' })
  t.match(account(), { enabled: false, email: `${id}@deactivated.invalid` })
  t.match(await house.jobs.run('provider-accounts', addDays(house.today(), 1), riverside.id), [{ ran: { count: 0 } }], 'nothing is left')
})

t.test('a draft whose address was wrong is welcomed at the right one, and the first link opens nothing', async (t) => {
  const id = await house.begin({ email: 'mistyped@clinic.example' })
  await house.delivered()
  const headers = { 'if-match': (await read(id)).headers.etag as string }
  const corrected = await house.call('PATCH', `/admin/providers/${id}`, { as: admin, headers, body: { email: 'right@clinic.example' } })
  t.equal(corrected.status, 200, corrected.text)
  await house.delivered()
  const welcomes = (await house.mails()).filter(({ subject, to }) => /has been created/.test(subject) && /^(mistyped|right)@/.test(to))
  t.same(welcomes.map(({ to }) => to), ['mistyped@clinic.example', 'right@clinic.example']) // prettier-ignore
  const [first, second] = welcomes.map(({ text }) => /http:\/\/\S+account-links\/[\w-]{43}/.exec(text)![0])
  t.equal((await fetch(first!)).status, 410)
  t.equal((await fetch(second!)).status, 200)
})

t.test('a document holds no more on the day that it names, for the database neither', async (t) => {
  const id = await house.begin()
  await plantDocuments(query, { agencyId: riverside.id, providerId: id, status: 'approved', expiresOn: addDays(house.today(), 1) })
  await house.pass(day)
  const force = `with c as (insert into provider_status_change select agency_id, $3::uuid, id, 'draft', 'active', now(), 'x', null, false, id from provider_profile
    where agency_id = $1 and id = $2 returning id)
    update provider_profile set status = 'active', status_change_id = $3, updated_at = $4 where agency_id = $1 and id = $2`
  await t.rejects(house.rows(force, riverside.id, id, newId(), new Date(house.now())), { code: 'PT409' })
})

t.test('Screen 1: a range of dates ends where it begins or later', async (t) => {
  const [early, late] = ['2026-01-01T00:00:00Z', '2026-02-01T00:00:00Z']
  for (const name of ['created', 'active']) {
    const asked = await house.get(admin, `/admin/providers?${name}From=${late}&${name}To=${early}`)
    t.match(problemOf(asked), { status: 400, errors: [{ pointer: `/query/${name}To`, rule: 'range' }] })
    t.equal((await house.get(admin, `/admin/providers?${name}From=${early}&${name}To=${late}`)).status, 200)
  }
})

t.test('EC-1, FR-013: after a rotation of the index keys accounts are found, and their addresses are still theirs', async (t) => {
  const email = 'rotated@clinic.example'
  const license = 'ROT20210007'
  const id = await ready({ email, medicalLicenseNumber: license })
  const old = createBlindIndex(parseKeySet(former))
  const stored = [
    old.index('provider-email', email),
    old.index(`provider-license:${riverside.id}`, license),
    old.index(`provider-license-last-four:${riverside.id}`, '0007'),
  ]
  await house.rows(
    'update provider_profile set email_index = $2, license_index = $3, license_last_four_index = $4 where id = $1',
    id,
    ...stored,
  )
  const claims = async () =>
    (await house.rows('select email_index from provider_sign_in_address where provider_id = $1', id)).map(({ email_index: one }) => one)
  t.same(await claims(), stored.slice(0, 1), 'as it was saved before')

  const found = async (q: string) => (await house.get(admin, `/admin/providers?status=all&q=${encodeURIComponent(q)}`)).body.items
  for (const q of [email.toUpperCase(), license, '0007']) t.match(await found(q), [{ id }], q)
  const begin = (agencyId: string) =>
    house.call('POST', '/admin/providers', { token: host.token(admin, { claims: { sub: newId(), agency_id: agencyId } }), body: { email } })
  const taken = { ...conflict, reason: 'duplicate' }
  for (const agency of [riverside, lakeside]) t.match(problemOf(await begin(agency.id)), taken, 'saved under the former key')

  const headers = { 'if-match': (await read(id)).headers.etag as string }
  t.equal((await house.call('PATCH', `/admin/providers/${id}`, { as: admin, headers, body: { firstName: 'Renata' } })).status, 200)
  t.equal((await claims()).length, 2, 'under both, for services that do not know the new one yet')
  await house.activate(id)
  t.equal((await claims()).length, 2)
  for (const q of [email, license, '0007']) t.match(await found(q), [{ id }], q)
  t.match(problemOf(await begin(lakeside.id)), taken)
  await house.change(id, 'deactivation', { reason, confirm: true })
  t.same(await claims(), [])
  t.equal((await begin(riverside.id)).status, 201)
})
