import fc from 'fast-check'
import t from 'tap'
import { riverside } from '../../../config/personas.ts'
import { searchable } from '../../../domain/provider-administration/index.ts'
import { tallyTables } from '../../../plugins/contexts/provider-administration/tables/tally.ts'
import { completeProfile, fifteenPercent, plantDocuments, threeTiers } from '../../fixtures/providers.ts'
import { newId } from '../../../domain/shared/ids.ts'
import { problemOf } from '../portal.ts'
import { openHouse } from './house.ts'

const house = await openHouse(t)
const { host } = house
const minute = 60_000
const query = (sql: string, values: readonly unknown[]) => house.rows(sql, ...values)

const people: [string, string, string, object, string][] = [
  ['Maria', 'Silva', 'Harbour Clinic', fifteenPercent, 'MD100001'],
  ['José', 'Álvarez', 'Clínica del Sol', threeTiers, 'MD200002'],
  ['Anna', 'Silversmith', 'Harbour Clinic', { type: 'percentage', percentage: 7.5 }, 'XK300003'],
  ['Bo', 'Li', '50%_Hair\\Studio', { type: 'percentage', percentage: 30 }, 'XK400004'],
]
const ids: string[] = []
const read = async (q: string, as = 'provider-admin') => (await house.get(as, `/admin/providers?${q}`)).body
const names = async (q: string): Promise<string[]> =>
  (await read(`status=all&${q}`)).items.map(({ displayName }: { displayName: string }) => displayName)
const post = (id: string, what: string, body: object) =>
  house
    .get('provider-admin', `/admin/providers/${id}`)
    .then(({ headers }) =>
      house.call('POST', `/admin/providers/${id}/${what}`, { as: 'provider-admin', body, headers: { 'if-match': headers.etag as string } }),
    )

const tagOf = async (id: string): Promise<string> => (await house.get('provider-admin', `/admin/providers/${id}`)).headers.etag as string
const put = (id: string, etag: string, body: object) =>
  house.call('PUT', `/admin/providers/${id}/commission`, { as: 'provider-admin', body, headers: { 'if-match': etag } })
const rename = async (id: string, body: object) =>
  house.call('PATCH', `/admin/providers/${id}`, { as: 'provider-admin', body, headers: { 'if-match': await tagOf(id) } })

// Sixty searches a minute are the limit.
t.beforeEach(() => house.pass(minute))

t.before(async () => {
  for (const [index, [firstName, lastName, clinic, commission, medicalLicenseNumber]] of people.entries()) {
    const more = { firstName, lastName, commission, medicalLicenseNumber, email: `p${index}@dashboard.example`, clinic: { ...completeProfile.clinic, name: clinic } }
    ids.push(await house.begin(more))
    await house.pass(minute)
  }
  for (const providerId of ids.slice(0, 2)) {
    await plantDocuments(query, { agencyId: riverside.id, providerId, status: 'approved' })
    await post(providerId, 'activation', { confirm: true })
  }
  await plantDocuments(query, { agencyId: riverside.id, providerId: ids[2]!, types: ['medical_license', 'board_certification'] })
}) // prettier-ignore

t.test('Default View: active providers by name, 50 a page', async (t) => {
  const body = await read('')
  t.match(body, { page: 1, pageSize: 50, total: 2 })
  t.same(body.items.map(({ displayName }: { displayName: string }) => displayName), ['Dr. José Álvarez', 'Dr. Maria Silva'])
  t.same(body.items[1], {
    id: ids[0], displayName: 'Dr. Maria Silva', clinicName: 'Harbour Clinic', status: 'active', featured: false, commissionType: 'percentage', currentRate: 15,
    documentsStatus: 'complete', documentsExpired: false, createdAt: body.items[1].createdAt, etag: body.items[1].etag,
    allowedActions: ['view', 'edit', 'suspension', 'deactivation', 'feature', 'commission', 'verify-documents', 'notify'],
  })
  t.same((await read('', 'provider-read-only')).items[0].allowedActions, ['view'])
}) // prettier-ignore

