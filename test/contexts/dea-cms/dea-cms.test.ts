import t from 'tap'
import { personaNamed } from '../../../config/personas.ts'
import { newId } from '../../../domain/shared/ids.ts'
import { cmsBody, deaBody } from '../../fixtures/dea-cms.ts'
import { problemOf } from '../portal.ts'
import { openOffice } from './portal.ts'

const office = await openOffice(t)
const officer = 'compliance-officer'
const { sub, agencyId } = personaNamed(officer)!
const day = 86_400_000
const today = (ms = 0): string => new Date(office.now() + ms).toISOString().slice(0, 10)
const at = (): string => new Date(office.now()).toISOString()
const notFound = { status: 404, code: 'NOT_FOUND' }
const stale = { status: 412, code: 'CONFLICT', reason: 'stale' }
const invalid = (pointer: string, rule: string) => ({ status: 400, code: 'VALIDATION_FAILED', errors: [{ pointer, rule }] })

t.beforeEach(async () => {
  await office.rows('truncate dea_registrant_metadata, cms_enrollment_metadata, dea_compliance_note, cms_compliance_note')
  await office.pass(60_000)
})

t.test('a DEA registration is kept, read, replaced, noted and removed', async (t) => {
  const body = deaBody({ deaRegistrationNumber: 'ab1234563', authorizedSchedules: ['V', 'II'] })
  const made = await office.post(officer, '/dea/metadata', body)
  t.equal(made.status, 201, made.text)
  const { id } = made.body
  const said = { ...body, deaRegistrationNumber: 'AB1234563', authorizedSchedules: ['II', 'V'] }
  const record = { id, agencyId, createdAt: at(), updatedAt: at(), ...said, expirationReminderSent: false }
  t.same(made.body, { ...record, notes: [] }, 'the number in upper case, the schedules in order')
  t.match(made.headers, { location: `/api/dea/metadata/${id}`, etag: '"1.0"' })
  t.same((await office.get('controlled-substance-officer', `/dea/metadata/${id}`)).body, { ...record, notes: [] })
  t.same((await office.get(officer, '/dea/metadata')).body, { items: [{ ...record, etag: '"1.0"' }], nextCursor: null })

  await office.pass(60_000)
  const note = await office.post(officer, '/dea/compliance-note', { metadataId: id, note: 'Inventory counted.' })
  t.same([note.status, note.headers.location], [201, `/api/dea/metadata/${id}`], note.text)
  t.same(note.body, { id: note.body.id, metadataId: id, note: 'Inventory counted.', authorId: sub, createdAt: at() })
  t.match(problemOf(await office.put(officer, `/dea/metadata/${id}`, '"1.0"', body)), stale, 'a note is a change')

  const next = { ...said, registrationStatus: 'pending', expirationDate: '2098-01-01' }
  const replaced = await office.put(officer, `/dea/metadata/${id}`, '"2.0"', next)
  const { metadataId: _, ...shown } = note.body
  t.same([replaced.status, replaced.headers.etag], [200, '"3.0"'], replaced.text)
  t.same(replaced.body, { ...record, ...next, updatedAt: at(), notes: [shown] })
  const read = await office.get(officer, `/dea/metadata/${id}`)
  t.same([read.body, read.headers.etag], [replaced.body, '"3.0"'])
  t.equal((await office.get(officer, `/dea/metadata/${id}`, { 'if-none-match': '"3.0"' })).status, 304)

  t.match(problemOf(await office.remove(officer, `/dea/metadata/${id}`, '"2.0"')), stale)
  const gone = await office.remove(officer, `/dea/metadata/${id}`, '"3.0"')
  t.same([gone.status, gone.text], [204, ''])
  for (const answer of [
    await office.get(officer, `/dea/metadata/${id}`),
    await office.put(officer, `/dea/metadata/${id}`, '"3.0"', next),
    await office.remove(officer, `/dea/metadata/${id}`, '"3.0"'),
    await office.post(officer, '/dea/compliance-note', { metadataId: id, note: 'late' }),
  ])
    t.match(problemOf(answer), notFound)
  t.same((await office.get(officer, '/dea/metadata')).body.items, [])
  const [stored] = await office.rows('select version, deleted_by, deleted_at from dea_registrant_metadata')
  t.same(stored, { version: 3, deleted_by: sub, deleted_at: new Date(office.now()) }, 'kept, and marked')
  t.equal((await office.post(officer, '/dea/metadata', body)).status, 201, 'its number is free again')
})

