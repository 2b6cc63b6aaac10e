import t from 'tap'
import { personaNamed, riverside } from '../../../config/personas.ts'
import { documentTypes, transitions } from '../../../domain/provider-administration/index.ts'
import { addDays } from '../../../domain/shared/calendar-day.ts'
import { newId } from '../../../domain/shared/ids.ts'
import { appointmentOf, importResources } from '../../fixtures/appointments.ts'
import { completeProfile, plantDocuments } from '../../fixtures/providers.ts'
import { type Answer, problemOf } from '../portal.ts'
import { day, openHouse } from './house.ts'

const house = await openHouse(t)
const { host } = house
const admin = 'provider-admin'
const reason = 'Multiple patient complaints regarding unprofessional conduct. Under investigation.'
const conflict = { status: 409, code: 'CONFLICT' }
const query = (sql: string, values: readonly unknown[]) => house.rows(sql, ...values)

const read = async (id: string): Promise<Answer> => house.get(admin, `/admin/providers/${id}`)
/** A change with the ETag as it is now, unless another one is sent. */
const change = async (id: string, what: string, body: object, { as = admin, etag }: { as?: string; etag?: string | null } = {}) => {
  const tag = etag === undefined ? ((await read(id)).headers.etag as string) : etag
  const method = what === 'featured' ? 'PUT' : what === 'scheduled-transition' ? 'DELETE' : 'POST'
  return house.call(method, `/admin/providers/${id}/${what}`, {
    as, headers: tag === null ? {} : { 'if-match': tag }, ...(method === 'DELETE' ? {} : { body }),
  }) // prettier-ignore
}
const proven = (providerId: string, more: object = {}) =>
  plantDocuments(query, { agencyId: riverside.id, providerId, status: 'approved', ...more })
const active = async (more: object = {}): Promise<string> => {
  const id = await house.begin(more)
  await proven(id)
  const done = await change(id, 'activation', { confirm: true })
  if (done.status !== 200) throw new Error(done.text)
  return id
}
const history = async (id: string) => (await house.get(admin, `/admin/providers/${id}/status-history`)).body.items
const featured = () => house.rows('select id from provider_featured')

t.test('US1.1: "Save and Activate" approves what was looked at, activates and tells the provider', async (t) => {
  const id = await house.begin()
  const documents = await plantDocuments(query, { agencyId: riverside.id, providerId: id })
  const done = await change(id, 'activation', { confirm: true, verifiedDocuments: documents })
  t.match(done, { status: 200, body: { id, status: 'active', documentsStatus: 'complete', notification: { state: 'queued', attempts: 0 } } }, done.text)
  t.match(done.body.activatedAt, /Z$/)
  const approved = await house.rows('select distinct verification_status as s, verified_by from provider_document where provider_id = $1', id)
  t.same(approved, [{ s: 'approved', verified_by: personaNamed(admin)!.sub }])
  t.match(await history(id), [{ previousStatus: 'draft', newStatus: 'active', changedBy: personaNamed(admin)!.sub, reason: null }])
  await house.delivered()
  const mails = (await house.mails()).map(({ subject }) => subject)
  t.equal(mails.filter((subject) => subject === 'Your account is active').length, 1)
  t.equal(mails.filter((subject) => /has been approved/.test(subject)).length, 3)
}) // prettier-ignore

t.test('B2: activation is refused with every reason at once, and does nothing then', async (t) => {
  const made = await house.post(admin, '/admin/providers', { lastName: 'Partial' })
  const { id } = made.body
  t.match(made.body.missing, ['firstName', 'medicalLicenseNumber'])
  await proven(id, { types: ['board_certification'] })
  await plantDocuments(query, { agencyId: riverside.id, providerId: id, types: ['medical_license'] })
  await plantDocuments(query, { agencyId: riverside.id, providerId: id, types: ['malpractice_insurance'], status: 'rejected' })
  const refused = await change(id, 'activation', { confirm: true })
  t.match(problemOf(refused), conflict)
  t.same(refused.body.blockers, [
    { documentType: 'medical_license', cause: 'pending' },
    { documentType: 'malpractice_insurance', cause: 'rejected' },
  ])
  t.same(refused.body.missing, made.body.missing)
  const bare = await house.begin()
  const missing = await change(bare, 'activation', { confirm: true })
  t.same(missing.body.blockers, documentTypes.map((documentType) => ({ documentType, cause: 'missing' }))) // prettier-ignore
  t.equal((await read(bare)).body.status, 'draft')
})

