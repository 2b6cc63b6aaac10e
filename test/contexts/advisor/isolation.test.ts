import { createHash } from 'node:crypto'
import t from 'tap'
import { lakeside, personaNamed, riverside } from '../../../config/personas.ts'
import { newId } from '../../../domain/shared/ids.ts'
import { advisorMigrations } from '../../../plugins/contexts/advisor/advisor.migrations.ts'
import { findPassages } from '../../../plugins/contexts/advisor/advisor.statements.ts'
import { edition, passages } from '../../../plugins/contexts/advisor/passages/index.ts'
import { checkDomainStatement } from '../../../plugins/host/database/domain-statement.ts'
import { testDatabase } from '../../database.ts'
import { databaseSession, type Statement } from '../database-session.ts'

const db = await testDatabase(t)
const { within, insert, superuser } = await databaseSession(t, db)
const clinician = personaNamed('clinician')!.sub
const [mine, theirs] = [newId(), newId()]
const bytes = Buffer.from('sealed')
const row = (id: string, change: object = {}) => ({
  agency_id: riverside.id, id, author_id: clinician, patient_id: null, draft_id: null, question: bytes, advice: bytes, citations: bytes,
  source: 'retrieval', policy_version_id: 'v', created_at: '2026-01-01T00:00:00Z', audit_id: newId(), ...change,
}) // prettier-ignore

t.before(async () => {
  for (const { id, name } of [riverside, lakeside]) await superuser.query('insert into host_agency (id, name) values ($1, $2)', [id, name])
  await insert('advisor_consultation', row(mine))
  await insert('advisor_consultation', row(theirs, { author_id: 'another' }))
})

const as = (role: string, actor: string, ...statements: Statement[]) =>
  within({ role, agency: riverside.id }, ["select set_config('app.current_actor', $1, true)", actor], ...statements)
const columns = Object.keys(row(mine))
const insertSql = `insert into advisor_consultation (${columns.join()}) values (${columns.map((_, n) => `$${n + 1}`).join()})`

t.test('the advisor’s role adds consultations and reviews of its author, and does nothing else anywhere', async (t) => {
  const { rows } = await superuser.query(
    `select table_name || ': ' || string_agg(distinct privilege_type, ', ' order by privilege_type) as may
     from information_schema.table_privileges where grantee = 'postern_advise' group by table_name order by table_name`,
  )
  t.same(
    rows.map(({ may }) => may),
    [
      'advisor_consultation: INSERT, SELECT',
      'advisor_passage: SELECT',
      'advisor_review: INSERT, SELECT',
      'advisor_term: SELECT',
      'host_agency: SELECT',
    ],
  )
  const own = await as('postern_advise', clinician, ['select id from advisor_consultation'])
  t.same(own.rows, [{ id: mine }], 'only the author’s own is seen')
  const made = await as('postern_advise', clinician, [insertSql, ...Object.values(row(newId()))])
  t.equal(made.rowCount, 1)
  const denied = { code: '42501' }
  for (const change of [{ author_id: 'another' }, { agency_id: lakeside.id }])
    await t.rejects(as('postern_advise', clinician, [insertSql, ...Object.values(row(newId(), change))]), denied)
  for (const sql of [
    "update advisor_consultation set source = 'upstream'",
    'delete from advisor_consultation',
    'delete from advisor_review',
    "update advisor_review set decision = 'accepted'",
    "insert into advisor_passage (id, title, keywords, text) values ('x', 'x', 'x', 'x')",
    'delete from advisor_term',
    'select from clinical_draft',
    'select from messaging_message',
    'select from consent_record',
  ])
    await t.rejects(as('postern_advise', clinician, [sql]), denied, sql)
  for (const role of ['postern_write', 'postern_draft', 'postern_admin', 'postern_gate', 'postern_public'])
    await t.rejects(as(role, clinician, ['select from advisor_consultation']), denied, role)
})

t.test('a patient’s session sees nothing of it, and no agency is an error', async (t) => {
  const patient = { role: 'postern_read', agency: riverside.id, patient: personaNamed('patient-ana')!.patientId! }
  const actor: Statement = ["select set_config('app.current_actor', $1, true)", clinician]
  t.equal((await within(patient, actor, ['select from advisor_consultation'])).rowCount, 0)
  await t.rejects(within({ role: 'postern_read' }, actor, ['select from advisor_consultation']), { code: '42501' })
})