t.test('a CMS enrollment the same, and what its readiness lacks', async (t) => {
  const bare = { npiReference: '1234567893', enrollmentStatus: 'pending' }
  const made = await office.post(officer, '/cms/metadata', bare)
  t.equal(made.status, 201, made.text)
  const { id } = made.body
  const path = `/cms/metadata/${id}`
  const results = (answer: { body: any }): string[] => answer.body.readinessChecks.map(({ rule, result }: any) => `${rule} ${result}`)
  const lacking = ['npi-valid pass', 'ptan-on-record fail', 'enrollment-active fail', 'effective-date-reached fail', 'payer-participation fail']
  t.same(results(made), lacking)
  const nothing = { ptanReference: null, effectiveDate: null, payerParticipationStatus: {}, notes: [] }
  t.match(made.body, { ...bare, ...nothing, agencyId, createdAt: at(), updatedAt: at() })
  t.match(made.headers, { location: `/api${path}`, etag: '"1.10000"' })

  const full = { ...bare, ptanReference: 'QX7', enrollmentStatus: 'active', effectiveDate: today(2 * day), payerParticipationStatus: { 'Blue Shield': 'yes', Medicaid: 'pending' } } // prettier-ignore
  const replaced = await office.put(officer, path, '"1.10000"', full)
  t.same([replaced.status, replaced.headers.etag], [200, '"2.11101"'], replaced.text)
  t.match(replaced.body, full)
  const asked = async () => (await office.get('billing-staff', '/cms/readiness-check')).body.items[0]
  t.match(await asked(), { metadataId: id, npiReference: '1234567893', ready: false })
  t.equal((await asked()).checks[3].reason, 'There is no effective date, or it is still to come.')
  await office.pass(2 * day)
  t.match(await asked(), { ready: true }, 'the day has come')
  t.ok((await asked()).checks.every(({ reason }: { reason: string }) => reason.length > 10))
  const later = await office.get(officer, path, { 'if-none-match': '"2.11101"' })
  t.same([later.status, later.headers.etag], [200, '"2.11111"'], 'another day, another representation')
  t.equal((await office.put(officer, path, '"2.11101"', full)).status, 200, 'and nothing that anybody changed')

  t.equal((await office.post(officer, '/cms/compliance-note', { metadataId: id, note: 'Called the MAC.' })).status, 201)
  t.match((await office.get(officer, path)).body.notes, [{ note: 'Called the MAC.', authorId: sub }])
  const other = await office.kept('cms')
  t.same((await office.get(officer, '/cms/readiness-check')).body.items.map((item: any) => item.metadataId), [other.body.id, id])
  const one = await office.get(officer, `/cms/readiness-check?metadataId=${id}`)
  t.same(one.body.items.map((item: any) => item.metadataId), [id])
  const none = await office.get(officer, `/cms/readiness-check?metadataId=${newId()}`)
  t.same([none.status, none.body], [200, { items: [], nextCursor: null }])
  t.equal((await office.remove(officer, path, '"4.11111"')).status, 204)
  t.match(problemOf(await office.get(officer, path)), notFound)
  t.equal((await office.post(officer, '/cms/metadata', bare)).status, 201)
}) // prettier-ignore