t.test('EC-6: an expired document blocks activation and names its day', async (t) => {
  const id = await house.begin()
  const expiresOn = addDays(house.today(), 3)
  await proven(id, { types: ['medical_license', 'board_certification'], expiresOn })
  const [pending] = await plantDocuments(query, { agencyId: riverside.id, providerId: id, types: ['malpractice_insurance'], expiresOn })
  await house.pass(4 * day)
  const refused = await change(id, 'activation', { confirm: true, verifiedDocuments: [pending] })
  const blockers = documentTypes.map((documentType) => ({ documentType, cause: 'expired', expiredOn: expiresOn }))
  t.match(problemOf(refused), { ...conflict, blockers }, refused.text)
  t.same(await house.rows("select id from provider_document where id = $1 and verification_status = 'pending'", pending), [{ id: pending }], 'nothing was approved')
  t.same((await change(id, 'activation', { confirm: true })).body.blockers, blockers, 'the same where it is not named: it can be approved no more')
  const whole = await house.begin()
  await proven(whole)
  const [late] = await plantDocuments(query, { agencyId: riverside.id, providerId: whole, types: ['medical_license'], expiresOn: house.today() })
  const named = await change(whole, 'activation', { confirm: true, verifiedDocuments: [late] })
  t.match(problemOf(named), { ...conflict, blockers: [{ documentType: 'medical_license', cause: 'expired' }] }, 'what was to be approved is, or nothing happens')
  t.equal((await change(whole, 'activation', { confirm: true })).status, 200, 'the approved one counts')
  const values = [riverside.id, id, newId()]
  const force = `with c as (insert into provider_status_change select agency_id, $3::uuid, id, 'draft', 'active', now(), 'x', null, false, id from provider_profile
    where agency_id = $1 and id = $2 returning id) update provider_profile set status = 'active', status_change_id = $3 where agency_id = $1 and id = $2`
  await t.rejects(house.rows(force, ...values), { code: 'PT409' }, 'and the database refuses it besides')
}) // prettier-ignore

t.test('activation takes a confirmation, the scope to verify, and documents of the provider that await review', async (t) => {
  const id = await house.begin()
  const documents = await plantDocuments(query, { agencyId: riverside.id, providerId: id })
  t.match(problemOf(await change(id, 'activation', {})), { status: 400, errors: [{ pointer: '/confirm' }] })
  t.match(problemOf(await change(id, 'activation', { confirm: false })), { status: 400 })
  const writer = host.token(admin, { claims: { scope: 'providers:read providers:write' } })
  const headers = { 'if-match': (await read(id)).headers.etag as string }
  const body = { confirm: true, verifiedDocuments: documents }
  const path = `/admin/providers/${id}/activation`
  t.match(problemOf(await house.call('POST', path, { token: writer, headers, body })), { status: 403, code: 'FORBIDDEN' })
  t.match(problemOf(await change(id, 'activation', { confirm: true, verifiedDocuments: [newId()] })), { status: 404 })
  const [foreign] = await plantDocuments(query, { agencyId: riverside.id, providerId: await house.begin(), types: ['medical_license'] })
  t.match(
    problemOf(await change(id, 'activation', { confirm: true, verifiedDocuments: [foreign] })),
    { status: 404 },
    'of another provider',
  )
  await house.rows(
    "update provider_document set verification_status = 'approved', verified_at = now(), verified_by = 'x', verified_audit_id = id where id = $1",
    documents[0],
  )
  t.match(problemOf(await change(id, 'activation', body)), conflict, 'one that was decided already')
  await house.rows(
    "update provider_document set verification_status = 'rejected', rejection_reason = 'It cannot be read.' where id = $1",
    documents[0],
  )
  t.match(problemOf(await change(id, 'activation', body)), conflict, 'a rejected one is approved for itself, not in passing')
  await house.rows("update provider_document set verification_status = 'approved' where id = $1", documents.shift())
  t.equal((await change(id, 'activation', body)).status, 200)
  t.match(problemOf(await change(id, 'activation', body)), conflict, 'once')
})

