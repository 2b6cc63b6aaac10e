import t from 'tap'
import { lakeside, personaNamed, riverside } from '../../../config/personas.ts'
import { newId } from '../../../domain/shared/ids.ts'
import { openAccountFile } from '../../../plugins/dev/account-file.ts'
import { completeProfile, fifteenPercent } from '../../fixtures/providers.ts'
import { type Answer, problemOf } from '../portal.ts'
import { openHouse } from './house.ts'

const house = await openHouse(t)
const { host } = house
const admin = 'provider-admin'
const hour = 3_600_000
const secret = 'ZQ9988776655'

let made = 0
/** A manager of their own each time: ten an hour is what one may begin. */
const manager = (more: object = {}): string => host.token(admin, { claims: { sub: newId(), ...more } })
const create = (body: object, token = manager(), key = newId()): Promise<Answer> =>
  house.call('POST', '/admin/providers', { token, body, headers: { 'idempotency-key': key } })
const begun = async (more: object = {}): Promise<Answer> => {
  made += 1
  const answer = await create({ ...completeProfile, email: `p${made}@profile.example`, commission: fifteenPercent, ...more })
  if (answer.status !== 201) throw new Error(answer.text)
  return answer
}
const read = (id: string, as = admin): Promise<Answer> => house.get(as, `/admin/providers/${id}`)
const edit = async (id: string, body: object, etag?: string, as = admin): Promise<Answer> =>
  house.call('PATCH', `/admin/providers/${id}`, { as, body, headers: { 'if-match': etag ?? ((await read(id)).headers.etag as string) } })
const codeIn = (text: string): string => /within 24 hours:\s+(\S{24})/.exec(text.replaceAll(/\s+/g, ' '))![1]!
const events = (action: string) =>
  house.get('compliance-officer', `/audit/events?action=${action}`).then(({ body }) => body.items as Record<string, any>[])

t.test('A1: a draft can be begun with nothing, completed later, and is welcomed once', async (t) => {
  const empty = await create({})
  t.match(empty, { status: 201, headers: { location: `/api/admin/providers/${empty.body.id}` }, body: { status: 'draft', displayName: '', identity: 'pending', commission: null } })
  t.equal(empty.body.missing.length, 15)
  const { id } = empty.body
  const named = await edit(id, { firstName: ' Zoë ', lastName: "O'Neil-Şahin", clinic: { name: 'Hill Clinic', address: { country: 'DE' } } })
  t.match(named, { status: 200, body: { displayName: "Dr. Zoë O'Neil-Şahin", firstName: 'Zoë', clinic: { name: 'Hill Clinic', address: { country: 'DE', city: null } } } }, named.text)
  t.notOk(named.body.missing.includes('firstName'))
  const whole = await edit(id, { ...completeProfile, email: 'Zoe@Hill.Example', secondaryEmail: 'Desk@Hill.Example' })
  t.match(whole.body, { missing: ['commission'], email: 'zoe@hill.example', secondaryEmail: 'desk@hill.example' })
  const welcomes = () => house.rows("select kind from host_outbox where kind = 'welcome' and subject_id = $1", id)
  t.equal((await welcomes()).length, 0)
  const { headers } = await read(id)
  await house.call('PUT', `/admin/providers/${id}/commission`, { as: admin, body: fifteenPercent, headers: { 'if-match': headers.etag as string } })
  t.match((await read(id)).body, { missing: [], status: 'draft' })
  t.equal((await welcomes()).length, 1, 'when it first has every field')
  await edit(id, { operatingHours: undefined, specialty: 'Other' })
  t.equal((await welcomes()).length, 1)
  const taken = await edit(id, { phone: null, specialty: null })
  t.match(taken.body.missing, ['specialty', 'phone'], 'a draft may take back')
}) // prettier-ignore