t.test('what cannot be true is refused, and where', async (t) => {
  const dea = async (more: object) => problemOf(await office.post(officer, '/dea/metadata', deaBody(more)))
  t.match(await dea({ deaRegistrationNumber: 'AB1234567' }), invalid('/deaRegistrationNumber', 'check-digit'))
  t.match(await dea({ deaRegistrationNumber: 'A11234563' }), { status: 400 })
  t.match(await dea({ expirationDate: '2025-03-01' }), invalid('/expirationDate', 'after-issue-date'))
  t.match(await dea({ issueDate: '1969-12-31' }), invalid('/issueDate', 'date-range'))
  t.match(await dea({ issueDate: '2025-02-30' }), invalid('/issueDate', 'format:date'))
  t.match(await dea({ registrantName: '\u200b' }), { status: 400 })
  for (const authorizedSchedules of [[], ['I'], ['II', 'II'], ['ii'], 'II', ['II', 'IIN', 'III', 'IIIN', 'IV', 'V', 'V']])
    t.match(await dea({ authorizedSchedules }), { status: 400 }, JSON.stringify(authorizedSchedules))
  t.match(await dea({ registrationStatus: 'revoked' }), { status: 400 })
  const cms = async (more: object) => problemOf(await office.post(officer, '/cms/metadata', cmsBody(more)))
  t.match(await cms({ npiReference: '1234567890' }), invalid('/npiReference', 'check-digit'))
  t.match(await cms({ npiReference: '3234567893' }), { status: 400 })
  t.match(await cms({ ptanReference: 'A 1' }), { status: 400 })
  t.match(await cms({ enrollmentStatus: 'expired' }), { status: 400 })
  const told = await cms({ payerParticipationStatus: { ' CANARYpayer': 'x' } })
  t.match(told, { status: 400 })
  t.notMatch(JSON.stringify(told), /CANARYpayer/, 'a name that only the input knows is not repeated')
  t.match(await cms({ payerParticipationStatus: { Medicare: '\u2800' } }), { status: 400 })
  const spelt = await office.kept('cms', { payerParticipationStatus: { 'Sante\u0301': 'yes' } })
  t.same(spelt.body.payerParticipationStatus, { 'Sant\u00e9': 'yes' }, 'names too are NFC')
  t.match(await cms({ payerParticipationStatus: { 'Sante\u0301': 'yes', 'Sant\u00e9': 'no' } }), { status: 400 }, 'one payer, named twice')
  const longest = { ['🚑'.repeat(100)]: '🚑'.repeat(200) }
  t.same((await office.kept('cms', { payerParticipationStatus: longest })).body.payerParticipationStatus, longest, 'counted in code points')
  for (const [path, body] of [['/dea/metadata', deaBody()], ['/cms/metadata', cmsBody()]] as const) {
    t.match(problemOf(await office.post(officer, path, body, { key: null })), { status: 400, reason: 'idempotency-key' })
    const first = await office.post(officer, path, body, { key: 'once' })
    const again = await office.post(officer, path, body, { key: 'once' })
    t.same([again.status, again.headers['idempotent-replayed'], again.body], [201, 'true', first.body])
    t.match(problemOf(await office.post(officer, path, body)), { status: 409, code: 'CONFLICT', reason: 'duplicate' })
    t.match(problemOf(await office.put(officer, `${path}/${first.body.id}`, null, body)), { status: 428 })
    t.match(problemOf(await office.put(officer, `${path}/${first.body.id}`, '"x"', body)), stale)
    const other = await office.kept(path === '/dea/metadata' ? 'dea' : 'cms')
    const taken = await office.put(officer, `${path}/${other.body.id}`, other.headers.etag as string, body)
    t.match(problemOf(taken), { status: 409, reason: 'duplicate' }, 'nor by an edit')
    t.equal((await office.post('compliance-officer-lakeside', path, body)).status, 201, 'another agency has its own')
  }
}) // prettier-ignore

t.test('of two who keep one number at once, and of two who change one record, one succeeds', async (t) => {
  const body = deaBody()
  const race = await Promise.all([1, 2, 3].map(() => office.post(officer, '/dea/metadata', body)))
  t.same(race.map(({ status }) => status).sort(), [201, 409, 409])
  const { id } = race.find(({ status }) => status === 201)!.body
  const edits = await Promise.all(['a', 'b', 'c'].map((registrantName) => office.put(officer, `/dea/metadata/${id}`, '"1"', { ...body, registrantName })))
  t.same(edits.map(({ status }) => status).sort(), [200, 412, 412])
  const notes = await Promise.all(['x', 'y', 'z'].map((note) => office.post(officer, '/dea/compliance-note', { metadataId: id, note })))
  t.same(notes.map(({ status }) => status), [201, 201, 201], 'notes do not contradict one another')
  t.equal((await office.get(officer, `/dea/metadata/${id}`)).headers.etag, '"5.0"')
}) // prettier-ignore