t.test('US1.3, A3, Rule 7: featured is for active providers, shows among the public, and ends with activity', async (t) => {
  const draft = await house.begin()
  t.match(problemOf(await change(draft, 'featured', { featured: true })), conflict)
  const id = await active()
  const { activatedAt } = (await read(id)).body
  for (const [etag, status] of [['"1"', 412], [null, 428]] as const) t.equal((await change(id, 'featured', { featured: true }, { etag })).status, status)
  await house.pass(1_000)
  const on = await change(id, 'featured', { featured: true })
  t.match(on, { status: 200, body: { featured: true } })
  t.same(await featured(), [{ id }])
  t.equal((await change(id, 'suspension', { reason, confirm: true })).status, 200)
  t.same(await featured(), [])
  t.equal((await change(id, 'reactivation', { confirm: true })).status, 200)
  t.match((await read(id)).body, { status: 'active', featured: false, activatedAt }, 'not featured again by itself; the day of the first activation stays')
  await t.rejects(house.rows("update provider_profile set featured = true where status = 'draft'"), { code: '23514', constraint: 'provider_profile_featured_is_active' })
}) // prettier-ignore

t.test('US3.1: suspension with its reason', async (t) => {
  const id = await active({ firstName: 'Paula' })
  await change(id, 'featured', { featured: true })
  const shown = async () => (await house.get(null, '/public/providers/featured?q=paula')).body.items.length
  t.equal(await shown(), 1)
  const done = await change(id, 'suspension', { reason, confirm: true })
  t.equal(await shown(), 0, 'patients find the provider no more')
  t.match(done, { status: 200, body: { status: 'suspended', featured: false, notification: { state: 'queued' } } })
  t.match(await history(id), [{ previousStatus: 'active', newStatus: 'suspended', reason }, { newStatus: 'active' }])
  await house.delivered()
  const mail = (await house.mails()).find(
    ({ subject, text }) => subject === 'Your account has been suspended' && text.includes('complaints'),
  )
  t.ok(mail, 'the mail says why')
  const quiet = await change(id, 'reactivation', { confirm: true, notify: false })
  t.match(quiet.body, { status: 'active', notification: null })
})

t.test('Screen 4: a suspended provider still reads, and changes nothing; a deactivated one is refused at once', async (t) => {
  const id = await active()
  const token = house.own(id)
  const own = (path: string) => house.call('GET', path, { token })
  const mark = () => house.call('POST', `/provider/notifications/${newId()}/read`, { token, body: {} })
  t.equal((await own('/provider/profile')).status, 200)
  t.equal((await mark()).status, 404)
  await change(id, 'suspension', { reason, confirm: true })
  t.match(await own('/provider/profile'), { status: 200, body: { status: 'suspended' } })
  t.match(problemOf(await house.call('POST', '/provider/email-confirmation', { token, body: { code: 'x'.repeat(24) } })), { status: 403 })
  await change(id, 'deactivation', { reason, confirm: true })
  for (const answer of [await own('/provider/profile'), await own('/provider/documents'), await own('/me'), await mark()])
    t.match(problemOf(answer), { status: 403, code: 'FORBIDDEN' })
})

t.test('Screen 4: a reason of 20 to 500 characters, a confirmation, a day to come', async (t) => {
  const id = await active()
  for (const body of [
    { confirm: true }, { reason: 'too short', confirm: true }, { reason: 'x'.repeat(501), confirm: true }, { reason: ' '.repeat(30), confirm: true },
    { reason: `x${' '.repeat(30)}`, confirm: true }, { reason: '\u200b'.repeat(30), confirm: true }, { reason: `n${'\n'.repeat(30)}o`, confirm: true },
    { reason }, { reason, confirm: 'yes' }, { reason, confirm: true, notify: 'no' }, { reason, confirm: true, effectiveDate: addDays(house.today(), -1) },
    { reason, confirm: true, effectiveDate: '2026-02-30' }, { reason, confirm: true, by: 'me' },
  ]) {
    for (const what of ['suspension', 'deactivation']) t.match(problemOf(await change(id, what, body)), { status: 400, code: 'VALIDATION_FAILED' }, JSON.stringify(body))
  }
  t.match(problemOf(await change(id, 'suspension', { reason, confirm: true }, { etag: null })), { status: 428 })
  t.match(problemOf(await change(id, 'suspension', { reason, confirm: true }, { etag: '"1"' })), { status: 412, reason: 'stale' })
  for (const as of ['provider-read-only', 'document-verifier', 'agency-admin', 'provider-self'])
    t.match(problemOf(await change(id, 'suspension', { reason, confirm: true }, { as })), { status: 403 }, as)
  t.equal((await change(id, 'suspension', { reason, confirm: true, effectiveDate: house.today() })).body.status, 'suspended', 'today is now')
}) // prettier-ignore