t.test('Screen 2: every rule of the form', async (t) => {
  const clinic = (more: object) => ({ clinic: { ...completeProfile.clinic, ...more } })
  const address = (more: object) => clinic({ address: { ...completeProfile.clinic.address, ...more } })
  const bad: [object, string, string?][] = [
    [{ firstName: 'x'.repeat(51) }, '/firstName', 'maxLength'], [{ lastName: 'R2D2' }, '/lastName', 'pattern'], [{ firstName: 'A<b>' }, '/firstName', 'pattern'],
    [{ firstName: ' . ' }, '/firstName', 'letters'], [{ firstName: '\u3164.' }, '/firstName', 'letters'], [{ middleInitial: 'AB' }, '/middleInitial'], [{ middleInitial: '1' }, '/middleInitial'],
    [{ medicalLicenseNumber: 'AB-12' }, '/medicalLicenseNumber', 'pattern'], [{ medicalLicenseNumber: 'A'.repeat(51) }, '/medicalLicenseNumber', 'maxLength'],
    [{ specialty: 'Astronaut' }, '/specialty', 'specialty'], [{ yearsOfExperience: 0 }, '/yearsOfExperience'], [{ yearsOfExperience: 61 }, '/yearsOfExperience'],
    [{ yearsOfExperience: 1.5 }, '/yearsOfExperience'], [{ yearsOfExperience: '5' }, '/yearsOfExperience'], [{ email: 'nobody' }, '/email', 'format:email'],
    [{ email: `${'x'.repeat(65)}@profile.example` }, '/email', 'pattern'], [{ secondaryEmail: 'a@b@c' }, '/secondaryEmail'], [{ phone: '2025550142' }, '/phone', 'pattern'], [{ phone: '+0123456789' }, '/phone', 'pattern'],
    [clinic({ name: 'x'.repeat(101) }), '/clinic/name', 'maxLength'], [clinic({ phone: '12' }), '/clinic/phone', 'pattern'],
    [clinic({ operatingHours: 'x'.repeat(201) }), '/clinic/operatingHours', 'maxLength'], [clinic({ name: '\u200b\u2060' }), '/clinic/name', 'not-blank'],
    [address({ country: 'Portugal' }), '/clinic/address/country'], [address({ country: 'XX' }), '/clinic/address/country', 'country'],
    [address({ planet: 'Mars' }), '/clinic/address'], [{ status: 'active' }, ''], [{ password: 'x' }, ''], [{ featured: true }, ''],
  ]
  const { id } = (await begun()).body
  for (const [change, pointer, rule] of bad) {
    const body = { ...completeProfile, email: 'rules@profile.example', ...change }
    const errors = [{ pointer, ...(rule === undefined ? {} : { rule }) }]
    t.match(problemOf(await create(body)), { status: 400, code: 'VALIDATION_FAILED', errors }, JSON.stringify(change))
    t.equal((await edit(id, change)).status, 400, `edited: ${JSON.stringify(change)}`)
  }
  t.equal((await edit(id, { firstName: 'Ли', lastName: 'İsmail ʼAbd al-Karīm', middleInitial: 'Ö' })).status, 200, 'of any script')
  t.equal((await house.rows("select from provider_profile where specialty = 'Astronaut'")).length, 0)
}) // prettier-ignore

t.test('EC-1, FR-013: of fifty who begin with one address at once, one does', async (t) => {
  const { total } = (await house.get(admin, '/admin/providers/stats')).body
  const spellings = ['race@profile.example', 'Race@Profile.Example', 'RACE@PROFILE.EXAMPLE']
  const tokens = Array.from({ length: 50 }, (_, n) => manager(n % 2 === 0 ? {} : { agency_id: lakeside.id }))
  const answers = await Promise.all(tokens.map((token, n) => create({ lastName: 'Race', email: spellings[n % 3]! }, token)))
  t.equal(answers.filter(({ status }) => status === 201).length, 1)
  for (const answer of answers.filter(({ status }) => status !== 201)) {
    t.match(answer, { status: 409, body: { code: 'CONFLICT' } })
    t.notMatch(answer.text, /race|riverside|lakeside/i, 'the answer never says whose it is')
  }
  const rows = await house.rows("select from provider_profile where last_name = 'Race'")
  t.equal(rows.length, 1)
  t.ok((await house.get(admin, '/admin/providers/stats')).body.total - total <= 1)
  t.equal((await create({ lastName: 'Racer', email: 'race-2@profile.example' })).status, 201, 'with an address of their own')
  const { id } = (await begun()).body
  t.match(problemOf(await edit(id, { email: 'race@profile.example' })), { status: 409, reason: 'duplicate' }, 'an edit as well')
})

