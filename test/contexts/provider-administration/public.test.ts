import { globSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { riverside } from '../../../config/personas.ts'
import { newId } from '../../../domain/shared/ids.ts'
import { jpegFile, jpegSegment, pdfFile, pngChunk, pngFile } from '../../fixtures/files.ts'
import { problemOf } from '../portal.ts'
import { databaseSession } from '../database-session.ts'
import { openHouse } from './house.ts'

const house = await openHouse(t, { IP_LIMIT: 'all=100000/60s,anonymous=400/60s' })
const { host } = house
const path = '/public/providers/featured'
const list = async (query = '') => house.get(null, `${path}${query}`)
const ids = async (query = '') => (await list(query)).body.items.map(({ id }: any) => id)
const feature = (providerId: string, featured = true) => house.change(providerId, 'featured', { featured })
const put = (providerId: string, content: Buffer, filename: string, contentType: string, as = 'provider-admin') =>
  house.send('PUT', `/admin/providers/${providerId}/photo`, {}, { content, filename, contentType }, { as })

t.test('P-02: without featured providers the list is empty, and needs no token', async (t) => {
  const answer = await list()
  t.same([answer.status, answer.body], [200, { items: [], nextCursor: null }])
  t.equal((await house.call('GET', path, { headers: { authorization: 'Bearer nonsense' } })).status, 200, 'nobody is asked who they are')
  const document = (await host.app.inject('/openapi.json')).json<any>()
  t.same(document.paths[`/api${path}`].get.security, [])
})

t.test('US1.3, A3: a featured provider is seen by everybody, with the clinic’s contact and nothing of their own', async (t) => {
  const providerId = await house.active()
  t.same(await ids(), [], 'active is not featured')
  await feature(providerId)
  const { body, headers } = await list()
  t.same(body.items, [
    {
      id: providerId, displayName: 'Dr. Maria Silva', specialty: 'Dermatologist', verified: true,
      clinic: { name: 'Harbour Clinic', city: 'Lisbon', country: 'PT', phone: '+351210000000', email: 'desk@harbour.example.org' }, photoUrl: null,
    },
  ]) // prettier-ignore
  t.equal(headers['cache-control'], 'public, no-cache')
  t.notOk(headers['set-cookie'] ?? headers['www-authenticate'])
  const stored = JSON.stringify(await house.rows('select * from provider_featured'))
  for (const own of ['+12025550142', 'MD123456', '@clinic.example']) t.notOk(stored.includes(own), `${own} is not even in the table`)

  const again = await house.get(null, path, { 'if-none-match': headers.etag as string })
  t.same([again.status, again.text, again.headers.etag, again.headers['cache-control']], [304, '', headers.etag, 'public, no-cache'])
  const asked = async (tags: string) => (await house.get(null, path, { 'if-none-match': tags })).status
  const { etag } = headers
  t.same(await Promise.all([`W/${etag}`, `"x", ${etag}`, `"x",W/${etag}`, '*'].map(asked)), [304, 304, 304, 304], 'as caches ask')
  t.same(await Promise.all(['"x"', 'W/"x"', '', `${etag}x`].map(asked)), [200, 200, 200, 200])
  const editing = await house.get('provider-admin', `/admin/providers/${providerId}`)
  const edited = await house.call('PATCH', `/admin/providers/${providerId}`, {
    as: 'provider-admin',
    body: { lastName: 'Costa', clinic: { name: 'Lagoon' } },
    headers: { 'if-match': editing.headers.etag as string },
  })
  t.equal(edited.status, 200, edited.text)
  const changed = await house.get(null, path, { 'if-none-match': headers.etag as string })
  t.match(changed.body.items[0], { displayName: 'Dr. Maria Costa', clinic: { name: 'Lagoon' } }, 'SC-002: what was edited is seen at once')

  await house.change(providerId, 'suspension', { reason: 'Under investigation until further notice.', confirm: true })
  t.same(await ids(), [], 'US3.1: a suspended provider is gone')
  await house.change(providerId, 'reactivation', { confirm: true })
  t.same(await ids(), [], 'and does not come back by itself')
  await feature(providerId)
  await feature(providerId, false)
  t.same(await ids(), [])
})

t.test('it is searched by name and clinic, specialty and country, page by page', async (t) => {
  const made = [
    await house.active({ firstName: 'Zoë', lastName: 'Öberg', specialty: 'Plastic Surgeon' }),
    await house.active({ lastName: '100%_sure', firstName: 'Ann' }).catch(() => house.active({ lastName: 'Sure', firstName: 'Ann' })),
    await house.active({ firstName: 'Bo', clinic: { name: 'Fjord Hair', address: { street: 'x', city: 'Oslo', stateProvince: 'Oslo', postalCode: '1', country: 'NO' }, phone: '+4722000000' } }),
  ] // prettier-ignore
  for (const id of made) await feature(id)
  const [zoe, ann, bo] = made
  t.same(await ids('?q=zoe'), [zoe], 'any accent')
  t.same(await ids('?q=HARBOUR'), [ann, zoe], 'any case, the last changed first')
  t.same(await ids('?q=%25'), [], 'a sign of LIKE is a letter')
  t.same(await ids('?q=_'), [])
  t.same(await ids('?country=NO'), [bo])
  t.same(await ids('?specialty=Plastic%20Surgeon&q=ober'), [zoe])
  t.equal('email' in (await list('?country=NO')).body.items[0].clinic, false)
  const first = (await list('?limit=2')).body
  t.same([...first.items, ...(await list(`?limit=2&cursor=${first.nextCursor}`)).body.items].map(({ id }: any) => id), [bo, ann, zoe]) // prettier-ignore
  for (const query of ['?q=', `?q=${'x'.repeat(201)}`, '?country=no', '?agencyId=x', '?cursor=x', '?limit=0'])
    t.match(problemOf(await list(query)), { status: 400, code: 'VALIDATION_FAILED' }, query)
  for (const id of made) await feature(id, false)
})

t.test('a photo is public while its provider is featured, and says nothing but the picture', async (t) => {
  const providerId = await house.active()
  const objects = async () => {
    await host.parts.host.documents.sweep(riverside.id)
    return globSync('documents/**/*', { cwd: host.dataDir, withFileTypes: true }).filter((entry) => entry.isFile()).length
  }
  const before = await objects()
  const secret = 'CANARYgps47.6N'
  const camera = jpegSegment(0xe1, Buffer.from(`Exif\0\0${secret}`, 'latin1'))
  const made = await put(providerId, jpegFile(8, 8, [camera]), 'me.jpg', 'image/jpeg')
  t.match(made.body, { providerId, contentType: 'image/jpeg', photoUrl: `/api/public/providers/${providerId}/photo` }, made.text)
  const see = (headers: Record<string, string> = {}) => host.app.inject({ url: made.body.photoUrl, headers })
  t.equal((await see()).statusCode, 404, 'not before')
  await feature(providerId)
  t.equal((await list()).body.items[0].photoUrl, made.body.photoUrl)
  const shown = await see()
  t.same(
    [shown.statusCode, shown.headers['content-type'], shown.headers['cache-control']],
    [200, 'image/jpeg', 'public, no-cache'],
    shown.body,
  )
  t.equal(shown.rawPayload.length, made.body.sizeBytes)
  t.equal(shown.headers['cross-origin-resource-policy'], 'cross-origin', 'in portals of any site')
  t.notOk(shown.rawPayload.includes(secret))
  t.equal((await see({ 'if-none-match': shown.headers.etag as string })).statusCode, 304)
  const second = await put(providerId, pngFile(4, 4, [pngChunk('tEXt', Buffer.from(`Author\0${secret}`))]), 'me.png', 'image/png')
  t.equal(second.status, 200, second.text)
  t.equal((await see({ 'if-none-match': shown.headers.etag as string })).headers['content-type'], 'image/png', 'the new one at once')
  const files = globSync('**/*', { cwd: host.dataDir, withFileTypes: true }).filter((entry) => entry.isFile())
  t.notOk(
    files.some((entry) => readFileSync(join(entry.parentPath, entry.name)).includes(secret)),
    'nothing of it was kept',
  )

  t.equal(await objects(), before + 1, 'the first one is gone from the store')
  const removed = await house.call('DELETE', `/admin/providers/${providerId}/photo`, { as: 'provider-admin' })
  t.equal(removed.status, 204, removed.text)
  t.equal((await see()).statusCode, 404)
  t.equal(await objects(), before, 'and the second one')
  t.equal((await list()).body.items[0].photoUrl, null)
  t.equal((await house.call('DELETE', `/admin/providers/${providerId}/photo`, { as: 'provider-admin' })).status, 404)
  await put(providerId, pngFile(), 'me.png', 'image/png')
  await house.change(providerId, 'suspension', { reason: 'Under investigation until further notice.', confirm: true })
  t.equal((await see()).statusCode, 404, 'nor of a suspended one')

  await house.change(providerId, 'deactivation', { reason: 'The provider asked for closure.', confirm: true })
  t.match(
    problemOf(await put(providerId, pngFile(), 'me.png', 'image/png')),
    { status: 409, code: 'CONFLICT' },
    'nor is one of a closed account changed',
  )
  const closed = await house.call('DELETE', `/admin/providers/${providerId}/photo`, { as: 'provider-admin' })
  t.match(problemOf(closed), { status: 409, code: 'CONFLICT' })

  t.ok([400, 415].includes((await put(await house.begin(), pdfFile(), 'me.pdf', 'application/pdf')).status), 'no document')
  t.equal((await put(await house.begin(), Buffer.concat([pngFile(), Buffer.alloc(5 * 1024 * 1024)]), 'me.png', 'image/png')).status, 413)
  for (const as of ['document-verifier', 'provider-read-only', 'provider-self', 'clinician'])
    t.match(problemOf(await put(providerId, pngFile(), 'me.png', 'image/png', as)), { status: 403 }, as)
  t.equal((await put(newId(), pngFile(), 'me.png', 'image/png')).status, 404)
})

t.test('the public’s role sees the published columns and nothing else', async (t) => {
  const providerId = await house.active()
  await feature(providerId)
  const { within } = await databaseSession(t, host.database)
  const asPublic = (sql: string) => within({ role: 'postern_public' }, [sql])
  t.equal((await asPublic('select id, display_name from provider_featured')).rows.length, 1, 'without an agency')
  for (const sql of [
    'select agency_id from provider_featured',
    'select * from provider_featured',
    'select id from provider_profile',
    'select id from provider_document',
    'select object_key from provider_photo',
    'select id from host_agency',
    'delete from provider_featured',
    "update provider_featured set display_name = 'x'",
  ])
    // prettier-ignore
    await t.rejects(asPublic(sql), { code: '42501' }, sql)
  const elsewhere = { role: 'postern_admin', agency: newId() }
  t.equal((await within(elsewhere, ['select id from provider_featured'])).rows.length, 0, 'who writes it sees an agency of it')
  await feature(providerId, false)
})

t.test('it is limited by address', async (t) => {
  const from = (remoteAddress: string) => host.app.inject({ url: `/api${path}`, remoteAddress })
  const answers = await Promise.all(Array.from({ length: 401 }, () => from('10.7.0.1')))
  t.same([200, 429].map((status) => answers.filter(({ statusCode }) => statusCode === status).length), [400, 1]) // prettier-ignore
  t.ok(answers.find(({ statusCode }) => statusCode === 429)!.headers['retry-after'])
  t.equal((await from('10.7.0.2')).statusCode, 200)
})
