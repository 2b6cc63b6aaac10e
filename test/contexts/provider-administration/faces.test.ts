import t from 'tap'
import { lakeside } from '../../../config/personas.ts'
import { addDays } from '../../../domain/shared/calendar-day.ts'
import { newId } from '../../../domain/shared/ids.ts'
import { pdfFile } from '../../fixtures/files.ts'
import { threeTiers } from '../../fixtures/providers.ts'
import { problemOf } from '../portal.ts'
import { openHouse } from './house.ts'

const house = await openHouse(t)
const { host } = house
const forbidden = { status: 403, code: 'FORBIDDEN' }
const notFound = { status: 404, code: 'NOT_FOUND' }
const conflict = { status: 409, code: 'CONFLICT' }
const as = (providerId: string) => ({ token: house.own(providerId) })
const profile = async (providerId: string) => (await house.call('GET', '/provider/profile', as(providerId))).body
const ownDocuments = async (providerId: string) => (await house.call('GET', '/provider/documents', as(providerId))).body.items
const ownUpload = (providerId: string, type: string, expirationDate = addDays(house.today(), 365)) =>
  house.send('POST', '/provider/documents', { type, expirationDate }, { content: pdfFile({ text: type }) }, as(providerId))
const settings = await house.get('provider-super-admin', '/admin/settings')
await house.call('PUT', '/admin/settings', {
  as: 'provider-super-admin',
  body: { ...settings.body, supportContact: 'help@riverside.example' },
  headers: { 'if-match': settings.headers.etag as string },
})

t.test('US6.1: an active provider sees status, documents, clinic and commission', async (t) => {
  const providerId = await house.active()
  const own = await profile(providerId)
  t.match(own, {
    id: providerId, displayName: 'Dr. Maria Silva', status: 'active', accountNotice: null, medicalLicenseNumber: '****3456', uploads: [],
    clinic: { name: 'Harbour Clinic', address: { city: 'Lisbon', country: 'PT' }, operatingHours: 'Mon-Fri 9AM-5PM' },
    commission: { type: 'percentage', percentage: 15, currentRate: 15, currentTier: null },
  }) // prettier-ignore
  t.same(own.documents.map(({ verificationStatus }: any) => verificationStatus), Array(3).fill('approved')) // prettier-ignore
  t.notOk(JSON.stringify(own).includes('MD123456'))
  for (const hidden of ['featured', 'createdBy', 'allowedActions', 'identity', 'verifiedBy', 'uploadedBy', 'etag'])
    t.notOk(JSON.stringify(own).includes(`"${hidden}"`), hidden)
  const tiered = await house.begin({ commission: threeTiers })
  t.match((await profile(tiered)).commission, { type: 'tier', currentTier: 1, currentRate: 20 })
  t.equal((await profile(tiered)).commission.tiers.length, 3)
  t.match(await profile(tiered), {
    status: 'draft',
    accountNotice: null,
    documents: [],
    uploads: ['medical_license', 'board_certification', 'malpractice_insurance'],
  })
})

t.test('US6.2: a rejected document shows why, and a new one can be sent', async (t) => {
  const providerId = await house.active()
  const [document] = (await house.get('provider-admin', `/admin/providers/${providerId}/documents`)).body.items
  const reason = 'Insurance expired. Please upload current policy.'
  await house.decide('rejection', document, document.etag, { reason })
  const own = await profile(providerId)
  t.match(own.documents[0], { id: document.id, verificationStatus: 'rejected', rejectionReason: reason })
  t.same(own.uploads, ['malpractice_insurance'])
  t.match(problemOf(await ownUpload(providerId, 'medical_license')), conflict, 'not of what is in order')
  t.match(problemOf(await ownUpload(providerId, 'malpractice_insurance', house.today())), { status: 400 })
  const sent = await ownUpload(providerId, 'malpractice_insurance')
  t.match(sent.body, { verificationStatus: 'pending', type: 'malpractice_insurance' }, sent.text)
  t.equal(sent.headers.location, `/api/provider/documents/${sent.body.id}/content`)
  t.match(problemOf(await ownUpload(providerId, 'malpractice_insurance')), conflict, 'one awaits review')
  const [shown] = (await house.get('document-verifier', `/admin/providers/${providerId}/documents`)).body.items
  t.match(shown, { id: sent.body.id, uploadedBy: `user-${providerId}` })
  const [notice] = (await house.get('document-verifier', '/admin/notifications')).body.items
  t.match(notice, { kind: 'document-awaiting-review', documentId: sent.body.id }, 'US5.3: an administrator is told')
  const content = await host.call('GET', sent.headers.location as string, as(providerId))
  t.ok(content.rawPayload.equals(pdfFile({ text: 'malpractice_insurance' })))
  t.equal((await ownDocuments(providerId)).length, 4, 'every version')
  const audited = await house.rows(
    'select action, user_id from audit_event where entity_id = $1 and action like $2 order by id',
    sent.body.id,
    '%Own%',
  )
  t.same(audited.map(({ action }) => action), ['uploadOwnDocument', 'getOwnDocumentContent']) // prettier-ignore
})

t.test('of two uploads at once one is a version, and the other is told so', async (t) => {
  const providerId = await house.begin()
  const answers = await Promise.all(Array.from({ length: 5 }, () => ownUpload(providerId, 'medical_license')))
  t.same(answers.map(({ status }) => status).sort(), [201, 409, 409, 409, 409]) // prettier-ignore
  t.equal((await ownDocuments(providerId)).length, 1)
})