t.test('EC-4: of two administrators who edit at once the second is told', async (t) => {
  const { id } = (await begun()).body
  const etag = (await read(id)).headers.etag as string
  const edits = await Promise.all(Array.from({ length: 6 }, (_, n) => edit(id, { yearsOfExperience: 20 + n }, etag, n % 2 ? admin : 'provider-admin-2')))
  t.same(edits.map(({ status }) => status).sort(), [200, 412, 412, 412, 412, 412])
  t.match(problemOf(edits.find(({ status }) => status === 412)!), { code: 'CONFLICT', reason: 'stale' })
  t.equal((await read(id)).body.yearsOfExperience, edits.find(({ status }) => status === 200)!.body.yearsOfExperience)
  t.match(problemOf(await house.call('PATCH', `/admin/providers/${id}`, { as: admin, body: {} })), { status: 428 })
  t.equal((await edit(id, {}, '"2"')).status, 200, 'the version of a row is enough')
  const again = await read(id)
  t.equal((await house.get(admin, `/admin/providers/${id}`, { 'if-none-match': again.headers.etag as string })).status, 304)
}) // prettier-ignore

t.test('ten an hour for each administrator', async (t) => {
  const token = manager()
  for (let n = 0; n < 10; n++) t.equal((await create({}, token)).status, 201)
  const refused = await create({}, token)
  t.match(problemOf(refused), { status: 429, code: 'RATE_LIMITED' })
  t.ok(Number(refused.headers['retry-after']) >= 1)
  t.equal((await create({})).status, 201, 'another one may')
  await house.pass(hour)
  t.equal((await create({}, host.token(admin, { claims: { sub: newId() } }))).status, 201)
})

t.test('FR-001, FR-002: administrators begin accounts, and nobody else; no account of another agency is there', async (t) => {
  for (const as of ['provider-self', 'patient-ana', 'document-verifier', 'provider-read-only', 'agency-admin', 'clinician', 'service-procedures', 'ai-agent'])
    t.match(problemOf(await house.post(as, '/admin/providers', {})), { status: 403 }, as)
  const { id } = (await begun()).body
  const stranger = host.token(admin, { claims: { agency_id: lakeside.id } })
  for (const path of [`/admin/providers/${id}`, `/admin/providers/${id}/status-history`, `/admin/providers/${id}/activity`, `/admin/providers/${id}/deactivation-preview`])
    t.match(problemOf(await house.call('GET', path, { token: stranger })), { status: 404 }, path)
  const patched = await house.call('PATCH', `/admin/providers/${id}`, { token: stranger, body: {}, headers: { 'if-match': '"1"' } })
  t.match(problemOf(patched), { status: 404 })
  t.same((await house.call('GET', '/admin/providers?status=all&q=harbour', { token: stranger })).body.items, [])
}) // prettier-ignore

t.test('a replay begins nothing twice', async (t) => {
  const [token, key] = [manager(), newId()]
  const body = { lastName: 'Replay', email: 'replay@profile.example' }
  const first = await create(body, token, key)
  const second = await create(body, token, key)
  t.same([second.status, second.text, second.headers['idempotent-replayed']], [201, first.text, 'true'])
  t.match(problemOf(await create({ ...body, lastName: 'Other' }, token, key)), { status: 422 })
  t.match(problemOf(await house.call('POST', '/admin/providers', { token, body, key: null })), { status: 400, reason: 'idempotency-key' })
})

