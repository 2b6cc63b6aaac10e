import t from 'tap'
import { lakeside, riverside } from '../../../config/personas.ts'
import { addDays, dayOf } from '../../../domain/shared/calendar-day.ts'
import { newId } from '../../../domain/shared/ids.ts'
import { problemOf } from '../portal.ts'
import { day, openHouse } from './house.ts'

const house = await openHouse(t)
const { host, jobs } = house
const recipients = ['desk@riverside.example', 'second@riverside.example']
await house.mailTo(recipients, 'help@riverside.example, +1 202 555 0100')

const mailsOf = async (providerId: string) =>
  (await house.get('provider-read-only', `/admin/providers/${providerId}/notifications`)).body.items
const send = (providerId: string, body: object, as = 'provider-admin') =>
  house.post(as, `/admin/providers/${providerId}/notifications`, body)
const addressOf = async (providerId: string): Promise<string> =>
  (await house.get('provider-admin', `/admin/providers/${providerId}`)).body.email
const received = async (to: string) => (await house.mails()).filter((mail) => mail.to === to)
/** Several at once are not told of one another. */
const toAdministrators = async () => (await house.mails()).filter(({ to }) => !to.includes('@'))
const oneLine = (text: string) => text.replaceAll(/\s+/g, ' ')
interface Notice {
  readonly id: string
  readonly kind: string
  readonly providerId: string
  readonly title: string
  readonly message: string
  readonly readAt: string | null
}
const adminNotices = async (as = 'document-verifier'): Promise<Notice[]> =>
  (await house.get(as, '/admin/notifications?limit=100')).body.items
const runReminders = async (date: string) => (await jobs.run('document-reminders', date, riverside.id))[0]!.ran

t.test('every mail has its state, from the draft’s welcome on', async (t) => {
  const providerId = await house.active()
  const before = await mailsOf(providerId)
  t.same(before.map(({ kind }: any) => kind), ['activated', 'document-approved', 'document-approved', 'document-approved', 'welcome']) // prettier-ignore
  t.ok(before.every(({ state, attempts }: any) => state === 'queued' && attempts === 0))
  await house.delivered()
  const after = await mailsOf(providerId)
  t.ok(
    after.every(({ state, attempts, settledAt }: any) => state === 'sent' && attempts === 1 && settledAt !== null),
    JSON.stringify(after),
  )
  const failed = (await adminNotices()).filter(({ kind }) => kind === 'mail-failed')
  t.same(failed, [], 'nobody is told of what went well')
  const got = await received(await addressOf(providerId))
  t.equal(got.length, 5)
  const welcome = got.find(({ subject }) => subject === 'Your provider account has been created')!
  t.match(welcome.text, /https?:\/\/\S+/, 'a link that enables sign-in')
  for (const { text, html } of got) {
    t.notMatch(`${text}${html}`, /password[^.]*[:=]/i)
    t.match(html, /<p>/)
    t.notOk(text.includes('MD123456'), 'no licence number')
  }
  const page = await house.get('provider-read-only', `/admin/providers/${providerId}/notifications?limit=2`)
  const next = await house.get('provider-read-only', `/admin/providers/${providerId}/notifications?limit=2&cursor=${page.body.nextCursor}`)
  t.same([...page.body.items, ...next.body.items].map(({ id }: any) => id), after.slice(0, 4).map(({ id }: any) => id)) // prettier-ignore
})

t.test('US3.1: a suspension mail says why and whom to ask, and is left out where it is not wanted', async (t) => {
  const [told, untold] = [await house.active(), await house.active()]
  const reason = 'Multiple patient complaints regarding unprofessional conduct. Under investigation.'
  await house.change(told, 'suspension', { reason, confirm: true })
  await house.change(untold, 'suspension', { reason, confirm: true, notify: false })
  await house.delivered()
  const mail = (await received(await addressOf(told))).find(({ subject }) => subject === 'Your account has been suspended')
  t.match(oneLine(mail!.text), `Reason: ${reason} Contact support for assistance: help@riverside.example, +1 202 555 0100`)
  t.notOk((await received(await addressOf(untold))).some(({ subject }) => subject.includes('suspended')))
  const own = await house.call('GET', '/provider/notifications', { token: house.own(untold) })
  t.equal(own.body.items[0].kind, 'suspended', 'it stands in the portal all the same')
  t.match(own.body.items[0].message, /Contact support for assistance: help@riverside\.example/)
})