t.test('a credential is refused by name and by shape, and its value is nowhere', async (t) => {
  const { id } = (await office.kept('dea')).body
  const secret = 'CANARYhunter2'
  const refused = async (path: string, body: object, pointer: string): Promise<void> => {
    const answer = await office.post(officer, path, body)
    t.match(problemOf(answer), invalid(pointer, 'credential'), `${path} ${JSON.stringify(body).slice(0, 80)}`)
    t.notMatch(answer.text, new RegExp(`${secret}|hidden`), 'nothing is repeated')
  }
  const note = (text: string) => ({ metadataId: id, note: text })
  for (const text of [`password: ${secret}`, `the PIN is ${secret}`, `Login ok.\nPassword = ${secret}`, `ｐａｓｓｗｏｒｄ： ${secret}`, `pass\u200bword: ${secret}`,
    `MFA code: ${secret}`, `token:${secret}`, `{"password":"${secret}"}`, `userPassword=${secret}`, `https://me:${secret}@dea.example/`, `-----BEGIN RSA PRIVATE KEY----- ${secret}`])
    await refused('/dea/compliance-note', note(text), '/note')
  await refused('/dea/metadata', { ...deaBody(), password: secret }, '')
  await refused('/dea/metadata', { ...deaBody(), hidden: { deeper: [{ 'Api-Key': secret }] } }, '')
  await refused('/dea/metadata', { ...deaBody(), registrantName: `secret: ${secret}` }, '/registrantName')
  await refused('/cms/metadata', { ...cmsBody(), payerParticipationStatus: { portalPassword: secret } }, '/payerParticipationStatus')
  await refused('/cms/metadata', { ...cmsBody(), payerParticipationStatus: { Medicare: `credentials: ${secret}` } }, '/payerParticipationStatus')
  await refused('/cms/compliance-note', note(`pwd=${secret}`), '/note')
  const put = await office.put(officer, `/dea/metadata/${id}`, '"1"', { ...deaBody(), mfaSecret: secret })
  t.match(problemOf(put), invalid('', 'credential'))
  for (const persona of ['clinician', 'controlled-substance-officer'])
    t.equal((await office.post(persona, '/dea/compliance-note', note(`password: ${secret}`))).status, 403)
  t.equal((await office.post(officer, '/dea/compliance-note', note('Passwords are kept elsewhere; MFA is on.'))).status, 201)

  const [{ head }] = await office.rows("select count(*)::int as head from audit_event where action like '%Dea%' and outcome in ('VALIDATION_FAILED', 'FORBIDDEN')")
  t.ok(head >= 15, 'each attempt left its row')
  const events = (await office.get(officer, '/audit/events?limit=100')).text
  t.match(events, /"note":\{"redacted":"credential"\}/, 'with the place and the rule')
  t.match(events, /"Api-Key":\{"redacted":"credential"\}/)
  t.notMatch(events, new RegExp(secret), 'and never the value')
  t.notOk(office.lines.some((line) => line.includes(secret)))
}) // prettier-ignore