t.test('Search: a part of name or clinic in any case; whole email and licence; the licence’s last four', async (t) => {
  for (const [q, expected] of [
    ['silv', ['Dr. Anna Silversmith', 'Dr. Maria Silva']], ['SILVA', ['Dr. Maria Silva']], ['ria sil', ['Dr. Maria Silva']], ['jose alvarez', ['Dr. José Álvarez']],
    ['Álva', ['Dr. José Álvarez']], ['harbour', ['Dr. Anna Silversmith', 'Dr. Maria Silva']], ['linic', ['Dr. Anna Silversmith', 'Dr. José Álvarez', 'Dr. Maria Silva']],
    ['harbour clinic x', []], ['silva harbour', []], ['maria silva', ['Dr. Maria Silva']], ['li', ['Dr. Anna Silversmith', 'Dr. Bo Li', 'Dr. José Álvarez', 'Dr. Maria Silva']],
    ['b', ['Dr. Anna Silversmith', 'Dr. Bo Li', 'Dr. Maria Silva']], ['50%_', ['Dr. Bo Li']], ['0%_h', ['Dr. Bo Li']], ['r\\s', ['Dr. Bo Li']], ['%', ['Dr. Bo Li']], ['_', ['Dr. Bo Li']], ['a%a', []],
    ['P2@Dashboard.example', ['Dr. Anna Silversmith']], ['dashboard.example', []], ['p2@dashboard', []],
    ['MD200002', ['Dr. José Álvarez']], ['md 200-002', ['Dr. José Álvarez']], ['0002', ['Dr. José Álvarez']], ['200002', []], ['MD20', []], ['nobody', []],
  ] as const) t.same(await names(`q=${encodeURIComponent(q)}`), expected, q)
  t.equal((await house.get('provider-admin', `/admin/providers?q=${'x'.repeat(201)}`)).status, 400)
  t.same(await names('q='), await names(''), 'nothing is looked for')
  const clinic = (name: string) => ({ clinic: { ...completeProfile.clinic, name } })
  await rename(ids[0]!, { lastName: 'Łukasz', ...clinic('Abcdefghijk𠮷rest') })
  for (const q of ['Dr. Maria Łukasz', 'dr maria l', 'lukasz', 'abcdefghijk𠮷rest', 'k𠮷']) t.same(await names(`q=${encodeURIComponent(q)}`), ['Dr. Maria Łukasz'], q)
  t.equal((await rename(ids[0]!, { lastName: 'Renamed', ...clinic('Harbour Clinic') })).status, 200)
  t.same([await names('q=maria silva'), await names('q=renamed')], [[], ['Dr. Maria Renamed']], 'what is found follows the name')
  const suffixes = await house.rows('select suffix from provider_search_suffix where provider_id = $1 order by 1', ids[0])
  t.equal(new Set(suffixes.map(({ suffix }) => suffix)).size, suffixes.length)
  t.notOk(suffixes.some(({ suffix }) => suffix.startsWith('silva')))
}) // prettier-ignore