t.test('Privacy Rule 3, FR-012: licence numbers are sealed, and masked for everybody who may not edit them', async (t) => {
  const sent = { email: 'sealed@profile.example', secondaryEmail: 'second@profile.example', phone: '+12025550199', medicalLicenseNumber: secret }
  const { id } = (await begun(sent)).body
  t.equal((await read(id)).body.medicalLicenseNumber, secret)
  for (const as of ['provider-read-only', 'document-verifier']) t.equal((await read(id, as)).body.medicalLicenseNumber, '****6655', as)
  await edit(id, { medicalLicenseNumber: `${secret}7` })
  await edit(id, { medicalLicenseNumber: `${secret}!` })
  await house.get(admin, `/admin/providers?q=${secret}`)
  const seen = [...(await events('createProvider')), ...(await events('editProvider')), ...(await events('listProviders'))]
  const activity = await house.get(admin, `/admin/providers/${id}/activity`)
  for (const text of [JSON.stringify(seen), activity.text, house.lines.join('')]) t.notMatch(text, /998877/)
  t.match(seen.find(({ entityId, action }) => entityId === id && action === 'createProvider'), { payload: { body: { medicalLicenseNumber: '****6655' } }, after: { medicalLicenseNumber: '****6655' } })
  t.match(seen.find(({ action, outcome }) => action === 'editProvider' && outcome === 'VALIDATION_FAILED')!.payload.body.medicalLicenseNumber, /^\*\*\*\*/, 'what was refused as well')
  t.ok(seen.some(({ payload }) => payload?.query?.q === '****6655'), 'and what was looked for')
  const [row] = await house.rows('select * from provider_profile where id = $1', id)
  const stored = JSON.stringify(row, (_, value) => (value?.type === 'Buffer' ? Buffer.from(value.data).toString('latin1') : value))
  for (const value of Object.values(sent)) t.notOk(stored.includes(value), 'sealed')
}) // prettier-ignore

t.test('a new sign-in address of an active provider holds when its owner confirms it', async (t) => {
  const id = await house.active({ email: 'old@profile.example' })
  const asked = await edit(id, { email: 'New@profile.example' })
  t.match(asked.body, { email: 'old@profile.example', pendingEmail: 'new@profile.example' })
  t.match(problemOf(await create({ email: 'new@profile.example' })), { status: 409, reason: 'duplicate' }, 'it is spoken for')
  await house.delivered()
  const mails = await house.mails()
  t.ok(mails.some(({ to, subject }) => to === 'old@profile.example' && /address is being changed/.test(subject)), 'the old one is told')
  const code = codeIn(mails.find(({ to }) => to === 'new@profile.example')!.text)
  const confirm = (value: string) => house.call('POST', '/provider/email-confirmation', { token: house.own(id), body: { code: value } })
  t.match(problemOf(await confirm('x'.repeat(24))), { status: 409 })
  t.match(await confirm(code), { status: 200, body: { email: 'new@profile.example' } })
  t.match((await read(id)).body, { email: 'new@profile.example', pendingEmail: null })
  const account = async () => {
    await house.delivered()
    return openAccountFile(host.dataDir).all().find(({ subjectId }) => subjectId === id)
  }
  t.match(await account(), { email: 'new@profile.example', firstName: 'Maria' }, 'one signs in with it')
  await edit(id, { firstName: 'Mara' })
  t.match(await account(), { firstName: 'Mara' }, 'the account follows')
  t.match(problemOf(await confirm(code)), { status: 409 }, 'once')
  t.equal((await create({ email: 'old@profile.example' })).status, 201, 'the old one is free')
  await edit(id, { email: 'late@profile.example' })
  await house.delivered()
  const codes = async () => (await house.mails()).filter(({ to }) => to === 'late@profile.example').map(({ text }) => codeIn(text))
  const [late] = await codes()
  await house.pass(24 * hour + 1)
  t.match(problemOf(await confirm(late!)), { status: 409 }, 'a day later it confirms nothing')
  await edit(id, { email: 'late@profile.example' })
  await house.delivered()
  const again = (await codes()).find((one) => one !== late)!
  t.match(problemOf(await confirm(late!)), { status: 409 }, 'nor when it is entered once more')
  t.match(await confirm(again), { status: 200, body: { email: 'late@profile.example' } }, 'which mails another code')
  await edit(id, { email: 'new@profile.example' })
  t.equal((await read(id)).body.pendingEmail, 'new@profile.example')
  t.match((await edit(id, { email: 'late@profile.example' })).body, { email: 'late@profile.example', pendingEmail: null }, 'taken back')
  t.match(problemOf(await edit(id, { phone: null })), { status: 400, errors: [{ pointer: '/phone', rule: 'required' }] }, 'who was active stays complete')
  await edit(id, { email: 'never@profile.example' })
  await house.change(id, 'deactivation', { reason: 'The provider asked for closure.', confirm: true })
  t.match((await read(id)).body, { status: 'deactivated', pendingEmail: null })
  for (const email of ['never@profile.example', 'late@profile.example']) t.equal((await create({ email })).status, 201, 'both are free')
}) // prettier-ignore

