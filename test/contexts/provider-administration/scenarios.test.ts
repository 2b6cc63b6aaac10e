import PostalMime from 'postal-mime'
import { SMTPServer } from 'smtp-server'
import t from 'tap'
import { personaNamed, riverside } from '../../../config/personas.ts'
import { documentTypes } from '../../../domain/provider-administration/index.ts'
import { addDays } from '../../../domain/shared/calendar-day.ts'
import { appointmentOf, importResources } from '../../fixtures/appointments.ts'
import { pdfFile } from '../../fixtures/files.ts'
import { completeProfile, fifteenPercent } from '../../fixtures/providers.ts'
import { problemOf } from '../portal.ts'
import { day, openHouse } from './house.ts'

/** The scenarios of FR-015 that go through several parts at once, their mails through a server that can be away. */

const admin = 'provider-admin'
interface Received {
  /** The address of the header; where there are several, none is named. */
  readonly to: string
  /** To whom it is really handed. */
  readonly recipients: readonly string[]
  readonly subject: string
  readonly text: string
}
const received: Received[] = []
let away = false
const server = new SMTPServer({
  authOptional: true,
  disabledCommands: ['STARTTLS'],
  // Over connections that were kept as well.
  onMailFrom: (_address, _session, done) => done(away ? Object.assign(new Error('closed for today'), { responseCode: 421 }) : undefined),
  onData(stream, { envelope }, done) {
    const parts: Buffer[] = []
    stream.on('data', (bytes: Buffer) => parts.push(bytes))
    stream.on('end', () => {
      void PostalMime.parse(Buffer.concat(parts)).then(({ to = [], subject = '', text = '' }) => {
        const recipients = envelope.rcptTo.map(({ address }) => address)
        received.push({ to: to.map(({ address }) => address).join(), recipients, subject, text: text.replaceAll(/\s+/g, ' ') })
        done()
      }, done)
    })
  },
})
server.on('error', () => {})
await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve))
t.teardown(() => new Promise<void>((resolve) => void server.close(() => resolve())))

const { port } = server.server.address() as { port: number }
const house = await openHouse(t, { SMTP_URL: `smtp://127.0.0.1:${port}` })
const { host } = house
const desk = ['desk@riverside.example', 'second@riverside.example']
await house.mailTo(desk, 'help@riverside.example')
const read = async (id: string) => (await house.get(admin, `/admin/providers/${id}`)).body
const signIn = (id: string) => host.call('POST', '/dev/token', { body: { persona: `account:${id}` }, key: null })
const tokenOf = async (id: string): Promise<string> => (await signIn(id)).json<{ access_token: string }>().access_token
const mailsTo = async (id: string) => {
  const { email } = await read(id)
  return received.filter(({ to }) => to === email)
}
/** Bookings of the next days, one a day. */
const book = (providerId: string, count: number) => {
  const patientId = personaNamed('patient-ana')!.patientId!
  const start = (n: number) => new Date(house.now() + (n + 1) * day).toISOString()
  const ids = Array.from({ length: count }, (_, n) => `${providerId.slice(-8)}-${n}`)
  return importResources(host, ids.map((id, n) => appointmentOf({ id, patientId, providerId, start: start(n) }))).then(() => ids) // prettier-ignore
}
const bookingEvents = async (providerId: string) => {
  const { items } = (await house.get('service-procedures', '/admin/booking-events?limit=100')).body
  return items.filter((event: { providerId: string }) => event.providerId === providerId)
}