t.test('filters and sorts', async (t) => {
  const begun = async (index: number) => (await house.get('provider-admin', `/admin/providers/${ids[index]}`)).body.createdAt
  const [second, third] = [await begun(1), await begun(2)]
  for (const [q, expected] of [
    ['status=draft', ['Dr. Anna Silversmith', 'Dr. Bo Li']], ['status=active&status=draft', ['Dr. Anna Silversmith', 'Dr. Bo Li', 'Dr. José Álvarez', 'Dr. Maria Renamed']],
    ['status=suspended', []], ['status=draft&commissionType=tier', []], ['status=all&commissionType=tier', ['Dr. José Álvarez']],
    ['status=all&commissionType=all&featured=true', []], [`status=all&createdFrom=${second}&createdTo=${third}`, ['Dr. José Álvarez']],
    [`status=all&activeFrom=${(await house.get('provider-admin', `/admin/providers/${ids[0]}`)).body.activityAt}`, ['Dr. Maria Renamed']],
    ['status=all&sort=-name', ['Dr. Maria Renamed', 'Dr. José Álvarez', 'Dr. Bo Li', 'Dr. Anna Silversmith']],
    ['status=all&sort=createdAt', ['Dr. Maria Renamed', 'Dr. José Álvarez', 'Dr. Anna Silversmith', 'Dr. Bo Li']],
    ['status=all&sort=-createdAt', ['Dr. Bo Li', 'Dr. Anna Silversmith', 'Dr. José Álvarez', 'Dr. Maria Renamed']],
    ['status=all&sort=commissionRate', ['Dr. Anna Silversmith', 'Dr. Maria Renamed', 'Dr. José Álvarez', 'Dr. Bo Li']],
    ['status=all&sort=-commissionRate&q=il', ['Dr. Anna Silversmith']],
  ] as const) t.same((await read(q)).items.map(({ displayName }: { displayName: string }) => displayName), expected, q)
  for (const q of ['status=gone', 'sort=age', 'page=0', 'pageSize=10', 'createdFrom=yesterday', 'createdFrom=2026-02-30T00:00:00Z', 'featured=maybe', 'limit=5'])
    t.equal((await house.get('provider-admin', `/admin/providers?${q}`)).status, 400, q)
}) // prettier-ignore

t.test('pages, their total, and polling with ETag', async (t) => {
  for (let n = 0; n < 30; n++) await house.call('POST', '/admin/providers', { token: host.token('provider-admin', { claims: { sub: newId() } }), body: { lastName: 'Page', firstName: String.fromCodePoint(97 + (n % 26)) }, headers: { 'idempotency-key': newId() } })
  const first = await read('status=draft&q=page&pageSize=25')
  const second = await read('status=draft&q=page&pageSize=25&page=2')
  t.match([first, second], [{ page: 1, pageSize: 25, total: 30 }, { page: 2, total: 30 }])
  t.same([first.items.length, second.items.length], [25, 5])
  t.equal(new Set([...first.items, ...second.items].map(({ id }: { id: string }) => id)).size, 30)
  t.match(await read('status=draft&q=page&pageSize=25&page=3'), { items: [], total: 30 })
  t.match(await read('status=draft&pageSize=100&page=7'), { items: [], total: 32 })
  const path = '/admin/providers?status=draft'
  const polled = await house.get('provider-admin', path)
  const etag = polled.headers.etag as string
  t.match(etag, /^"[0-9a-f]{32}"$/)
  t.same((await house.get('provider-admin', path, { 'if-none-match': etag })).status, 304)
  await plantDocuments(query, { agencyId: riverside.id, providerId: ids[2]!, types: ['malpractice_insurance'] })
  t.equal((await house.get('provider-admin', path, { 'if-none-match': etag })).status, 200, 'a document changes a row')
}) // prettier-ignore

t.test('SC-012: counts by status and by documents', async (t) => {
  const stats = await house.get('provider-read-only', '/admin/providers/stats')
  t.same(stats.body, {
    total: 34, featured: 0, byStatus: { draft: 32, active: 2, suspended: 0, deactivated: 0 },
    byDocumentsStatus: { incomplete: 31, rejected: 0, pending: 1, complete: 2 },
  }) // prettier-ignore
  await house.rows("update provider_document set verification_status = 'rejected', verified_at = now(), verified_by = 'x', verified_audit_id = id, rejection_reason = 'Cannot be read' where provider_id = $1 and type = 'medical_license'", ids[2])
  t.match((await house.get('provider-read-only', '/admin/providers/stats')).body.byDocumentsStatus, { rejected: 1, pending: 0 })
}) // prettier-ignore