t.test('US6.3, FR-017: a provider edits nothing, and sees nobody else', async (t) => {
  const [providerId, other] = [await house.begin(), await house.begin()]
  const { body: document } = await house.upload(other, 'medical_license')
  for (const method of ['PUT', 'PATCH', 'POST', 'DELETE'] as const)
    t.equal((await house.call(method, '/provider/profile', { ...as(providerId), body: { clinic: { name: 'Mine' } } })).status, 405, method)
  t.match(problemOf(await house.call('GET', `/admin/providers/${providerId}`, as(providerId))), forbidden)
  t.match(problemOf(await house.call('GET', `/provider/documents/${document.id}/content`, as(providerId))), notFound, 'another’s document')
  t.match(problemOf(await house.call('GET', `/provider/documents/${newId()}/content`, as(providerId))), notFound)
  t.same(await ownDocuments(providerId), [])
  await house.call('POST', `/admin/providers/${other}/notifications`, { as: 'provider-admin', body: { template: 'document-missing', documentType: 'board_certification' } }) // prettier-ignore
  const theirs = (await house.call('GET', '/provider/notifications', as(other))).body.items[0]
  t.match(problemOf(await house.call('POST', `/provider/notifications/${theirs.id}/read`, { ...as(providerId), body: {} })), notFound)
  const [desk] = (await house.get('provider-admin', '/admin/notifications')).body.items
  t.equal(desk.providerId, other)
  t.match(
    problemOf(await house.call('POST', `/provider/notifications/${desk.id}/read`, { ...as(other), body: {} })),
    notFound,
    'the desk’s',
  )
  t.match(
    problemOf(await house.post('provider-admin', `/admin/notifications/${theirs.id}/read`, {})),
    notFound,
    'nor a provider’s the desk',
  )
  t.match(problemOf(await house.call('GET', '/provider/profile?providerId=x', as(providerId))), { status: 400 })
  const elsewhere = host.token('provider-self', { claims: { provider_id: providerId, agency_id: lakeside.id } })
  t.match(problemOf(await house.call('GET', '/provider/profile', { token: elsewhere })), notFound)
  for (const persona of ['provider-admin', 'provider-super-admin', 'patient-ana', 'founder', 'service-procedures'])
    for (const path of ['/provider/profile', '/provider/documents', '/provider/notifications'])
      t.match(problemOf(await house.get(persona, path)), forbidden, `${persona} ${path}`)
})

t.test('a provider reads what they are told', async (t) => {
  const providerId = await house.active()
  const list = async (query = '') => (await house.call('GET', `/provider/notifications${query}`, as(providerId))).body
  const { items } = await list()
  t.same(items.map(({ kind }: any) => kind), ['activated', 'document-approved', 'document-approved', 'document-approved', 'welcome']) // prettier-ignore
  const first = await list('?limit=2')
  t.same([...first.items, ...(await list(`?limit=3&cursor=${first.nextCursor}`)).items], items)
  const read = await house.call('POST', `/provider/notifications/${items[0].id}/read`, { ...as(providerId), body: {} })
  t.same([read.status, read.body.readAt], [200, new Date(house.now()).toISOString()], read.text)
  t.same((await list()).items.map(({ readAt }: any) => readAt !== null), [true, false, false, false, false]) // prettier-ignore
})

t.test('US3.2: a suspended provider sees the notice, and may send what is asked for; nothing else', async (t) => {
  const providerId = await house.active()
  const reason = 'Multiple patient complaints regarding unprofessional conduct. Under investigation.'
  await house.change(providerId, 'suspension', { reason, confirm: true })
  t.same((await profile(providerId)).accountNotice, { status: 'suspended', reason, supportContact: 'help@riverside.example' })
  const [document] = (await house.get('provider-admin', `/admin/providers/${providerId}/documents`)).body.items
  await house.post('document-verifier', `/admin/providers/${providerId}/documents/${document.id}/reupload-request`, {})
  const sent = await ownUpload(providerId, document.type)
  t.equal(sent.status, 201, sent.text)
  const [notice] = (await house.call('GET', '/provider/notifications', as(providerId))).body.items
  t.match(problemOf(await house.call('POST', `/provider/notifications/${notice.id}/read`, { ...as(providerId), body: {} })), forbidden)

  await house.change(providerId, 'deactivation', { reason: 'The provider asked for closure.', confirm: true })
  for (const path of ['/provider/profile', '/provider/documents', '/provider/notifications', `/provider/documents/${document.id}/content`])
    t.match(problemOf(await house.call('GET', path, as(providerId))), forbidden, `${path}: at once, whatever the token says`)
  t.match(problemOf(await ownUpload(providerId, document.type)), forbidden)
})

t.test('a provider’s document that is about to expire can be renewed', async (t) => {
  const providerId = await house.active({}, addDays(house.today(), 30))
  t.equal((await profile(providerId)).uploads.length, 3)
  t.match((await profile(providerId)).documents[0], { warning: 'soon', daysUntilExpiry: 30 })
  t.equal((await ownUpload(providerId, 'medical_license')).status, 201)
  t.equal((await profile(providerId)).uploads.length, 2)
  await house.flip('USE_PROVIDER_ADMIN_WRITES', false)
  t.match(problemOf(await ownUpload(providerId, 'board_certification')), { status: 503, reason: 'disabled' })
  t.equal((await house.call('GET', '/provider/profile', as(providerId))).status, 200)
  await house.flip('USE_PROVIDER_ADMIN_WRITES', true)
})