t.test('FR-003: what the table does not list is refused, by the service and by the database', async (t) => {
  const bodies: Record<string, object> = { activation: { confirm: true }, suspension: { reason, confirm: true }, deactivation: { reason, confirm: true }, reactivation: { confirm: true } }
  const ids: Record<string, string> = { draft: await house.begin(), active: await active(), suspended: await active(), deactivated: await active() }
  await proven(ids['draft']!)
  await change(ids['suspended']!, 'suspension', bodies['suspension']!)
  await change(ids['deactivated']!, 'deactivation', bodies['deactivation']!)
  for (const [status, id] of Object.entries(ids)) {
    for (const name of Object.keys(bodies)) {
      if (transitions.some((rule) => rule.from === status && rule.name === name)) continue
      t.match(problemOf(await change(id, name, bodies[name]!)), conflict, `${name} of ${status}`)
    }
    for (const to of ['draft', 'active', 'suspended', 'deactivated']) {
      if (to === status || transitions.some((rule) => rule.from === status && rule.to === to)) continue
      const sql = `update provider_profile set status = '${to}', status_change_id = gen_random_uuid() where id = $1`
      await t.rejects(house.rows(sql, id), { code: 'PT409' }, `${status} to ${to}`)
    }
  }
  const listed = transitions.map(({ from, to }) => `${from}>${to}`)
  const [check] = await house.rows("select pg_get_constraintdef(oid) as def from pg_constraint where conname = 'provider_status_change_transition'")
  t.same([...check.def.matchAll(/'(\w*>\w+)'/g)].map(([, pair]: string[]) => pair).sort(), ['>draft', ...listed].sort(), 'one table in both')
  await t.rejects(house.rows("update provider_profile set status = 'suspended' where id = $1", ids['active']!), { code: 'PT409' }, 'none without its history')
}) // prettier-ignore

t.test('Rule 4: a deactivated provider stays as it is, and frees its address', async (t) => {
  const email = 'freed@clinic.example'
  const id = await active({ email })
  t.match(problemOf(await house.post(admin, '/admin/providers', { email })), { ...conflict, reason: 'duplicate' })
  const next = { email: 'next@clinic.example' }
  const asked = await house.call('PATCH', `/admin/providers/${id}`, { as: admin, body: next, headers: { 'if-match': (await read(id)).headers.etag as string } })
  t.match(asked.body, { pendingEmail: next.email })
  await change(id, 'deactivation', { reason, confirm: true })
  const { headers, body } = await read(id)
  t.match(body, { status: 'deactivated', allowedActions: ['view'], deactivatedAt: /Z$/, pendingEmail: null })
  const etag = headers.etag as string
  const attempts = [
    await house.call('PATCH', `/admin/providers/${id}`, { as: admin, body: { firstName: 'Other' }, headers: { 'if-match': etag } }),
    await house.call('PUT', `/admin/providers/${id}/commission`, { as: admin, body: { type: 'percentage', percentage: 10 }, headers: { 'if-match': etag } }),
    await change(id, 'featured', { featured: false }), await change(id, 'reactivation', { confirm: true }),
    await house.upload(id, 'medical_license'),
  ]
  for (const answer of attempts) t.match(problemOf(answer), conflict)
  await t.rejects(house.rows("update provider_profile set clinic_name = 'Other' where id = $1", id), { code: 'PT409' })
  for (const free of [{ email }, next]) t.equal((await house.post(admin, '/admin/providers', free)).status, 201, 'a new account may take the address')
}) // prettier-ignore