t.test('every order from its beginning and from its end, over all statuses: nobody twice, nobody left out', async (t) => {
  const columns = { name: 'sort_name', createdAt: 'created_at', commissionRate: 'current_rate' }
  for (const [sort, column] of Object.entries(columns))
    for (const [sign, direction] of [['', 'asc'], ['-', 'desc']] as const) {
      const pages = [await read(`status=all&pageSize=25&sort=${sign}${sort}`), await read(`status=all&pageSize=25&page=2&sort=${sign}${sort}`)]
      const expected = await house.rows(`select id from provider_profile where agency_id = $1 order by ${column} ${direction} nulls last, id ${direction}`, riverside.id)
      t.same(pages.flatMap(({ items }) => items.map(({ id }: { id: string }) => id)), expected.map(({ id }) => id), `${sign}${sort}`)
      const featured = await read(`status=all&featured=false&commissionType=percentage&pageSize=25&sort=${sign}${sort}`)
      t.match(featured, { total: 3 }, 'counted by what it is filtered by')
      t.equal(featured.items.length, 3)
    }
}) // prettier-ignore

/** Every kind of account by the tally, and by the accounts themselves. */
const counted = async () => {
  const kind = 'status, documents_status, commission_type, featured'
  const tallied = await house.rows(
    `select agency_id, ${kind}, sum(number)::int as n from provider_tally group by agency_id, ${kind} having sum(number) <> 0 order by 1, 2, 3, 4, 5`,
  )
  const there = await house.rows(
    `select agency_id, ${kind}, count(*)::int as n from provider_profile group by agency_id, ${kind} order by 1, 2, 3, 4, 5`,
  )
  return { tallied, there }
}

t.test('the counts are right after every transition', async (t) => {
  const id = await house.begin()
  const right = async (what: string) => {
    const { tallied, there } = await counted()
    t.same(tallied, there, what)
  }
  await right('begun')
  await plantDocuments(query, { agencyId: riverside.id, providerId: id, status: 'approved' })
  await right('its documents are complete')
  for (const [what, body] of [
    ['activation', {}], ['suspension', { reason: 'An answer is outstanding.' }], ['reactivation', {}],
    ['featured', { featured: true }], ['deactivation', { reason: 'At the provider’s own wish.' }],
  ] as const) {
    await house.change(id, what, what === 'featured' ? body : { ...body, confirm: true })
    await right(what)
  }
  const { total, byStatus, byDocumentsStatus } = (await house.get('provider-read-only', '/admin/providers/stats')).body
  t.equal(byStatus.deactivated, 1)
  t.equal(Object.values<number>(byDocumentsStatus).reduce((sum, n) => sum + n), total - 1, 'documents of a deactivated account are nobody’s to see to')
}) // prettier-ignore

t.test('the counts are right after a race of everybody with everybody', async (t) => {
  const raced = await Promise.all(Array.from({ length: 8 }, () => house.begin()))
  const tags = await Promise.all(raced.map(tagOf))
  // All of an account's begin at one version: one wins, and whoever comes too late must leave no trace in the counts.
  const [puts] = await Promise.all([
    Promise.all(raced.flatMap((id, at) => [{ type: 'percentage', percentage: 20 }, { type: 'percentage', percentage: 25 }, threeTiers].map((body) => put(id, tags[at]!, body)))),
    ...raced.flatMap((id) => [house.upload(id, 'medical_license'), house.begin()]),
  ]) // prettier-ignore
  const [won, late] = [200, 412].map((status) => puts.filter((one) => one.status === status).length)
  t.ok((late ?? 0) >= 16 && puts.length === 24 && won === 24 - (late ?? 0), 'an upload may have been quicker than all three')
  const { tallied, there } = await counted()
  t.same(tallied, there)
  await query(`do $$ begin for n in 1..2000 loop update provider_profile set featured = not featured where id = '${ids[1]}'; end loop; end $$`, [])
  const after = await counted()
  t.same(after.tallied, after.there)
  const [lines] = await house.rows('select count(*)::int as n from provider_tally where agency_id = $1', riverside.id)
  t.ok(lines.n < 2_000, 'lines are folded as they come')
}) // prettier-ignore