t.test('alerts: what expires within so many days, the expired first, page by page', async (t) => {
  const days = [400, 91, 90, 31, 30, 7, 6, 0, -3]
  const ids: Record<string, string> = {}
  for (const away of days) ids[away] = (await office.kept('dea', { expirationDate: today(away * day), issueDate: '2020-01-01' })).body.id
  const asked = async (query = '') => (await office.get('agency-admin', `/dea/expiration-alerts${query}`)).body
  const shown = (await asked()).items.map(({ daysUntilExpiration, warning, metadataId }: any) => [daysUntilExpiration, warning, metadataId])
  t.same(shown, [[-3, 'urgent', ids['-3']], [0, 'urgent', ids[0]], [6, 'urgent', ids[6]], [7, 'soon', ids[7]], [30, 'soon', ids[30]], [31, 'ok', ids[31]], [90, 'ok', ids[90]]])
  t.same((await asked('?withinDays=6')).items.length, 3)
  t.same((await asked('?withinDays=0')).items.length, 2)
  t.same((await asked('?withinDays=91')).items.length, 8)
  const seen: number[] = []
  let cursor = ''
  do {
    const page = await asked(`?withinDays=500&limit=2${cursor}`)
    seen.push(...page.items.map((item: any) => item.daysUntilExpiration))
    cursor = page.nextCursor === null ? '' : `&cursor=${page.nextCursor}`
  } while (cursor !== '')
  t.same(seen, days.toReversed())
  for (const query of ['withinDays=-1', 'withinDays=3651', 'withinDays=soon', 'days=90']) t.equal((await office.get(officer, `/dea/expiration-alerts?${query}`)).status, 400, query)
  t.match((await asked('?limit=1')).items[0], { registrantName: 'Riverside Station 4', registrationStatus: 'active', expirationReminderSent: false })
}) // prettier-ignore

t.test('lists page from the newest back, and a record shows its newest hundred notes', async (t) => {
  for (const kind of ['dea', 'cms'] as const) {
    const ids: string[] = []
    for (let n = 0; n < 5; n += 1) ids.unshift((await office.kept(kind)).body.id)
    const first = (await office.get(officer, `/${kind}/metadata?limit=3`)).body
    const second = (await office.get(officer, `/${kind}/metadata?limit=3&cursor=${first.nextCursor}`)).body
    t.same([...first.items, ...second.items].map(({ id }) => id), ids)
    t.equal(second.nextCursor, null)
  }
  const { id } = (await office.kept('dea')).body
  for (let n = 0; n <= 100; n += 1) {
    const noteId = newId(office.now() + n)
    const place = { table: 'dea_compliance_note', column: 'note', agencyId, rowId: noteId }
    const sealed = office.host.parts.capabilities.fields.seal(`Note ${n}`, place)
    await office.rows('insert into dea_compliance_note values ($1, $2, $3, $4, $5, $6, $2)', agencyId, noteId, id, sub, sealed, new Date(office.now() + n))
  }
  const { notes } = (await office.get(officer, `/dea/metadata/${id}`)).body
  t.same([notes.length, notes[0].note, notes[99].note], [100, 'Note 100', 'Note 1'])
}) // prettier-ignore

