import { globSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { lakeside, personaNamed } from '../../../config/personas.ts'
import { documentTypes } from '../../../domain/provider-administration/index.ts'
import { addDays } from '../../../domain/shared/calendar-day.ts'
import { newId } from '../../../domain/shared/ids.ts'
import { eicar, formOf, largePdf, pdfFile, pdfStream, pngFile } from '../../fixtures/files.ts'
import { problemOf } from '../portal.ts'
import { day, openHouse } from './house.ts'

const house = await openHouse(t)
const { host, portal } = { host: house.host, portal: house }
const stale = { status: 412, code: 'CONFLICT', reason: 'stale' }
const conflict = { status: 409, code: 'CONFLICT' }
const forbidden = { status: 403, code: 'FORBIDDEN' }
const notFound = { status: 404, code: 'NOT_FOUND' }
const unauthorized = { status: 401, code: 'UNAUTHORIZED' }
const pathOf = (document: { providerId: string; id: string }) => `/admin/providers/${document.providerId}/documents/${document.id}`
const listed = async (providerId: string) => (await house.get('provider-read-only', `/admin/providers/${providerId}/documents`)).body.items
const verifier = personaNamed('document-verifier')!.sub
const activation = async (providerId: string) => {
  const { headers } = await house.get('provider-admin', `/admin/providers/${providerId}`)
  return house.call('POST', `/admin/providers/${providerId}/activation`, {
    as: 'provider-admin', body: { confirm: true }, headers: { 'if-match': headers.etag as string },
  }) // prettier-ignore
}

t.test('a document is uploaded, listed, read and stored so that nobody reads it on disk', async (t) => {
  const providerId = await house.begin()
  t.same(await listed(providerId), [])
  const content = pdfFile({ text: 'CANARYlicence4411' })
  const expirationDate = addDays(house.today(), 20)
  const file = { content, filename: 'Licence "2027".pdf' }
  const made = await house.send('POST', `/admin/providers/${providerId}/documents`, { type: 'medical_license', expirationDate }, file)
  const document = {
    id: made.body.id, providerId, type: 'medical_license', version: 1, contentType: 'application/pdf', sizeBytes: content.length, expirationDate,
    uploadedAt: new Date(house.now()).toISOString(), uploadedBy: personaNamed('provider-admin')!.sub, verificationStatus: 'pending', verifiedAt: null,
    verifiedBy: null, rejectionReason: null, reuploadRequestedAt: null, daysUntilExpiry: 20, warning: 'soon', scan: 'not-scanned',
  } // prettier-ignore
  t.match(made.body, document, made.text)
  t.match(made.headers, { location: `/api${pathOf(made.body)}`, etag: '"1"' })
  t.same(await listed(providerId), [{ ...made.body, etag: '"1"' }])
  const read = await house.get('provider-read-only', pathOf(made.body))
  t.same([read.body, read.headers.etag], [made.body, '"1"'])

  const got = await host.call('GET', `/api${pathOf(made.body)}/content`, { as: 'document-verifier' })
  t.same([got.statusCode, got.rawPayload.equals(content)], [200, true])
  t.match(got.headers, {
    'content-type': 'application/pdf',
    'cache-control': 'no-store',
    'x-content-type-options': 'nosniff',
    'content-length': String(content.length),
  })
  t.match(got.headers['content-disposition'], /^inline; filename=/)
  const files = globSync('**/*', { cwd: host.dataDir, withFileTypes: true }).filter((entry) => entry.isFile())
  const clear = files.filter((entry) => readFileSync(join(entry.parentPath, entry.name)).includes('CANARYlicence4411'))
  t.same(clear, [], 'nothing readable on disk')
  const [audit] = await portal.rows(
    "select user_id, entity_id from audit_event where action = 'getProviderDocumentContent' and outcome = 'success'",
  )
  t.same(audit, { user_id: verifier, entity_id: made.body.id }, 'each look is recorded')
  const waiting = (await house.get('document-verifier', '/admin/notifications')).body.items[0]
  t.match(waiting, {
    kind: 'document-awaiting-review',
    providerId,
    documentId: made.body.id,
    providerName: 'Dr. Maria Silva',
    readAt: null,
  })
})

t.test('US2.1: an administrator looks at a document and approves it; it is recorded, and the provider is told', async (t) => {
  const providerId = await house.begin()
  const { body: document, headers } = await house.upload(providerId, 'medical_license')
  await house.upload(providerId, 'board_certification')
  const { body: seen } = await house.post('document-verifier', `${pathOf(document)}/access`, {})
  t.equal((await host.app.inject(seen.url)).statusCode, 200)
  const approved = await house.decide('approval', document, headers.etag as string)
  const verdict = { verificationStatus: 'approved', verifiedBy: verifier, verifiedAt: new Date(house.now()).toISOString() }
  t.match(approved, { status: 200, headers: { etag: '"2"' }, body: verdict }, approved.text)
  const [audit] = await portal.rows("select user_id, outcome from audit_event where action = 'approveProviderDocument' and entity_id = $1", document.id)
  t.same(audit, { user_id: verifier, outcome: 'success' })
  const [told, ...more] = (await house.call('GET', '/provider/notifications', { token: house.own(providerId) })).body.items
  t.match(told, { kind: 'document-approved', message: /Your Medical License has been verified and approved/ })
  t.notOk(more.some(({ kind }: { kind: string }) => kind === 'document-approved'), 'the other one still waits')
  const [mail] = (await house.get('provider-read-only', `/admin/providers/${providerId}/notifications`)).body.items
  t.match(mail, { kind: 'document-approved', state: 'queued' })
}) // prettier-ignore

t.test('US2.2: a provider can be activated once the last of the three documents is approved, and not before', async (t) => {
  const providerId = await house.begin()
  const read = () => house.get('provider-admin', `/admin/providers/${providerId}`)
  const uploads = []
  for (const type of documentTypes) uploads.push(await house.upload(providerId, type))
  for (const [index, { body, headers }] of uploads.entries()) {
    t.equal((await read()).body.documentsStatus, 'pending')
    const refused = await activation(providerId)
    const blockers = documentTypes.slice(index).map((documentType) => ({ documentType, cause: 'pending' }))
    t.match(problemOf(refused), { ...conflict, blockers }, refused.text)
    await house.decide('approval', body, headers.etag as string)
  }
  const { body: provider } = await read()
  t.match(provider, { documentsStatus: 'complete', missing: [], status: 'draft' })
  t.ok(provider.allowedActions.includes('activation'))
  t.equal((await house.activate(providerId)).body.status, 'active')
})

t.test(
  'US2.3, B1: an expired document is rejected with a reason, told, and keeps the account closed until another one comes',
  async (t) => {
    const providerId = await house.begin()
    for (const type of documentTypes.slice(1)) await house.proved(providerId, type)
    const { body: document } = await house.upload(providerId, 'medical_license', addDays(house.today(), 1))
    await house.pass(2 * day)
    t.match((await listed(providerId)).at(0), { id: document.id, daysUntilExpiry: -1, warning: 'urgent' })
    const reason = 'License expired yesterday. Please upload current valid license.'
    t.match(problemOf(await house.decide('rejection', document, '"1"', { reason: 'too short' })), {
      status: 400,
      code: 'VALIDATION_FAILED',
    })
    const rejected = await house.decide('rejection', document, '"1"', { reason })
    t.match(rejected.body, { verificationStatus: 'rejected', rejectionReason: reason, verifiedBy: verifier })
    await house.delivered()
    const mail = (await house.mails()).find(({ text }) => text.replaceAll('\n', ' ').includes('License expired yesterday'))
    t.equal(mail?.subject, 'Your Medical License was not approved')
    t.match(mail?.html, /Please upload a corrected document/)
    const own = await house.call('GET', '/provider/notifications', { token: house.own(providerId) })
    t.match(own.body.items[0], { kind: 'document-rejected', documentId: document.id })
    t.ok(own.body.items[0].message.includes(reason))
    t.match(problemOf(await activation(providerId)), { ...conflict, blockers: [{ documentType: 'medical_license', cause: 'rejected' }] })
    const { body: next, headers } = await house.upload(providerId, 'medical_license')
    const licences = (await listed(providerId)).filter(({ type }: { type: string }) => type === 'medical_license')
    t.same(licences.map(({ verificationStatus }: { verificationStatus: string }) => verificationStatus), ['pending', 'superseded']) // prettier-ignore
    await house.decide('approval', next, headers.etag as string)
    t.equal((await activation(providerId)).status, 200)
  },
)

t.test('rejecting a document of an active provider leaves the status as it is', async (t) => {
  const providerId = await house.active()
  const [document] = await listed(providerId)
  const rejected = await house.decide('rejection', document, document.etag, { reason: 'The insurer has withdrawn it.' })
  t.equal(rejected.status, 200, rejected.text)
  t.match((await house.get('provider-admin', `/admin/providers/${providerId}`)).body, { status: 'active', documentsStatus: 'rejected' })
  t.equal(
    (await house.decide('approval', document, rejected.headers.etag as string)).body.verificationStatus,
    'approved',
    'and approved again',
  )
})

t.test('US5.2, US5.3: a renewed document is pending; the warning clears when it is approved', async (t) => {
  const providerId = await house.begin()
  const first = await house.proved(providerId, 'medical_license', addDays(house.today(), 30))
  t.match((await listed(providerId))[0], { id: first, daysUntilExpiry: 30, warning: 'soon' }, 'US5.2')
  const second = await house.upload(providerId, 'medical_license')
  const statuses = async () => Object.fromEntries((await listed(providerId)).map((one: any) => [one.id, one.verificationStatus]))
  t.same(await statuses(), { [second.body.id]: 'pending', [first]: 'approved' }, 'the approved one stays current')
  await house.decide('approval', second.body, '"1"')
  t.same(await statuses(), { [second.body.id]: 'approved', [first]: 'superseded' })
  const [current, old] = await listed(providerId)
  t.same([current.warning, old.version, current.version], ['ok', 1, 2])
  t.match(problemOf(await house.decide('approval', old, old.etag)), conflict, 'what was superseded stays so')
})

t.test('a decision is about what was read: If-Match, and two administrators at once', async (t) => {
  const providerId = await house.begin()
  const { body: document } = await house.upload(providerId, 'medical_license')
  const bare = await house.call('POST', `${`/admin/providers/${providerId}/documents`}/${document.id}/approval`, {
    as: 'document-verifier',
    body: {},
  })
  t.match(problemOf(bare), { status: 428, code: 'VALIDATION_FAILED', reason: 'precondition-required' })
  for (const etag of ['"2"', '"nonsense"']) t.match(problemOf(await house.decide('approval', document, etag)), stale, etag)
  const reason = { reason: 'It cannot be read at all.' }
  const answers = await Promise.all(
    Array.from({ length: 8 }, (_, n) =>
      n % 2 ? house.decide('approval', document, '"1"') : house.decide('rejection', document, '"1"', reason),
    ),
  )
  t.same(answers.map(({ status }) => status).sort(), [200, 412, 412, 412, 412, 412, 412, 412])
  const told = await portal.rows(
    'select kind from provider_notification where provider_id = $1 and audience = $2 and kind like $3',
    providerId,
    'provider',
    'document-%',
  )
  t.equal(told.length, 1, 'and the provider is told once')
  const uploads = await Promise.all(Array.from({ length: 6 }, () => house.upload(providerId, 'board_certification')))
  t.ok(
    uploads.every(({ status }) => status === 201),
    uploads.map(({ text }) => text).join(),
  )
  const boards = (await listed(providerId)).filter(({ type }: any) => type === 'board_certification')
  t.same(boards.map(({ version }: any) => version), [6, 5, 4, 3, 2, 1]) // prettier-ignore
  t.equal(boards.filter(({ verificationStatus }: any) => verificationStatus === 'pending').length, 1, 'one awaits review')
})

t.test('a new version can be asked for, and the provider is told', async (t) => {
  const providerId = await house.begin()
  const id = await house.proved(providerId, 'medical_license')
  const asked = await house.call('POST', `${pathOf({ providerId, id })}/reupload-request`, { as: 'document-verifier', body: {} })
  t.match(asked.body, { verificationStatus: 'approved', reuploadRequestedAt: new Date(house.now()).toISOString() }, asked.text)
  const told = (await house.call('GET', '/provider/notifications', { token: house.own(providerId) })).body.items[0]
  t.match(told, { kind: 'document-requested', documentId: id, documentType: 'medical_license' })
})

t.test('what is no document of this kind is refused before anything is stored', async (t) => {
  const providerId = await house.begin()
  const attempt = (content: Buffer, fields: Record<string, string> = {}, filename = 'licence.pdf', contentType = 'application/pdf') =>
    house.send('POST', `/admin/providers/${providerId}/documents`, { type: 'medical_license', expirationDate: addDays(house.today(), 9), ...fields }, { content, filename, contentType }) // prettier-ignore
  const cases: [string, Awaited<ReturnType<typeof attempt>>, number][] = [
    ['a renamed program', await attempt(Buffer.from('MZ\x90\0 this is no PDF')), 415],
    ['another type than it says', await attempt(pngFile()), 415],
    ['a truncated file', await attempt(pdfFile().subarray(0, 200)), 415],
    ['a virus', await attempt(pdfFile({ objects: [pdfStream(eicar)] })), 400],
    ['today', await attempt(pdfFile(), { expirationDate: house.today() }), 400],
    ['no day', await attempt(pdfFile(), { expirationDate: '2027-02-30' }), 400],
    ['no type', await attempt(pdfFile(), { type: 'diploma' }), 400],
    ['a field too many', await attempt(pdfFile(), { more: 'x' }), 400],
  ]
  for (const [name, answer, status] of cases)
    t.ok(answer.status === status || (status === 415 && answer.status === 400), `${name}: ${answer.text}`)
  t.equal(
    (
      await house.send(
        'POST',
        `/admin/providers/${providerId}/documents`,
        { type: 'medical_license', expirationDate: addDays(house.today(), 9) },
        null,
      )
    ).status,
    400,
    'no file',
  )
  t.same(await listed(providerId), [])
  t.equal((await attempt(pngFile(), {}, 'licence.png', 'image/png')).status, 201)
})

t.test('a form may bring its file before its fields: what they say is asked all the same', async (t) => {
  const [providerId, proved] = [await house.begin(), await house.active()]
  const fields = { type: 'medical_license', expirationDate: addDays(house.today(), 400) }
  const send = (path: string, caller: object, more: object = {}) => {
    const form = formOf({ ...fields, ...more }, { content: pdfFile() }, true)
    return house.call('POST', path, { ...caller, body: form.payload, headers: form.headers })
  }
  const admin = (more?: object) => send(`/admin/providers/${providerId}/documents`, { as: 'provider-admin' }, more)
  t.match(await admin(), { status: 201, body: { expirationDate: fields.expirationDate } })
  const passed = { status: 400, errors: [{ pointer: '/expirationDate', rule: 'future' }] }
  t.match(problemOf(await admin({ expirationDate: house.today() })), passed)
  const own = (id: string, more?: object) => send('/provider/documents', { token: house.own(id) }, more)
  t.equal((await own(providerId, { type: 'board_certification' })).status, 201)
  t.match(problemOf(await own(providerId, { expirationDate: house.today() })), passed)
  t.match(problemOf(await own(proved)), conflict, 'nor is a document taken that nobody needs')
})

t.test('the agency’s settings say how large a document may be', async (t) => {
  const providerId = await house.begin()
  const settings = await house.get('provider-super-admin', '/admin/settings')
  const limited = { ...settings.body, uploadLimitBytes: 20_000 }
  const set = (body: object, etag: unknown) =>
    house.call('PUT', '/admin/settings', { as: 'provider-super-admin', body, headers: { 'if-match': etag as string } })
  const changed = await set(limited, settings.headers.etag)
  t.equal(changed.status, 200, changed.text)
  const send = (content: Buffer) =>
    house.send(
      'POST',
      `/admin/providers/${providerId}/documents`,
      { type: 'medical_license', expirationDate: addDays(house.today(), 9) },
      { content },
    )
  t.match(problemOf(await send(largePdf(30_000))), { status: 413, code: 'VALIDATION_FAILED', reason: 'too-large' })
  t.equal((await send(largePdf(10_000))).status, 201)
  const content = largePdf(30_000)
  const tus = { 'tus-resumable': '1.0.0' }
  const created = await house.call('POST', '/admin/uploads', {
    as: 'provider-admin',
    headers: { ...tus, 'upload-length': String(content.length) },
  })
  const address = (created.headers.location as string).replace(/^\/api/, '')
  const headers = { ...tus, 'content-type': 'application/offset+octet-stream', 'upload-offset': '0' }
  t.equal((await house.call('PATCH', address, { as: 'provider-admin', body: content, headers })).status, 204)
  const body = { uploadId: address.split('/').at(-1)!, type: 'medical_license', expirationDate: addDays(house.today(), 9) }
  const resumed = await house.post('provider-admin', `/admin/providers/${providerId}/documents`, body)
  t.match(problemOf(resumed), { status: 413, reason: 'too-large' }, 'in one piece or in many')
  t.equal((await set(settings.body, changed.headers.etag)).status, 200)
  t.equal((await send(largePdf(30_000))).status, 201)
})

t.test('a key makes an upload once, whatever is tried with it', async (t) => {
  const providerId = await house.begin()
  const key = newId()
  const expirationDate = addDays(house.today(), 40)
  const send = (content: Buffer) =>
    house.send('POST', `/admin/providers/${providerId}/documents`, { type: 'medical_license', expirationDate }, { content }, { key })
  const first = await send(pdfFile())
  const again = await send(pdfFile())
  t.same([again.status, again.body, again.headers['idempotent-replayed']], [201, first.body, 'true'], again.text)
  t.match(problemOf(await send(pdfFile({ text: 'another' }))), { status: 422, code: 'CONFLICT', reason: 'key-reused' })
  t.equal((await listed(providerId)).length, 1)
  const bare = formOf({ type: 'medical_license', expirationDate }, { content: pdfFile() })
  t.match(problemOf(await house.call('POST', `/admin/providers/${providerId}/documents`, { as: 'provider-admin', key: null, body: bare.payload, headers: bare.headers })), { status: 400, reason: 'idempotency-key' }) // prettier-ignore
})

t.test('EC-2: an upload that broke off goes on from where it stopped', async (t) => {
  const providerId = await house.begin()
  const content = largePdf(150_000)
  const tus = { 'tus-resumable': '1.0.0' }
  const created = await house.call('POST', '/admin/uploads', {
    as: 'provider-admin',
    headers: {
      ...tus,
      'upload-length': String(content.length),
      'upload-metadata': `filename ${Buffer.from('licence.pdf').toString('base64')}`,
    },
  })
  t.equal(created.status, 201, created.text)
  const address = (created.headers.location as string).replace(/^\/api/, '')
  const append = (from: number, to: number, as = 'provider-admin') =>
    house.call('PATCH', address, {
      as,
      body: content.subarray(from, to),
      headers: { ...tus, 'content-type': 'application/offset+octet-stream', 'upload-offset': String(from) },
    })
  t.equal((await append(0, 100_000)).status, 204)
  const kept = await host.call('HEAD', `/api${address}`, { as: 'provider-admin', headers: tus })
  t.equal(kept.headers['upload-offset'], '100000', 'it says how far it came')
  t.match((await append(100_000, content.length, 'provider-admin-2')).status, 404, 'it is its creator’s alone')
  t.equal((await append(50_000, content.length)).status, 409, 'not from anywhere else')
  const rest = await append(100_000, content.length)
  t.equal(rest.status, 204, rest.text)
  const uploadId = address.split('/').at(-1)!
  const body = { type: 'medical_license', expirationDate: addDays(house.today(), 40), uploadId }
  const made = await house.post('provider-admin', `/admin/providers/${providerId}/documents`, body)
  t.match(made.body, { sizeBytes: content.length, verificationStatus: 'pending', filename: 'licence.pdf' }, made.text)
  const got = await host.call('GET', `/api${pathOf(made.body)}/content`, { as: 'provider-admin' })
  t.ok(got.rawPayload.equals(content))
})

t.test('an address shows a document once, for a minute, to whom it was given', async (t) => {
  const providerId = await house.begin()
  const { body: document } = await house.upload(providerId, 'medical_license')
  const { body: other } = await house.upload(providerId, 'board_certification')
  const access = async (as = 'document-verifier') => {
    const answer = await house.post(as, `${pathOf(document)}/access`, {})
    if (answer.status !== 200) throw new Error(answer.text)
    return answer.body as { url: string; expiresAt: string }
  }
  const open = (url: string, headers: Record<string, string> = {}) => host.app.inject({ method: 'GET', url, headers })
  const { url, expiresAt } = await access()
  t.equal(Date.parse(expiresAt), house.now() + 60_000)
  t.ok(url.startsWith(`/api${pathOf(document)}/content?ticket=`))
  const secret = url.split('=')[1]!
  t.notOk(Buffer.from(secret, 'base64url').includes(verifier), 'it says nothing to who finds it')

  const shown = await open(url)
  t.same([shown.statusCode, shown.headers['content-type']], [200, 'application/pdf'], shown.body)
  t.equal((await open(url)).statusCode, 401, 'once')
  const [audit] = await portal.rows(
    "select user_id, role, entity_id from audit_event where action = 'getProviderDocumentContent' and outcome = 'success' order by id desc limit 1",
  )
  t.match(audit, { user_id: verifier, role: 'document_verifier', entity_id: document.id })
  const handed = "select from audit_event where action = 'accessProviderDocument' and outcome = 'success' and entity_id = $1"
  t.equal((await portal.rows(handed, document.id)).length, 1)

  const late = await access()
  await house.pass(60_000)
  t.equal((await open(late.url)).statusCode, 401, 'for a minute')
  const bound = await access()
  t.equal((await open(bound.url.replace(document.id, other.id))).statusCode, 401, 'for this document')
  t.equal((await open(`${bound.url.slice(0, -2)}AA`)).statusCode, 401, 'as it was sealed')
  t.equal((await open(`${bound.url}&ticket=x`)).statusCode, 401)
  t.equal(
    (await open(bound.url, { authorization: `Bearer ${host.token('provider-admin')}` })).statusCode,
    401,
    'nobody else’s token beside it',
  )
  const mine = await access()
  t.equal((await open(mine.url, { authorization: `Bearer ${host.token('document-verifier')}` })).statusCode, 200)
  const raced = await access()
  const at = await Promise.all(Array.from({ length: 12 }, () => open(raced.url)))
  t.equal(at.filter(({ statusCode }) => statusCode === 200).length, 1, 'of twelve at once one is shown')
  t.notOk(
    host.lines.some((line) => line.includes(secret) || line.includes('ticket=')),
    'no log holds it',
  )
  const kept = await portal.rows('select from host_used_ticket where id::text = $1', secret)
  t.equal(kept.length, 0)
  t.equal((await house.post('document-verifier', `${pathOf({ providerId, id: newId() })}/access`, {})).status, 404)
})

t.test('tickets that have expired are swept by those that are used', async (t) => {
  const providerId = await house.begin()
  const { body: document } = await house.upload(providerId, 'medical_license')
  const { agencyId } = personaNamed('provider-admin')!
  await portal.rows(
    'insert into host_used_ticket select $1, gen_random_uuid(), $2 from generate_series(1, 40)',
    agencyId,
    new Date(house.now() - 1),
  )
  const left = async () => (await portal.rows('select from host_used_ticket where expires_at < $1', new Date(house.now()))).length
  // One use in four sweeps.
  for (let tries = 0; tries < 200 && (await left()) > 8; tries += 1) {
    const { url } = (await house.post('provider-admin', `${pathOf(document)}/access`, {})).body
    t.equal((await host.app.inject({ method: 'GET', url })).statusCode, 200)
    if (tries % 50 === 49) await house.pass(61_000)
  }
  t.ok((await left()) <= 8)
})

t.test('FR-011: who may list does not look into a document, and another agency finds nothing', async (t) => {
  const providerId = await house.begin()
  const { body: document, headers } = await house.upload(providerId, 'medical_license')
  const path = pathOf(document)
  const tries = {
    content: (as: string) => house.call('GET', `${path}/content`, { as }),
    access: (as: string) => house.post(as, `${path}/access`, {}),
    approval: (as: string) => house.decide('approval', document, headers.etag as string, {}, as),
    rejection: (as: string) => house.decide('rejection', document, headers.etag as string, { reason: 'It cannot be read.' }, as),
    upload: (as: string) => house.upload(providerId, 'medical_license', undefined, { as }),
    request: (as: string) => house.post(as, `${path}/reupload-request`, {}),
  }
  for (const [name, attempt] of Object.entries(tries)) t.match(problemOf(await attempt('provider-read-only')), forbidden, name)
  for (const as of ['patient-ana', 'provider-self', 'clinician', 'ai-agent', 'compliance-officer', 'service-procedures'])
    for (const [name, attempt] of Object.entries(tries)) t.match(problemOf(await attempt(as)), forbidden, `${as} ${name}`)
  t.match(problemOf(await tries.upload('document-verifier')), forbidden, 'who verifies does not upload')
  const elsewhere = host.token('provider-admin', { claims: { agency_id: lakeside.id } })
  for (const attempt of [
    house.call('GET', `/admin/providers/${providerId}/documents`, { token: elsewhere }),
    house.call('GET', path, { token: elsewhere }),
    house.call('GET', `${path}/content`, { token: elsewhere }),
    house.call('POST', `${path}/access`, { token: elsewhere, body: {} }),
    house.call('POST', `${path}/approval`, { token: elsewhere, body: {}, headers: { 'if-match': '"1"' } }),
    house.upload(providerId, 'medical_license', undefined, { token: elsewhere }),
  ])
    t.match(problemOf(await attempt), notFound)
  t.equal((await listed(providerId))[0].verificationStatus, 'pending')
  t.match(problemOf(await house.call('GET', path, {})), unauthorized)
})

t.test('looks into documents are limited to 60 a minute', async (t) => {
  const providerId = await house.begin()
  const { body: document } = await house.upload(providerId, 'medical_license')
  const token = host.token('provider-admin', { claims: { sub: newId() } })
  const attempts = await Promise.all(
    Array.from({ length: 61 }, () => house.call('POST', `${pathOf(document)}/access`, { token, body: {} })),
  )
  t.same([200, 429].map((status) => attempts.filter((one) => one.status === status).length), [60, 1]) // prettier-ignore
})

t.test('nothing is uploaded or decided while the switch is off, or of a deactivated provider', async (t) => {
  const providerId = await house.active()
  const [document] = await listed(providerId)
  await house.flip('USE_PROVIDER_ADMIN_WRITES', false)
  const disabled = { status: 503, reason: 'disabled' }
  t.match(problemOf(await house.upload(providerId, 'medical_license')), disabled)
  t.match(problemOf(await house.decide('rejection', document, document.etag, { reason: 'It cannot be read.' })), disabled)
  t.equal((await house.post('provider-admin', `${pathOf(document)}/access`, {})).status, 200, 'reading goes on')
  await house.flip('USE_PROVIDER_ADMIN_WRITES', true)
  await house.change(providerId, 'deactivation', { confirm: true, reason: 'The provider asked for closure.', notify: false })
  t.match(problemOf(await house.upload(providerId, 'medical_license')), conflict)
  t.match(problemOf(await house.decide('rejection', document, document.etag, { reason: 'It cannot be read.' })), conflict)
  t.match(problemOf(await house.post('provider-admin', `${pathOf(document)}/reupload-request`, {})), conflict)
  t.equal((await host.call('GET', `/api${pathOf(document)}/content`, { as: 'provider-admin' })).statusCode, 200, 'and is kept')
})

t.test('a founder looks into a document of another agency with a reason, and the address keeps it', async (t) => {
  const providerId = await house.begin()
  const { body: document } = await house.upload(providerId, 'medical_license')
  const token = host.token('founder', { claims: { agency_id: lakeside.id } })
  const reason = 'Asked for by the regulator, case 11'
  const headers = { 'x-agency': personaNamed('provider-admin')!.agencyId, 'x-access-reason': reason }
  const handed = await house.call('POST', `${pathOf(document)}/access`, { token, body: {}, headers })
  t.equal(handed.status, 200, handed.text)
  t.equal((await host.app.inject({ method: 'GET', url: handed.body.url })).statusCode, 200)
  const rows = await portal.rows('select bypass, action from audit_event where bypass and entity_id = $1 order by id', document.id)
  t.same(rows.map(({ action, bypass }) => [action, bypass]), [['accessProviderDocument', true], ['getProviderDocumentContent', true]]) // prettier-ignore
  const seen = (await house.get('compliance-officer', '/audit/events?action=getProviderDocumentContent&limit=1')).body.items[0]
  t.match(seen, { bypass: true, accessReason: reason, entityId: document.id })
})