t.test('accounts that were there before the tally are counted when it is made', async (t) => {
  const before = await counted()
  const [{ owner }] = await house.rows("select tableowner as owner from pg_tables where tablename = 'provider_profile'")
  const undo = ['drop table provider_tally', 'drop trigger provider_tally_upkeep on provider_profile', 'drop trigger provider_tally_moved on provider_profile',
    'drop function provider_tally_upkeep', 'drop index provider_profile_by_rate_down', 'create index provider_profile_by_documents on provider_profile (status)']
  await query('begin', [])
  try {
    for (const sql of [`set local role ${owner}`, ...undo, ...tallyTables, 'reset role']) await query(sql, [])
    const after = await counted()
    t.same([after.tallied, after.there], [before.tallied, before.there])
    const [{ forced }] = await house.rows("select relforcerowsecurity as forced from pg_class where relname = 'provider_profile'")
    t.ok(forced, 'its owner sees no account any more')
  } finally {
    await query('rollback', [])
  }
}) // prettier-ignore

t.test('the total of a search that finds too many to look each up follows every change, and is not counted anew without one', async (t) => {
  const seen = async (q: string) => (await read(`status=all&q=harbour${q}`)).total
  const expected = async (and = 'true') =>
    (await house.rows(`select count(*)::int as n from provider_profile where agency_id = $1 and search_text like '%harbour%' and ${and}`, riverside.id))[0]!.n
  await house.rows("insert into provider_search_suffix (agency_id, suffix, provider_id) select $1, 'harbour' || n, $2 from generate_series(1, 2001) n", riverside.id, ids[3])
  const before = await seen('')
  t.equal(before, await expected())
  t.ok(before >= 2)

  // Nobody but the superuser gets past the triggers.
  const past = (name: string) => query(`do $$ begin set local session_replication_role = replica; update provider_profile set search_text = '${name}' where id = '${ids[0]}'; end $$`, [])
  const [{ name }] = await house.rows('select search_text as name from provider_profile where id = $1', ids[0])
  await past('elsewhere')
  t.equal(await seen(''), before, 'it is remembered')
  t.equal(await seen('&commissionType=percentage'), await expected("commission_type = 'percentage'"), 'not for another question')

  const lock = (what: string) => house.rows(`select pg_${what}(5067011, hashtext($1))`, riverside.id)
  const foldSql = `with gone as (delete from provider_tally where agency_id = $1 returning *) insert into provider_tally (agency_id, status, documents_status, commission_type, featured, number)
    select agency_id, status, documents_status, commission_type, featured, sum(number) from gone group by 1, 2, 3, 4, 5 having sum(number) <> 0`
  const called = (lastName: string) => rename(ids[2]!, { lastName, clinic: { ...completeProfile.clinic, name: 'Elsewhere' } })
  await lock('advisory_lock')
  await called('Silversmith')
  t.equal(await seen(''), before - 1, 'what a line says is taken off, and nothing is counted anew')
  await called('Harbourmaster')
  t.equal(await seen(''), before, 'and added')
  t.equal(await seen('&commissionType=tier'), await expected("commission_type = 'tier'"), 'where it is of the kind that is asked for')
  await called('Harboured')
  t.equal(await seen(''), before, 'one name for another')
  const nameless = `insert into provider_tally (agency_id, status, documents_status, commission_type, featured, number)
    select agency_id, status, documents_status, commission_type, featured, n from provider_profile, unnest(array[1, -1]) n where id = $1`
  await house.rows(nameless, ids[2])
  t.equal(await seen(''), await expected(), 'a line that does not say whose it is is not followed')
  await lock('advisory_unlock')
  await house.rows(foldSql, riverside.id)
  t.equal(await seen(''), await expected(), 'it is counted anew when the lines were folded')
  await called('Silversmith')
  await rename(ids[2]!, { clinic: { ...completeProfile.clinic, name: 'Harbour Clinic' } })
  const counts = async () => (await house.get('provider-admin', '/admin/providers/stats')).body
  const there = await counts()
  await house.jobs.run('provider-retention', house.today(), riverside.id)
  t.same(await house.rows('select search_text from provider_tally where search_text is not null'), [], 'no name stays in a line for longer than a day')
  t.same(await counts(), there)
  await past(name)
  await house.rows(foldSql, riverside.id)

  for (const [what, change, and] of [
    ['a name that no longer has it', () => rename(ids[0]!, { clinic: { ...completeProfile.clinic, name: 'Elsewhere' } }), ''],
    ['one that has it again', () => rename(ids[0]!, { clinic: { ...completeProfile.clinic, name: 'Harbour Clinic' } }), ''],
    ['an account more', () => house.begin({ lastName: 'Harbour', email: 'p9@dashboard.example' }), ''],
    ['a kind of commission', async () => put(ids[0]!, await tagOf(ids[0]!), threeTiers), '&commissionType=tier'],
  ] as const) {
    const sql = and === '' ? 'true' : "commission_type = 'tier'"
    const was = await seen(and)
    const answer = await change()
    t.ok(typeof answer === 'string' || answer.status === 200, `${what}: changed`)
    t.equal(await seen(and), await expected(sql), what)
    t.not(await seen(and), was, `${what}: another total`)
  }
  const active = (await read('status=active&q=harbour')).total
  await house.change(ids[0]!, 'suspension', { reason: 'An answer is outstanding.', confirm: true })
  t.equal((await read('status=active&q=harbour')).total, active - 1, 'a status')
  await house.rows("delete from provider_search_suffix where suffix like 'harbour_%' and provider_id = $1", ids[3])
  t.equal(await seen(''), await expected(), 'the same where each is looked up')
}) // prettier-ignore