t.test('the database refuses what no consultation is', async (t) => {
  const bad: [string, object][] = [
    ['advisor_consultation_draft_has_patient', { draft_id: newId() }],
    ['advisor_consultation_source', { source: 'order' }],
    ['advisor_consultation_policy', { policy_version_id: '' }],
    ['advisor_consultation_advice', { advice: Buffer.alloc(0) }],
  ]
  for (const [constraint, change] of bad) await t.rejects(insert('advisor_consultation', row(newId(), change)), { constraint } as never)
  const review = {
    agency_id: riverside.id,
    consultation_id: mine,
    author_id: clinician,
    reviewed_at: '2026-01-01T00:00:00Z',
    audit_id: newId(),
  }
  const another = { ...review, decision: 'accepted', author_id: newId() }
  await t.rejects(insert('advisor_review', another), { constraint: 'advisor_review_consultation' } as never, 'whoever asked reviews')
  await t.rejects(insert('advisor_review', { ...review, decision: 'executed' }), { constraint: 'advisor_review_decision' } as never)
  await insert('advisor_review', { ...review, decision: 'accepted' })
  await t.rejects(insert('advisor_review', { ...review, decision: 'dismissed' }), { constraint: 'advisor_review_once' } as never)
})

const search = async (question: string): Promise<string[]> =>
  (await as('postern_advise', clinician, [findPassages, question, 5])).rows.map(({ id }) => id as string)

t.test('each question finds its passage', async (t) => {
  checkDomainStatement(findPassages)
  const expected: [string, string][] = [
    ['What dose of adrenaline do I give intramuscularly in anaphylaxis?', 'anaphylaxis'],
    ['Can I give nitroglycerin after the patient took sildenafil this morning?', 'nitrates-cautions'],
    ['When is it too late for tranexamic acid?', 'tranexamic-acid'],
    ['My patient vomits, breathes deeply and has high ketones', 'diabetic-ketoacidosis'],
    ['child with barking cough and stridor', 'croup'],
    ['Which oxygen saturation should I aim for in COPD?', 'oxygen-targets'],
    ['The potassium is 7.1 and the T waves are tall', 'hyperkalaemia'],
    ['bleeding on apixaban, how can it be reversed', 'doac-bleeding'],
    ['She is drowsy after an overdose of heroin', 'opioid-overdose'],
    ['Who needs a CT after a head injury on anticoagulants?', 'head-injury'],
    ['convulsions for ten minutes, midazolam dose', 'seizure-status'],
    ['Dizzy on standing: how is orthostatic hypotension assessed?', 'syncope-red-flags'],
    ['patient refuses transport: does he have capacity', 'capacity-refusal'],
  ]
  for (const [question, id] of expected)
    t.ok((await search(question)).slice(0, 3).includes(id), `${question} → ${(await search(question)).join()}`)
  t.same(await search("\\' | ! & :* <-> ( ) -- ; \u0000".replace('\u0000', '')), [])
  t.same(await search('the and of a'), [])
})

t.test('the texts are of their edition, each within bounds and citable', async (t) => {
  const digest = createHash('sha256').update(JSON.stringify(passages)).digest('hex').slice(0, 16)
  t.same({ edition, digest }, { edition: '2026-11-2', digest: '1d5805af8ca426a7' }, 'whoever changes a word gives it a new edition')
  t.ok(advisorMigrations.some(({ name }) => name === `advisor-passages-${edition}`))
  t.ok(passages.length >= 40)
  t.equal(new Set(passages.map(({ id }) => id)).size, passages.length)
  for (const { id, title, text } of passages) {
    t.match(id, /^[a-z0-9]+(-[a-z0-9]+)*$/)
    t.ok(title.length <= 80 && text.length >= 200 && text.length <= 800 && text.endsWith('.'), id)
  }
  const loaded = await superuser.query('select id, title, text from advisor_passage order by id')
  const byId = [...passages].sort((one, other) => (one.id < other.id ? -1 : 1))
  t.same(
    loaded.rows.map(({ id }) => id).sort(),
    byId.map(({ id }) => id),
  )
  t.equal(loaded.rows.find(({ id }) => id === 'burns').text, passages.find(({ id }) => id === 'burns')!.text)
})