t.test('a mail that is not delivered is tried three times within the hour, then told of and sent by hand', async (t) => {
  const providerId = await house.begin()
  await house.delivered()
  const address = await addressOf(providerId)
  // An address that cannot be opened: what a broken key set would leave.
  const [{ email }] = await house.rows('select email from provider_profile where id = $1', providerId)
  await house.rows(`update provider_profile set email = '\\x00' where id = $1`, providerId)
  const made = await send(providerId, { template: 'document-missing', documentType: 'medical_license' })
  t.match(
    made.body,
    { kind: 'document-missing', documentType: 'medical_license', state: 'queued', attempts: 0, lastFailure: null },
    made.text,
  )
  t.equal(made.status, 201)
  const turns: number[] = []
  for (let minute = 0; minute < 60; minute += 5) {
    const [before] = await mailsOf(providerId)
    await jobs.deliverWaiting()
    const [after] = await mailsOf(providerId)
    if (after.attempts > before.attempts) turns.push(minute)
    await house.pass(5 * 60_000)
  }
  t.same(turns, [0, 5, 25])
  t.match((await mailsOf(providerId))[0], { state: 'failed', attempts: 3, lastFailure: 'not-prepared' })
  const notice = (await adminNotices()).find(({ kind, providerId: whose }) => kind === 'mail-failed' && whose === providerId)
  t.ok(notice, 'administrators are told')
  await house.rows('update provider_profile set email = $2 where id = $1', providerId, email)
  const again = await send(providerId, { resend: made.body.id })
  t.match(again.body, { id: made.body.id, state: 'queued', attempts: 0 }, again.text)
  await house.delivered()
  t.match((await mailsOf(providerId))[0], { state: 'sent' })
  t.equal((await received(address)).filter(({ subject }) => subject === 'Your Medical License is missing').length, 1)
  await house.delivered()
  t.ok((await toAdministrators()).some(({ subject }) => subject === 'A mail to a provider was not delivered'))
})

t.test('mails by hand: templates, once more, and what is refused', async (t) => {
  const [providerId, draft] = [await house.active(), await house.begin()]
  const renewal = await send(providerId, { template: 'document-renewal', documentType: 'board_certification' })
  t.match(renewal.headers, { location: `/api/admin/providers/${providerId}/notifications` })
  t.match((await send(providerId, { template: 'activation' })).body, { kind: 'activated', documentType: null })
  t.match(problemOf(await send(providerId, { resend: renewal.body.id })), { status: 409, code: 'CONFLICT' }, 'it is still on its way')
  await house.delivered()
  const twice = await send(providerId, { resend: renewal.body.id })
  t.ok(twice.status === 201 && twice.body.id !== renewal.body.id, twice.text)
  t.equal(twice.body.documentType, 'board_certification')
  await house.delivered()
  const got = (await received(await addressOf(providerId))).filter(({ subject }) => subject === 'Please renew your Board Certification')
  t.equal(got.length, 2)
  t.match(oneLine(got[0]!.text), `expires on ${addDays(house.today(), 365)}`)

  t.match(problemOf(await send(draft, { template: 'activation' })), { status: 409, code: 'CONFLICT' })
  t.match(problemOf(await send(draft, { resend: renewal.body.id })), { status: 404, code: 'NOT_FOUND' }, 'the mail of another provider')
  t.match(problemOf(await send(newId(), { template: 'document-missing', documentType: 'medical_license' })), { status: 404 })
  for (const body of [{}, { template: 'document-missing' }, { template: 'activation', resend: newId() }, { template: 'hello' }])
    t.match(problemOf(await send(draft, body)), { status: 400, code: 'VALIDATION_FAILED' }, JSON.stringify(body))
  for (const as of ['document-verifier', 'provider-read-only', 'provider-self', 'clinician'])
    t.match(problemOf(await send(draft, { template: 'document-missing', documentType: 'medical_license' }, as)), { status: 403 }, as)
  await house.change(providerId, 'deactivation', { reason: 'The provider asked for closure.', confirm: true })
  const body = { template: 'document-renewal', documentType: 'medical_license' }
  t.match(problemOf(await send(providerId, body)), { status: 409, code: 'CONFLICT' })
})