t.test('the audit log is the audit trail’s: this portal’s actions, this agency’s rows', async (t) => {
  const made = await office.kept('dea')
  const { id } = made.body
  await office.get('controlled-substance-officer', `/dea/metadata/${id}`)
  const changed = { ...deaBody(), registrantName: 'Renamed' }
  await office.put(officer, `/dea/metadata/${id}`, '"1"', changed)
  await office.put(officer, `/dea/metadata/${id}`, '"1"', changed)
  await office.post('clinician', '/dea/compliance-note', { metadataId: id, note: 'x' })
  await office.post(officer, '/dea/compliance-note', { metadataId: id, note: 'Seen.' })
  await office.kept('cms')
  const log = (await office.get('controlled-substance-officer', `/dea/audit-log?metadataId=${id}`)).body
  const told = log.items.map(({ action, outcome, reason, role }: any) => [action, outcome, reason, role].filter(Boolean).join(' '))
  t.same(told, [
    'addDeaComplianceNote success compliance_officer',
    'addDeaComplianceNote FORBIDDEN clinical_staff',
    'replaceDeaMetadata CONFLICT stale compliance_officer',
    'replaceDeaMetadata success compliance_officer',
    'getDeaMetadata success controlled_substance_officer',
    'createDeaMetadata success compliance_officer',
  ])
  const replaced = log.items[3]
  t.match(replaced, { userId: sub, metadataId: id, before: { registrantName: 'Riverside Station 4' }, after: { registrantName: 'Renamed' }, bypass: false })
  t.match(log.items[0].after, { note: 'Seen.', metadataId: id })
  const trail = (await office.get(officer, `/audit/events?entity=${id}`)).body.items
  t.same(log.items.map((item: any) => item.id), trail.map((item: any) => item.id), 'the very rows of the trail')

  const all = (await office.get(officer, '/dea/audit-log?limit=5')).body
  t.equal(all.items[0].action, 'listDeaAuditLog', 'a look at the log is logged')
  t.ok(all.items.some(({ action, outcome }: any) => action === 'addDeaComplianceNote' && outcome === 'FORBIDDEN'), 'a refused attempt too')
  const more = (await office.get(officer, `/dea/audit-log?limit=5&cursor=${all.nextCursor}`)).body
  const ids = [...all.items, ...more.items].map((item: any) => item.id)
  t.equal(new Set(ids).size, 10)
  t.same(ids, ids.toSorted().toReversed(), 'newest first over all actions')
  t.ok([...all.items, ...more.items].every(({ action }: any) => action.includes('Dea')))
  const cms = (await office.get('billing-admin', '/cms/audit-log')).body.items
  t.ok(cms.length > 0 && cms.every(({ action }: any) => action.includes('Cms')))
  t.notMatch(JSON.stringify(log), /127\.0\.0\.1|idempotencyKey|"payload"/)
}) // prettier-ignore

t.test('each switch closes its portal, reads and writes, and nothing else', async (t) => {
  const dea = await office.kept('dea')
  const cms = await office.kept('cms')
  const attempts = (kind: 'dea' | 'cms', id: string) => [
    office.get(officer, `/${kind}/metadata`),
    office.get(officer, `/${kind}/metadata/${id}`),
    office.post(officer, `/${kind}/metadata`, kind === 'dea' ? deaBody() : cmsBody()),
    office.put(officer, `/${kind}/metadata/${id}`, '"9"', kind === 'dea' ? deaBody() : cmsBody()),
    office.remove(officer, `/${kind}/metadata/${id}`, '"9"'),
    office.get(officer, kind === 'dea' ? '/dea/expiration-alerts' : '/cms/readiness-check'),
    office.post(officer, `/${kind}/compliance-note`, { metadataId: id, note: 'x' }),
    office.get(officer, `/${kind}/audit-log`),
  ]
  for (const [name, closed, open] of [['USE_DEA_PORTAL', ['dea', dea], ['cms', cms]], ['USE_CMS_PORTAL', ['cms', cms], ['dea', dea]]] as const) {
    await office.flip(name, false)
    for (const answer of await Promise.all(attempts(closed[0], closed[1].body.id)))
      t.match(problemOf(answer), { status: 503, code: 'UPSTREAM_UNAVAILABLE', reason: 'disabled' })
    t.same((await Promise.all(attempts(open[0], open[1].body.id))).map(({ status }) => status), [200, 200, 201, 412, 412, 200, 201, 200])
    await office.flip(name, true)
  }
}) // prettier-ignore