t.test('scheduled: shown, replaced, withdrawn, and overtaken by a direct one', async (t) => {
  const id = await active()
  const on = (days: number) => addDays(house.today(), days)
  const planned = await change(id, 'suspension', { reason, confirm: true, effectiveDate: on(10), notify: false })
  t.match(planned.body, { status: 'active', notification: null, scheduledTransition: { transition: 'suspension', effectiveDate: on(10), reason, notify: false, scheduledBy: personaNamed(admin)!.sub } })
  t.match((await change(id, 'deactivation', { reason, confirm: true, effectiveDate: on(20) })).body, { status: 'active', scheduledTransition: { transition: 'deactivation' }, upcomingBookings: { known: false } })
  t.equal((await change(id, 'scheduled-transition', {}, { etag: '"1"' })).status, 412)
  t.equal((await change(id, 'scheduled-transition', {})).status, 204)
  t.match(problemOf(await change(id, 'scheduled-transition', {})), { status: 404 })
  t.equal((await read(id)).body.scheduledTransition, null)
  await change(id, 'suspension', { reason, confirm: true, effectiveDate: on(10) })
  t.match((await change(id, 'suspension', { reason, confirm: true })).body, { status: 'suspended', scheduledTransition: null })
  const states = await house.rows('select state from provider_scheduled_transition where provider_id = $1 order by id', id)
  t.same(states.map(({ state }) => state), ['replaced', 'withdrawn', 'replaced'])
  t.match(problemOf(await change(await house.begin(), 'suspension', { reason, confirm: true, effectiveDate: on(1) })), conflict, 'a plan is held against the table too')
}) // prettier-ignore

t.test('Scheduled Suspension: the daily job does it on the day, once, in the name of its planner', async (t) => {
  const [one, two, blocked] = [await active(), await active(), await active()]
  const date = addDays(house.today(), 2)
  for (const id of [one, two]) await change(id, 'suspension', { reason, confirm: true, effectiveDate: date }, { as: 'provider-admin-2' })
  await change(blocked, 'suspension', { reason, confirm: true })
  await change(blocked, 'reactivation', { confirm: true, effectiveDate: date })
  await house.rows("update provider_document set verification_status = 'superseded', superseded_at = now() where provider_id = $1", blocked)
  const run = (at: string) => house.jobs.run('provider-scheduled-transitions', at, riverside.id)
  t.match(await run(house.today()), [{ ran: { count: 0 } }], 'not before its day')
  await house.pass(2 * day)
  t.match(await run(date), [{ ran: { count: 3 } }])
  t.match(await run(date), [{ ran: { count: 0 } }], 'nor twice')
  for (const id of [one, two]) {
    t.match((await read(id)).body, { status: 'suspended', scheduledTransition: null })
    t.match(await history(id), [{ newStatus: 'suspended', changedBy: personaNamed('provider-admin-2')!.sub, reason }, {}])
  }
  t.match((await read(blocked)).body, { status: 'suspended', scheduledTransition: null }, 'what the documents do not allow any more is not done')
  const { items: told } = (await house.get('document-verifier', '/admin/notifications?limit=100')).body
  t.match(told.filter(({ kind }: { kind: string }) => kind === 'plan-refused'), [{ providerId: blocked, message: `The reactivation of Dr. ${completeProfile.firstName} ${completeProfile.lastName} that was planned for ${date} was not carried out: the provider's status or documents do not allow it any more. Nothing was changed; please look at the account.` }], 'and administrators are told')
  const audited = await house.rows("select user_id, role, outcome from audit_event where action = 'job.provider-scheduled-transitions' and entity_id = $1", one)
  t.same(audited, [{ user_id: personaNamed('provider-admin-2')!.sub, role: 'provider_manager', outcome: 'success' }])
}) // prettier-ignore

t.test('EC-5: deactivation with upcoming bookings shows them, cancels none, and hands them to the booking system', async (t) => {
  const id = await active()
  const start = (n: number) => new Date(house.now() + (n + 1) * day).toISOString()
  const patientId = personaNamed('patient-ana')!.patientId!
  const bookings = Array.from({ length: 10 }, (_, n) => appointmentOf({ id: `booked-${n}`, patientId, providerId: id, start: start(n) }))
  await importResources(host, bookings)
  const upcoming = { known: true, count: 10, ids: bookings.map((_, n) => `booked-${n}`) }
  t.same((await house.get(admin, `/admin/providers/${id}/deactivation-preview`)).body, { upcomingBookings: upcoming })
  const before = await house.rows('select * from appointments_appointment order by id')
  const done = await change(id, 'deactivation', { reason, confirm: true })
  t.match(done.body, { status: 'deactivated', upcomingBookings: upcoming })
  t.same(await house.rows('select * from appointments_appointment order by id'), before)
  const consumer = host.token('service-procedures')
  const events = async (query = '') => (await house.call('GET', `/admin/booking-events${query}`, { token: consumer })).body
  const all = await events('?limit=100')
  t.match(all.items.at(-1), { kind: 'provider-deactivated', providerId: id, upcomingBookings: upcoming })
  const first = await events('?limit=1')
  t.same((await events(`?limit=100&cursor=${first.nextCursor}`)).items, all.items.slice(1), 'in order, from a cursor on')
  t.same(await events(`?cursor=${all.items.at(-1).cursor}`), { items: [], nextCursor: null })
  t.match(problemOf(await house.get(admin, '/admin/booking-events')), { status: 403 })
}) // prettier-ignore