t.test('US1.1, US1.2: from an empty form to a provider who has signed in by the link of the mail', async (t) => {
  const body = { ...completeProfile, firstName: 'Ines', email: 'ines@provider.example', commission: fifteenPercent }
  const made = await house.post(admin, '/admin/providers', body)
  t.match(made, { status: 201, body: { status: 'draft', missing: [], documentsStatus: 'incomplete' } }, made.text)
  const { id } = made.body
  const verifiedDocuments: string[] = []
  for (const type of documentTypes) verifiedDocuments.push((await house.upload(id, type)).body.id)
  await house.delivered()
  t.equal((await signIn(id)).statusCode, 403, 'the account is there, and closed')

  const done = await house.change(id, 'activation', { confirm: true, verifiedDocuments })
  const said = { displayName: 'Dr. Ines Silva', status: 'active', documentsStatus: 'complete', notification: { state: 'queued' } }
  t.match(done.body, said, 'all that a portal needs to say that it is done')
  await house.delivered()
  const mails = await mailsTo(id)
  const subjects = mails.map(({ subject }) => subject)
  t.equal(subjects.filter((subject) => subject === 'Your account is active').length, 1)
  t.equal(subjects.filter((subject) => /^Your .* has been approved$/.test(subject)).length, 3)
  t.notOk(mails.some(({ text }) => /password\s*[:=]/i.test(text)))

  t.equal((await read(id)).identity, 'enabled', 'and the account is open')
  const { text } = mails.find(({ subject }) => subject === 'Your provider account has been created')!
  const link = /http:\/\/127\.0\.0\.1:\d+\/account-links\/[\w-]{43}/.exec(text)![0]
  t.same([(await fetch(link)).status, (await fetch(link)).status], [200, 410], 'once')
  const own = await house.call('GET', '/provider/profile', { token: await tokenOf(id) })
  t.match(own, { status: 200, body: { id, displayName: 'Dr. Ines Silva', status: 'active', commission: { currentRate: 15 } } }, own.text)
  t.same(
    own.body.documents
      .map(({ type, verificationStatus }: Record<'type' | 'verificationStatus', string>) => `${type} ${verificationStatus}`)
      .sort(),
    documentTypes.map((type) => `${type} approved`).sort(),
  )
})

t.test('US3.2, US3.3: who is suspended signs in and reads why; the bookings stand, and are named to the booking system', async (t) => {
  const id = await house.active()
  const ids = await book(id, 5)
  const listed = async () => (await house.get('agency-admin', `/appointments?providerId=${id}`)).body.items
  const before = [await listed(), await house.rows('select * from appointments_appointment order by id')]
  t.equal(before[0].length, 5)
  const reason = 'Multiple patient complaints regarding unprofessional conduct. Under investigation.'
  await house.change(id, 'suspension', { reason, confirm: true })
  await house.delivered()
  const own = await house.call('GET', '/provider/profile', { token: await tokenOf(id) })
  t.match(
    own,
    { status: 200, body: { accountNotice: { status: 'suspended', reason, supportContact: 'help@riverside.example' } } },
    own.text,
  )
  t.same([await listed(), await house.rows('select * from appointments_appointment order by id')], before)
  const upcomingBookings = { known: true, count: 5, ids }
  t.match(await bookingEvents(id), [{ kind: 'provider-suspended', upcomingBookings }])
  t.same((await house.get(admin, `/admin/providers/${id}/deactivation-preview`)).body, { upcomingBookings }, 'administrators see them too')
})

t.test('US5.1: thirty days before a licence expires the desk is mailed who, what and when, once', async (t) => {
  const expiresOn = addDays(house.today(), 30)
  await house.active({ firstName: 'Rita' }, expiresOn)
  const wanted = `Reminder: Provider Dr. Rita Silva's Medical License expires in 30 days on ${expiresOn}.`
  for (const days of [-1, 0, 0, 1]) await house.jobs.run('document-reminders', addDays(house.today(), days), riverside.id)
  await house.delivered()
  const mails = received.filter(({ text }) => text.startsWith(wanted))
  t.same(mails.map(({ recipients }) => recipients.toSorted()), [desk]) // prettier-ignore
  t.notOk(mails[0]?.to.includes('@'), 'neither is told of the other')
})