t.test('a draft without an address is told in the portal alone, and nothing else of the outbox is sent by hand', async (t) => {
  const begun = await house.post('provider-admin', '/admin/providers', { lastName: 'Nowhere' })
  const providerId = begun.body.id
  await send(providerId, { template: 'document-missing', documentType: 'medical_license' })
  await house.delivered()
  t.match(await mailsOf(providerId), [{ state: 'failed', attempts: 1, lastFailure: 'withdrawn' }])
  const own = await house.call('GET', '/provider/notifications', { token: house.own(providerId) })
  t.equal(own.body.items[0].kind, 'document-missing')
  t.notOk((await adminNotices()).some(({ kind, providerId: whose }) => kind === 'mail-failed' && whose === providerId))
  const active = await house.active()
  await house.delivered()
  const [account] = await house.rows("select id from host_outbox where subject_id = $1 and kind = 'account' limit 1", active)
  t.match(problemOf(await send(active, { resend: account.id })), { status: 404, code: 'NOT_FOUND' })
})

t.test('US5.1, EC-6: administrators are reminded 30, 7 and 0 days before, once each', async (t) => {
  const expiresOn = addDays(house.today(), 33)
  const [providerId, draft] = [await house.active({ firstName: 'Clara' }, expiresOn), await house.begin()]
  await house.proved(draft, 'medical_license', expiresOn)
  const upcoming = async (query = '?days=90') => (await house.get('provider-read-only', `/admin/providers/upcoming-reminders${query}`)).body
  const mine = (items: any[]) => items.filter((one) => one.providerId === providerId)
  const ahead = mine((await upcoming()).items)
  t.equal(ahead.length, 9)
  t.same(ahead.filter(({ documentType }: any) => documentType === 'medical_license').map(({ daysBefore, remindOn }: any) => [daysBefore, remindOn]), [
    [30, addDays(expiresOn, -30)], [7, addDays(expiresOn, -7)], [0, expiresOn],
  ]) // prettier-ignore
  t.equal(ahead[0].providerName, 'Dr. Clara Silva')
  t.same(mine((await upcoming('?days=2')).items), [])
  t.equal(mine((await upcoming('?days=3')).items).length, 3)
  const first = await upcoming('?days=90&limit=4')
  const second = await upcoming(`?days=90&limit=100&cursor=${first.nextCursor}`)
  t.same([...first.items, ...second.items], (await upcoming('?days=90&limit=100')).items, 'page by page')

  const reminded = async () =>
    (await adminNotices()).filter(({ kind, providerId: whose }) => kind === 'document-expiring' && whose === providerId)
  await runReminders(addDays(expiresOn, -31))
  t.equal((await reminded()).length, 0)
  await runReminders(addDays(expiresOn, -30))
  t.equal((await reminded()).length, 3)
  await runReminders(addDays(expiresOn, -30))
  await runReminders(addDays(expiresOn, -29))
  t.equal((await reminded()).length, 3, 'once')
  await runReminders(addDays(expiresOn, 2))
  const all = await reminded()
  t.equal(all.length, 6, 'after missed days the last one, and not those that were missed before it')
  await runReminders(addDays(expiresOn, 3))
  t.equal((await reminded()).length, 6)
  await house.delivered()
  const mails = (await toAdministrators()).map(({ text }) => oneLine(text))
  const wanted = `Reminder: Provider Dr. Clara Silva's Medical License expires in 30 days on ${expiresOn}. Please follow up`
  t.equal(mails.filter((text) => text.startsWith(wanted)).length, 1, mails.join('\n'))
  t.same(
    mine((await upcoming()).items).filter(({ remindOn }: any) => remindOn <= addDays(expiresOn, -30)),
    [],
  )
  const drafts = (await adminNotices()).filter(({ kind, providerId: whose }) => kind === 'document-expiring' && whose === draft)
  t.same(drafts, [], 'no reminder of a draft’s documents')

  await house.proved(providerId, 'medical_license', addDays(house.today(), 400))
  t.equal(mine((await upcoming('?days=366')).items).filter(({ documentType }: any) => documentType === 'medical_license').length, 0)
  t.ok(dayOf(house.now()) < expiresOn)
})

