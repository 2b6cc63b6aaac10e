import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import PostalMime from 'postal-mime'
import t from 'tap'
import { lakeside, riverside } from '../../../config/personas.ts'
import { addDays, dayOf } from '../../../domain/shared/calendar-day.ts'
import { newId } from '../../../domain/shared/ids.ts'
import { deaBody } from '../../fixtures/dea-cms.ts'
import { openOffice } from './portal.ts'

const office = await openOffice(t)
const officer = 'compliance-officer'
const { jobs, capabilities } = office.host.parts
const day = 86_400_000
const today = (): string => dayOf(office.now())
const inDays = (days: number) => ({ issueDate: '2020-01-01', expirationDate: addDays(today(), days) })

/** As an administrator's settings leave them. */
const nameRecipients = async (agencyId: string, addresses: readonly string[]): Promise<void> => {
  const place = { table: 'provider_settings', column: 'reminder_recipients', agencyId, rowId: agencyId }
  await office.rows(
    `insert into provider_settings (agency_id, version, upload_limit_bytes, support_contact, reminder_recipients, specialties, updated_at, updated_by, audit_id)
     values ($1, 1, 1024, '', $2, array['x'], now(), 'x', gen_random_uuid())`,
    agencyId,
    capabilities.fields.seal(JSON.stringify(addresses), place),
  )
}

const run = async (agencyId = riverside.id): Promise<number> => (await jobs.run('dea-expiry-reminders', today(), agencyId))[0]!.ran.count

/** Waits until nothing is on its way: the queue's own worker may have it. */
const delivered = async (): Promise<void> => {
  for (let tries = 0; tries < 500; tries += 1) {
    await jobs.deliverWaiting()
    if ((await office.rows("select from host_outbox where state = 'queued'")).length === 0) return
    await pause(10)
  }
  throw new Error('it is still on its way')
}
const mails = async () => {
  const folder = join(office.host.dataDir, 'mail')
  const names = readdirSync(folder).filter((name) => name.endsWith('.eml'))
  return Promise.all(names.map((name) => PostalMime.parse(readFileSync(join(folder, name)))))
}
const sentOf = async (id: string): Promise<boolean> => (await office.get(officer, `/dea/metadata/${id}`)).body.expirationReminderSent

t.test('until somebody says whom to remind, nobody is, and nothing counts as reminded', async (t) => {
  await office.kept('dea', inDays(6))
  t.equal(await run(), 0)
  t.same(await office.rows('select reminded_days from dea_registrant_metadata'), [{ reminded_days: null }])
})

t.test('each registration is reminded of once at each threshold, to the recipients alone', async (t) => {
  await office.rows('truncate dea_registrant_metadata, dea_compliance_note')
  await nameRecipients(riverside.id, ['chief@riverside.example'])
  await nameRecipients(lakeside.id, ['officer@lakeside.example'])
  const ids: Record<string, string> = {}
  for (const days of [-3, 0, 7, 29, 90, 91]) ids[days] = (await office.kept('dea', inDays(days))).body.id
  await office.kept('dea', inDays(5), 'compliance-officer-lakeside')
  t.equal(await run(), 5, 'all but the one that is 91 days away, and none of another agency')
  t.equal(await run(), 0, 'a job that runs twice reminds once')
  t.equal(await sentOf(ids[7]!), false, 'not before it went')
  await delivered()
  const sent = await mails()
  t.equal(sent.length, 5)
  const tos = new Set(sent.flatMap((mail) => (mail.to ?? []).map(({ address }) => address)))
  t.same([...tos], ['chief@riverside.example'])
  t.same([...new Set(sent.map(({ subject }) => subject))].sort(), [
    'A DEA registration expired 3 days ago', 'A DEA registration expires in 29 days', 'A DEA registration expires in 7 days',
    'A DEA registration expires in 90 days', 'A DEA registration expires today',
  ]) // prettier-ignore
  const numbers = (await office.rows('select dea_registration_number as number from dea_registrant_metadata')).map(({ number }) => number as string)
  const text = sent.map((mail) => `${mail.subject} ${mail.text} ${mail.html}`).join('\n')
  t.notOk(numbers.some((number) => text.includes(number)), 'a number is shown by its last digits')
  t.notMatch(text, /Riverside Station/)
  const one = await office.get(officer, `/dea/metadata/${ids[7]}`)
  t.same([one.body.expirationReminderSent, one.headers.etag], [true, '"1.1"'])
  t.equal(await sentOf(ids[91]!), false)
  t.equal((await office.put(officer, `/dea/metadata/${ids[29]}`, '"1.0"', deaBody(inDays(29)))).status, 200, 'a reminder is nobody’s change')
  t.equal(await sentOf(ids[29]!), true, 'the date is the same')

  const log = (await office.get(officer, `/dea/audit-log?metadataId=${ids[7]}`)).body.items
  t.match(log.find(({ action }: any) => action === 'job.dea-expiry-reminders'), { role: 'service', outcome: 'success', metadataId: ids[7], after: { reminder: { threshold: 7, daysLeft: 7 } } })
}) // prettier-ignore

t.test('days that were missed are caught up by one reminder; another date begins anew', async (t) => {
  const [near] = await office.rows('select id from dea_registrant_metadata where agency_id = $1 and reminded_days = 90', riverside.id)
  await office.pass(84 * day)
  t.equal(await run(), 4, 'of 30 and 7, both missed, one; and each of the others once at its next threshold')
  t.same(await office.rows('select reminded_days from dea_registrant_metadata where id = $1', near.id), [{ reminded_days: 7 }])
  await delivered()
  const { body, headers } = await office.get(officer, `/dea/metadata/${near.id}`)
  const renewed = await office.put(officer, `/dea/metadata/${near.id}`, headers.etag as string, deaBody({ ...inDays(30), deaRegistrationNumber: body.deaRegistrationNumber }))
  t.same([renewed.status, renewed.body.expirationReminderSent], [200, false])
  t.equal(await run(), 1)
  const back = await office.put(officer, `/dea/metadata/${near.id}`, renewed.headers.etag as string, deaBody({ ...inDays(6), deaRegistrationNumber: body.deaRegistrationNumber }))
  t.equal(back.status, 200)
  const before = (await mails()).length
  await delivered()
  t.equal((await mails()).length, before, 'what no more holds when its turn comes is not sent')
  t.equal(await sentOf(near.id), false)
  t.equal(await run(), 1, 'a date that was there before is a new one all the same')
  await office.remove(officer, `/dea/metadata/${near.id}`, '"9.0"')
  t.equal((await office.remove(officer, `/dea/metadata/${near.id}`, back.headers.etag as string)).status, 204)
  await delivered()
  t.equal((await mails()).length, before, 'nor of a removed record')
}) // prettier-ignore

t.test('its switch holds it back, and two runs at once remind once', async (t) => {
  const { id } = (await office.kept('dea', inDays(3))).body
  await office.flip('USE_DEA_PORTAL', false)
  t.equal(await run(), 0)
  await office.flip('USE_DEA_PORTAL', true)
  const both = await Promise.all([run(), run()])
  t.equal(both[0] + both[1], 1)
  t.equal((await office.rows('select from host_outbox where subject_id = $1', id)).length, 1)
  const other = newId()
  await office.rows('insert into host_agency (id, name) values ($1, $2)', other, 'Empty')
  t.equal(await run(other), 0)
})