t.test('Screen 3, FR-005, FR-009: activity has everything that was done and by whom, status history every status; both in pages', async (t) => {
  const id = await house.begin()
  const done = ['createProvider']
  const documents: { id: string; etag: string }[] = []
  for (const type of documentTypes) {
    const { body, headers } = await house.upload(id, type)
    documents.push({ id: body.id, etag: headers.etag as string })
    done.push('uploadProviderDocument')
  }
  const [first] = documents
  await house.decide('rejection', { id: first!.id, providerId: id }, first!.etag, { reason: 'It cannot be read.' })
  await house.decide('approval', { id: first!.id, providerId: id }, '"2"')
  const edited = await house.call('PATCH', `/admin/providers/${id}`, { as: admin, body: { firstName: 'Noor' }, headers: { 'if-match': (await read(id)).headers.etag as string } })
  await house.call('PUT', `/admin/providers/${id}/commission`, { as: admin, body: { type: 'percentage', percentage: 9 }, headers: { 'if-match': edited.headers.etag as string } })
  await change(id, 'activation', { confirm: true, verifiedDocuments: documents.slice(1).map((one) => one.id) })
  await change(id, 'featured', { featured: true })
  for (const what of ['suspension', 'reactivation', 'deactivation']) await change(id, what, { reason, confirm: true })
  done.push('rejectProviderDocument', 'approveProviderDocument', 'editProvider', 'setCommission', 'activateProvider', 'setFeatured', 'suspendProvider', 'reactivateProvider', 'deactivateProvider')
  const pages = async <Item>(path: string, limit: number): Promise<Item[]> => {
    const items: Item[] = []
    for (let cursor: string | null = ''; cursor !== null;) {
      const { body } = await house.get(admin, `/admin/providers/${id}/${path}?limit=${limit}${cursor && `&cursor=${cursor}`}`)
      t.ok(body.items.length <= limit)
      items.push(...body.items)
      cursor = body.nextCursor
    }
    return items
  }
  const activity = await pages<{ action: string; actor: unknown; ip: unknown; at: unknown; outcome: string; details: readonly string[] }>('activity', 5)
  t.same(activity.map(({ action }) => action), done.toReversed(), 'and nobody’s looks')
  t.ok(activity.every(({ actor, ip, at, outcome }) => actor && ip && at && outcome === 'success'))
  t.ok(activity.find(({ action }) => action === 'editProvider')!.details.includes('firstName'))
  const statuses = await pages<{ previousStatus: string; newStatus: string }>('status-history', 1)
  t.same(statuses.map((one) => `${one.previousStatus} ${one.newStatus}`), ['active deactivated', 'suspended active', 'active suspended', 'draft active'])
}) // prettier-ignore

t.test('two transitions at once: one of them', async (t) => {
  const id = await active()
  const etag = (await read(id)).headers.etag as string
  const outcomes = await Promise.all(
    ['suspension', 'deactivation', 'suspension', 'deactivation'].map((what) => change(id, what, { reason, confirm: true }, { etag })),
  )
  t.same(outcomes.map(({ status }) => status).sort(), [200, 412, 412, 412])
  t.equal((await history(id)).length, 2)
})

t.test('FR-014: seven years after deactivation an account is marked, and stays', async (t) => {
  const id = await active({ ...completeProfile, email: 'kept@clinic.example' })
  await change(id, 'deactivation', { reason, confirm: true })
  const run = (at: string) => house.jobs.run('provider-retention', at, riverside.id)
  const gone = new Date(house.now())
  const at = (years: number, days: number) => addDays(`${gone.getUTCFullYear() + years}${gone.toISOString().slice(4, 10)}`, days)
  await run(at(7, -1))
  t.equal((await read(id)).body.deletableSince, null)
  await run(at(7, 0))
  t.equal((await read(id)).body.deletableSince, at(7, 0))
  await run(at(7, 5))
  t.equal((await read(id)).body.deletableSince, at(7, 0), 'once')
})