/** An account as the model of the dashboard knows it. */
type Known = {
  id: string
  status: string
  featured: boolean
  type: string | null
  rate: number | null
  created: number
  active: number
  name: string
  text: string
  license: string
  email: string
}
type Asked = Partial<{
  q: string
  status: readonly string[]
  featured: boolean
  commissionType: string
  createdFrom: number
  createdTo: number
  activeFrom: number
  activeTo: number
  sort: string
  page: number
  pageSize: number
}>

/** What the dashboard shows, by reading through everything: ids in their order, and how many there are. */
const expectedOf = (accounts: readonly Known[], { q = '', status = ['active'], sort = 'name', page = 1, pageSize = 25, ...asked }: Asked) => {
  const [text, whole] = [searchable(q), q.trim().toUpperCase()]
  const number = /^[A-Z0-9 -]+$/.test(whole) ? whole.replaceAll(/[ -]/g, '') : null
  const isIt = ({ email, license }: Known) =>
    whole.includes('@') ? email.toUpperCase() === whole : license !== '' && number !== null && (license === number || (/^[A-Z0-9]{4}$/.test(whole) && license.endsWith(whole)))
  const found = accounts.filter((one) =>
    (text === '' || one.text.includes(text) || isIt(one)) && (status.includes('all') || status.includes(one.status)) && one.featured === (asked.featured ?? one.featured) &&
    (asked.commissionType === undefined || asked.commissionType === 'all' || one.type === asked.commissionType) &&
    one.created >= (asked.createdFrom ?? 0) && one.created < (asked.createdTo ?? Infinity) && one.active >= (asked.activeFrom ?? 0) && one.active < (asked.activeTo ?? Infinity)) // prettier-ignore
  const down = sort.startsWith('-') ? -1 : 1
  const key = ({ name, created, rate }: Known) => ({ name, createdAt: created, commissionRate: rate })[sort.replace('-', '') as 'name']
  const [none, some] = [found.filter((one) => key(one) === null), found.filter((one) => key(one) !== null)]
  const order = (a: string | number, b: string | number): number => (a < b ? -down : a > b ? down : 0)
  const sorted = [...some.toSorted((a, b) => order(key(a), key(b)) || order(a.id, b.id)), ...none.toSorted((a, b) => order(a.id, b.id))]
  return { ids: sorted.slice((page - 1) * pageSize, page * pageSize).map(({ id }) => id), total: found.length, page, pageSize }
} // prettier-ignore