t.test('two runs at once remind once', async (t) => {
  const expiresOn = addDays(house.today(), 40)
  const providerId = await house.active({}, expiresOn)
  await Promise.all([1, 2, 3].map(() => runReminders(addDays(expiresOn, -30)).catch(() => null)))
  const rows = await house.rows("select from provider_notification where provider_id = $1 and kind = 'document-expiring'", providerId)
  t.equal(rows.length, 3)
  const outbox = await house.rows("select from host_outbox where subject_id = $1 and kind = 'document-expiring'", providerId)
  t.equal(outbox.length, 3)
})

t.test('notices of administrators: who may see them, and each reads for themself', async (t) => {
  const providerId = await house.begin()
  await house.upload(providerId, 'medical_license')
  const [notice] = await adminNotices()
  t.match(notice, { kind: 'document-awaiting-review', providerId, readAt: null, title: 'A provider document awaits review' })
  const read = await house.post('document-verifier', `/admin/notifications/${notice!.id}/read`, {})
  t.same([read.status, read.body.readAt], [200, new Date(house.now()).toISOString()], read.text)
  await house.pass(day / 24)
  t.equal(
    (await house.post('document-verifier', `/admin/notifications/${notice!.id}/read`, {})).body.readAt,
    read.body.readAt,
    'twice is as once',
  )
  t.equal((await adminNotices())[0]!.readAt, read.body.readAt)
  t.equal((await adminNotices('provider-admin'))[0]!.readAt, null)
  for (const as of ['provider-read-only', 'provider-self', 'patient-ana', 'clinician'])
    t.match(problemOf(await house.get(as, '/admin/notifications')), { status: 403 }, as)
  const elsewhere = host.token('provider-admin', { claims: { agency_id: lakeside.id } })
  t.same((await house.call('GET', '/admin/notifications', { token: elsewhere })).body.items, [])
  t.equal((await house.call('POST', `/admin/notifications/${notice!.id}/read`, { token: elsewhere, body: {} })).status, 404)
  t.equal((await house.call('GET', `/admin/providers/${providerId}/notifications`, { token: elsewhere })).status, 404)
})

t.test('Screen 4: a mail about what was set for a day says which day, and why', async (t) => {
  const providerId = await house.active()
  const address = await addressOf(providerId)
  const [reason, effectiveDate] = ['The provider asked for closure in writing.', addDays(house.today(), 1)]
  await house.change(providerId, 'deactivation', { reason, effectiveDate, confirm: true })
  await house.delivered()
  const closed = async () => (await received(address)).filter(({ subject }) => subject === 'Your account has been deactivated')
  t.same(await closed(), [], 'not before it is')
  await house.pass(day)
  await jobs.run('provider-scheduled-transitions', effectiveDate, riverside.id)
  await house.delivered()
  const [mail, ...more] = await closed()
  t.same(more, [])
  for (const part of [`deactivated as of ${effectiveDate}.`, `Reason: ${reason}`, 'Contact support for assistance: help@riverside.example'])
    t.ok(oneLine(mail!.text).includes(part), part)
})