t.test('US5.3: asked to renew a licence, the provider sends it; the warning clears when it is approved', async (t) => {
  const id = await house.active({}, addDays(house.today(), 30))
  const token = house.own(id)
  const licences = async () => {
    const { items } = (await house.get(admin, `/admin/providers/${id}/documents`)).body
    return items.filter(({ type }: { type: string }) => type === 'medical_license')
  }
  const asked = await house.post(admin, `/admin/providers/${id}/notifications`, {
    template: 'document-renewal',
    documentType: 'medical_license',
  })
  t.equal(asked.status, 201, asked.text)
  await house.delivered()
  t.ok((await mailsTo(id)).some(({ subject }) => subject === 'Please renew your Medical License'))
  const fields = { type: 'medical_license', expirationDate: addDays(house.today(), 400) }
  const sent = await house.send('POST', '/provider/documents', fields, { content: pdfFile({ text: 'renewed' }) }, { token })
  t.match(sent, { status: 201, body: { verificationStatus: 'pending' } }, sent.text)
  t.match(await licences(), [{ id: sent.body.id }, { verificationStatus: 'approved', warning: 'soon', daysUntilExpiry: 30 }])
  const [notice] = (await house.get('document-verifier', '/admin/notifications')).body.items
  t.match(notice, { kind: 'document-awaiting-review', providerId: id, documentId: sent.body.id })
  const [renewed] = await licences()
  t.equal((await house.decide('approval', renewed, renewed.etag)).status, 200)
  t.match(await licences(), [{ verificationStatus: 'approved', warning: 'ok' }, { verificationStatus: 'superseded' }])
  const standing = (await house.call('GET', '/provider/profile', { token })).body.documents
  t.same(standing.filter(({ type }: { type: string }) => type === 'medical_license').map(({ warning }: { warning: string }) => warning), ['ok']) // prettier-ignore
})

t.test('EC-3: an activation stands while its mail does not get through; it is tried thrice, told of, and sent by hand', async (t) => {
  const id = await house.begin()
  for (const type of documentTypes) await house.proved(id, type)
  await house.delivered()
  away = true
  t.match((await house.activate(id)).body, { status: 'active', notification: { state: 'queued', attempts: 0 } })
  const mail = async () => (await house.get('provider-read-only', `/admin/providers/${id}/notifications`)).body.items[0]
  for (const [attempts, minutes] of [[1, 5], [2, 20]] as const) {
    await house.jobs.deliverWaiting()
    t.match(await mail(), { kind: 'activated', state: 'queued', attempts, lastFailure: 'deferred' }, 'an administrator sees that it is not there yet')
    await house.pass(minutes * 60_000)
  } // prettier-ignore
  await house.jobs.deliverWaiting()
  t.match(await mail(), { kind: 'activated', state: 'failed', attempts: 3 }, 'within the hour')
  t.equal((await read(id)).status, 'active')
  const { items } = (await house.get('provider-admin-2', '/admin/notifications')).body
  t.match(items[0], { kind: 'mail-failed', providerId: id, readAt: null })
  away = false
  t.match((await house.post(admin, `/admin/providers/${id}/notifications`, { resend: (await mail()).id })).body, {
    state: 'queued',
    attempts: 0,
  })
  await house.delivered()
  t.equal((await mail()).state, 'sent')
  t.equal((await mailsTo(id)).filter(({ subject }) => subject === 'Your account is active').length, 1)
})

t.test(
  'EC-8: a provider who wants to leave asks; an administrator closes the account for that reason, and the provider is told',
  async (t) => {
    const id = await house.active()
    const [booked] = await book(id, 1)
    await house.delivered()
    const token = await tokenOf(id)
    const reason = `Provider requested account closure on ${house.today()}`
    const alone = [
      await house.call('POST', `/admin/providers/${id}/deactivation`, {
        token,
        body: { reason, confirm: true },
        headers: { 'if-match': '"1"' },
      }),
      await house.call('DELETE', '/provider/profile', { token }),
      await house.call('POST', '/provider/deactivation', { token, body: { reason, confirm: true } }),
    ]
    t.same(alone.map(({ status }) => status), [403, 405, 404], 'not by themself') // prettier-ignore
    const upcomingBookings = { known: true, count: 1, ids: [booked] }
    const done = await house.change(id, 'deactivation', { reason, confirm: true })
    t.match(done.body, { status: 'deactivated', upcomingBookings, notification: { state: 'queued' } })
    t.match(problemOf(await house.call('GET', '/provider/profile', { token })), { status: 403, code: 'FORBIDDEN' }, 'at once')
    await house.delivered()
    t.equal((await signIn(id)).statusCode, 403)
    t.match(await read(id), { status: 'deactivated', identity: 'disabled' })
    const mail = (await mailsTo(id)).find(({ subject }) => subject === 'Your account has been deactivated')
    t.ok(mail?.text.includes(`Reason: ${reason}`))
    t.match(await bookingEvents(id), [{ kind: 'provider-deactivated', upcomingBookings }])
    const [change] = (await house.get(admin, `/admin/providers/${id}/status-history`)).body.items
    t.match(change, { newStatus: 'deactivated', reason, changedBy: personaNamed(admin)!.sub })
  },
)