t.test('settings and preferences', async (t) => {
  const path = '/admin/settings'
  const first = await house.get('provider-read-only', path)
  t.match(first, { headers: { etag: '"0"' }, body: { uploadLimitBytes: 10_485_760, supportContact: '', reminderRecipients: [], specialties: ['Hair Transplant Surgeon', 'Dermatologist', 'Plastic Surgeon', 'Other'] } })
  const settings = { uploadLimitBytes: 52_428_800, supportContact: 'help@riverside.example', reminderRecipients: ['desk@riverside.example'] }
  const put = (body: object, etag: string, as = 'provider-super-admin') => house.call('PUT', path, { as, body, headers: { 'if-match': etag } })
  for (const as of [admin, 'document-verifier']) t.match(problemOf(await put(settings, '"0"', as)), { status: 403 }, as)
  t.equal((await put({ ...settings, uploadLimitBytes: 52_428_801 }, '"0"')).status, 400, '50 MB is the most')
  for (const odd of ['nobody', 'A <a@b.example>', 'a@b.example,c@d.example', `${'x'.repeat(65)}@b.example`])
    t.equal((await put({ ...settings, reminderRecipients: ['desk@riverside.example', odd] }, '"0"')).status, 400, 'one that cannot be mailed to would keep all from it')
  const { id } = (await begun({ specialty: 'Plastic Surgeon' })).body
  const both = await Promise.all([put(settings, '"0"'), put(settings, '"0"')])
  t.same(both.map(({ status }) => status).sort(), [200, 412])
  t.match((await house.get(admin, path)), { headers: { etag: '"1"' }, body: settings })
  t.match((await put({ ...settings, specialties: ['Dermatologist', 'Trichologist'] }, '"1"')).body.specialties, ['Dermatologist', 'Trichologist'])
  t.equal((await create({ specialty: 'Trichologist' })).status, 201)
  t.equal((await create({ specialty: 'Other' })).status, 400)
  t.match(await edit(id, { yearsOfExperience: 30 }), { status: 200, body: { specialty: 'Plastic Surgeon' } }, 'one that was listed stays')
  const [row] = await house.rows('select reminder_recipients from provider_settings where agency_id = $1', riverside.id)
  t.notMatch(row.reminder_recipients.toString('latin1'), /desk@/)
  const size = (as: string) => house.get(as, '/admin/preferences').then(({ body }) => body.pageSize)
  t.equal(await size(admin), 50)
  t.equal((await house.call('PUT', '/admin/preferences', { as: admin, body: { pageSize: 25 } })).status, 200)
  t.equal((await house.call('PUT', '/admin/preferences', { as: admin, body: { pageSize: 30 } })).status, 400)
  t.same([await size(admin), await size('provider-admin-2')], [25, 50], 'each their own')
  t.equal((await house.get(admin, '/admin/providers')).body.pageSize, 25)
  const [oldest] = (await events('setProviderSettings')).filter(({ outcome }) => outcome === 'success').slice(-1)
  t.match(oldest, { before: { supportContact: '', uploadLimitBytes: 10_485_760 }, after: settings }, 'what was, and what is')
  t.equal((await events('setProviderSettings')).some(({ outcome, userId }) => outcome === 'success' && userId === personaNamed('provider-super-admin')!.sub), true)
}) // prettier-ignore

t.test('the switch stops writes, never reads', async (t) => {
  const { id } = (await begun()).body
  await house.flip('USE_PROVIDER_ADMIN_WRITES', false)
  const disabled = { status: 503, code: 'UPSTREAM_UNAVAILABLE', reason: 'disabled' }
  t.match(problemOf(await create({})), disabled)
  t.match(problemOf(await edit(id, {})), disabled)
  t.equal((await house.get(admin, '/admin/providers?status=all')).status, 200)
  await house.flip('USE_PROVIDER_ADMIN_WRITES', true)
})