t.test('whatever is asked together, the answer is that of reading through every account', async (t) => {
  await house.rows("update provider_profile set featured = true where id = $1 and status = 'active'", ids[1])
  await house.rows("insert into provider_search_suffix (agency_id, suffix, provider_id) select $1, 'harbour' || n, $2 from generate_series(1, 2001) n", riverside.id, ids[3])
  const rows = await house.rows(`select id, status, featured, commission_type as type, current_rate::float8 as rate, created_at as created, activity_at as active, sort_name as name,
    search_text as text, license_index is not null as licensed from provider_profile where agency_id = $1`, riverside.id)
  const accounts: Known[] = rows.map(({ created, active, licensed, ...row }) => {
    const at = ids.indexOf(row.id)
    const license = at >= 0 ? people[at]![4] : licensed ? completeProfile.medicalLicenseNumber : ''
    return { ...row, created: +created, active: +active, license, email: at >= 0 ? `p${at}@dashboard.example` : '' }
  })
  const sub = newId()
  await house.rows('insert into provider_preference (agency_id, user_id, page_size, updated_at, audit_id) values ($1, $2, 25, now(), $3)', riverside.id, sub, newId())
  const moments = (of: 'created' | 'active') => fc.constantFrom(...new Set(accounts.flatMap((one) => [one[of], one[of] + 1])))
  const part = fc.tuple(fc.constantFrom(...accounts), fc.nat(20), fc.integer({ min: 1, max: 14 })).map(([{ text }, from, length]) => text.slice(from, from + length).replaceAll('\n', ' '))
  const number = fc.constantFrom('MD100001', 'md 200-002', '0003', 'XK40', 'MD123456', '3456', 'P1@Dashboard.example', 'p0@dashboard', ' p3@dashboard.example ')
  const odd = fc.constantFrom('', ' ', '%', '_', '\\', "'", '"', '$1', '--', 'ß', '\u0301', '\u{10ffff}', 'É', '@', 'harbour', 'HARB', 'harbour c', 'page', 'p')
  const asked = fc.record({
    q: fc.oneof(part, number, odd), status: fc.oneof(fc.constant(['all']), fc.uniqueArray(fc.constantFrom('draft', 'active', 'suspended', 'deactivated'), { minLength: 1 })), featured: fc.boolean(),
    commissionType: fc.constantFrom('percentage', 'tier', 'all'), createdFrom: moments('created'), createdTo: moments('created'), activeFrom: moments('active'), activeTo: moments('active'),
    sort: fc.constantFrom('name', '-name', 'createdAt', '-createdAt', 'commissionRate', '-commissionRate'), page: fc.integer({ min: 1, max: 3 }), pageSize: fc.constantFrom(25, 50),
  }, { requiredKeys: [] }).filter(({ createdFrom = 0, createdTo = Infinity, activeFrom = 0, activeTo = Infinity }) => createdFrom <= createdTo && activeFrom <= activeTo)
  let tries = 0
  await fc.assert(fc.asyncProperty(asked, async (one) => {
    if ((tries += 1) % 50 === 0) await house.pass(minute)
    const query = new URLSearchParams(Object.entries(one).flatMap(([name, value]): [string, string][] =>
      [value].flat().map((each) => [name, /From|To/.test(name) ? new Date(Number(each)).toISOString() : String(each)])))
    const { status, body, text } = await house.call('GET', `/admin/providers?${query.toString()}`, { token: host.token('provider-read-only', { claims: { sub } }) })
    if (status !== 200) throw new Error(text)
    const expected = expectedOf(accounts, one)
    const { items, ...paging } = body
    return JSON.stringify(expected) === JSON.stringify({ ids: items.map(({ id }: { id: string }) => id), total: paging.total, page: paging.page, pageSize: paging.pageSize })
  }), { numRuns: 120 })
  t.pass(`${tries} questions`)
}) // prettier-ignore

t.test('60 searches a minute', async (t) => {
  const token = host.token('provider-read-only', { claims: { sub: newId() } })
  for (let n = 0; n < 60; n++) await house.call('GET', '/admin/providers?pageSize=25', { token })
  t.match(problemOf(await house.call('GET', '/admin/providers', { token })), { status: 429 })
  t.equal((await house.call('GET', '/admin/providers/stats', { token })).status, 200)
})