t.test('another agency’s officer sees nothing, changes nothing and learns nothing', async (t) => {
  const stranger = 'compliance-officer-lakeside'
  const bodies = { dea: deaBody(), cms: cmsBody() }
  for (const kind of ['dea', 'cms'] as const) {
    const { id } = (await office.kept(kind, bodies[kind])).body
    const before = await office.get(officer, `/${kind}/metadata/${id}`)
    const attempts = async (whose: string) => {
      const path = `/${kind}/metadata/${whose}`
      const answers = [
        await office.get(stranger, path),
        await office.put(stranger, path, '"1"', bodies[kind]),
        await office.put(stranger, path, '"7"', bodies[kind]),
        await office.remove(stranger, path, '"1"'),
        await office.remove(stranger, path, '"7"'),
        await office.post(stranger, `/${kind}/compliance-note`, { metadataId: whose, note: 'x' }),
      ]
      return answers.map((answer) => problemOf(answer))
    }
    const foreign = await attempts(id)
    t.same(foreign, await attempts(newId()), 'a foreign record and none are alike')
    for (const answer of foreign) t.match(answer, notFound)
    const empty = { items: [], nextCursor: null }
    const lists = [`/${kind}/metadata`, kind === 'dea' ? '/dea/expiration-alerts?withinDays=3650' : '/cms/readiness-check', `/cms/readiness-check?metadataId=${id}`]
    for (const path of lists) t.same((await office.get(stranger, path)).body, empty, path)
    const log = (await office.get(stranger, `/${kind}/audit-log`)).body.items
    const own = personaNamed(stranger)!.sub
    t.ok(log.length > 0 && log.every(({ userId }: any) => userId === own), 'the log is of the own agency’s attempts')
    t.equal((await office.post(stranger, `/${kind}/metadata`, bodies[kind])).status, 201, 'nor does a number tell that somebody has it')
    const after = await office.get(officer, `/${kind}/metadata/${id}`)
    t.same([after.body, after.headers.etag], [before.body, before.headers.etag])
    t.notMatch(JSON.stringify((await office.get(officer, `/${kind}/audit-log?limit=100`)).body), new RegExp(own))
  }
}) // prettier-ignore

t.test('modules open the reads to the agency’s administrator, and nothing opens the writes', async (t) => {
  const { id } = (await office.kept('dea')).body
  const reads = ['/dea/metadata', `/dea/metadata/${id}`, '/dea/expiration-alerts', '/dea/audit-log', '/cms/metadata', '/cms/readiness-check', '/cms/audit-log']
  for (const path of reads) {
    t.equal((await office.get('agency-admin', path)).status, 200, path)
    t.equal((await office.get('agency-admin-lakeside', path)).status, 403, path)
    t.equal((await office.get('clinician', path)).status, 403, path)
  }
  for (const persona of ['agency-admin', 'controlled-substance-officer', 'billing-staff', 'billing-admin', 'qa-reviewer', 'ai-agent', 'patient-ana']) {
    for (const [path, body] of [['/dea/metadata', deaBody()], ['/cms/metadata', cmsBody()], ['/dea/compliance-note', { metadataId: id, note: 'x' }]] as const)
      t.match(problemOf(await office.post(persona, path, body)), { status: 403, code: 'FORBIDDEN' }, `${persona} ${path}`)
    t.match(problemOf(await office.remove(persona, `/dea/metadata/${id}`, '"1"')), { status: 403 }, persona)
  }
}) // prettier-ignore

t.test('a founder works in an agency that is entered with a reason, and reads across all', async (t) => {
  const reason = { 'x-access-reason': 'Quarterly review of registrations' }
  const lakeside = personaNamed('compliance-officer-lakeside')!.agencyId
  const entering = { 'x-agency': lakeside, ...reason }
  const made = await office.post('founder', '/dea/metadata', deaBody({ expirationDate: today(5 * day) }), { headers: entering })
  t.same([made.status, made.body.agencyId], [201, lakeside], made.text)
  await office.kept('dea', { expirationDate: today(4 * day) })
  const across = { 'x-agency': '*', ...reason }
  for (const path of ['/dea/metadata', '/dea/expiration-alerts']) {
    const { items } = (await office.get('founder', path, across)).body
    t.same(items.map((item: any) => item.agencyId).sort(), [agencyId, lakeside], path)
  }
  t.equal((await office.get('founder', `/dea/metadata/${made.body.id}`, across)).body.id, made.body.id)
  t.match(problemOf(await office.get('founder', `/dea/metadata/${made.body.id}`)), notFound, 'without it, like anyone')
  t.match(problemOf(await office.get('founder', '/dea/audit-log', across)), { status: 403 })
  const entered = (await office.get('compliance-officer-lakeside', '/dea/audit-log?limit=100')).body.items.find((item: any) => item.action === 'createDeaMetadata')
  t.match(entered, { bypass: true, role: 'founder', metadataId: made.body.id })
}) // prettier-ignore
