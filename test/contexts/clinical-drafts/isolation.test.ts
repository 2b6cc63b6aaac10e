import t from 'tap'
import type { QueryResult } from 'pg'
import { newId } from '../../../domain/shared/ids.ts'
import { clinicalDraftMigrations } from '../../../plugins/contexts/clinical-drafts/clinical-drafts.migrations.ts'
import { consentMigrations } from '../../../plugins/contexts/consent/consent.migrations.ts'
import { hostMigrations } from '../../../plugins/host/migrations/index.ts'
import { testDatabase } from '../../database.ts'
import { type Session, type Statement, databaseSession } from '../database-session.ts'

const agency = { a: newId(), b: newId() }
const ana = newId()
const audit = newId()
const at = '2026-11-21T10:00:00Z'

const db = await testDatabase(t, { migrations: [...hostMigrations, ...consentMigrations, ...clinicalDraftMigrations] })
const { superuser, within, insert } = await databaseSession(t, db)

interface As extends Session {
  readonly actor?: string
}
const actAs = (actor: string): Statement => ["select set_config('app.current_actor', $1, true)", actor]
const as = ({ actor = '', ...session }: As, ...statements: Statement[]): Promise<QueryResult> =>
  within(session, actAs(actor), ...statements)

const draftRow = (row: Record<string, unknown> = {}) => ({
  agency_id: agency.a, id: newId(), patient_id: ana, author_id: 'ada', status: 'draft', version: 1, created_at: at, updated_at: at, audit_id: audit, ...row,
}) // prettier-ignore
const revisionRow = (draft: Record<string, unknown>, row: Record<string, unknown> = {}) => ({
  agency_id: draft['agency_id'], draft_id: draft['id'], version: draft['version'], patient_id: draft['patient_id'], author_id: draft['author_id'], type: 'other',
  title: Buffer.from('t'), body: Buffer.from('b'), created_at: at, audit_id: audit, ...row,
}) // prettier-ignore
const seed = async (row: Record<string, unknown> = {}): Promise<string> => {
  const draft = draftRow(row)
  await superuser.query('begin')
  await insert('clinical_draft', draft)
  await insert('clinical_draft_revision', revisionRow(draft))
  await superuser.query('commit')
  return draft.id
}

await superuser.query('insert into host_agency (id, name) values ($1, $2), ($3, $4)', [agency.a, 'A', agency.b, 'B'])
const adas = await seed()
const bobs = await seed({ author_id: 'bob' })
const elsewhere = await seed({ agency_id: agency.b })
const tables = ['clinical_draft', 'clinical_draft_revision'] as const
const ids = ({ rows }: QueryResult): string[] => rows.map((row) => (row['draft_id'] ?? row['id']) as string).sort()

t.test('row security alone keeps drafts to their author and agency', async (t) => {
  for (const table of tables) {
    const all: Statement = [`select * from ${table}`]
    for (const role of ['postern_read', 'postern_draft']) {
      t.same(ids(await as({ role, agency: agency.a, actor: 'ada' }, all)), [adas], `${role} ${table}`)
      t.same(ids(await as({ role, agency: agency.a, actor: 'bob' }, all)), [bobs])
      t.same(ids(await as({ role, agency: agency.b, actor: 'ada' }, all)), [elsewhere])
      t.same(ids(await as({ role, agency: agency.a, actor: 'eve' }, all)), [])
      t.same(ids(await as({ role, agency: agency.a }, all)), [], 'nobody')
      t.same(ids(await as({ role, agency: agency.a, actor: 'ada', patient: newId() }, all)), [], 'in a patient’s session')
      await t.rejects(as({ role, actor: 'ada' }, all), { code: '42501' }, 'no agency: refused, not empty')
    }
    for (const role of ['postern_write', 'postern_admin', 'postern_public', 'postern_audit_writer', 'postern_audit_reader', 'postern_gate'])
      await t.rejects(as({ role, agency: agency.a, actor: 'ada' }, all), { code: '42501' }, `${role} ${table}`)
  }
})

const adding = (table: string, row: Record<string, unknown>): Statement => {
  const names = Object.keys(row)
  return [`insert into ${table} (${names.join()}) values (${names.map((_, n) => `$${n + 1}`).join()})`, ...Object.values(row)]
}

t.test('who drafts writes their own, and changes nothing that was written', async (t) => {
  const ada = { role: 'postern_draft', agency: agency.a, actor: 'ada' }
  const draft = draftRow()
  t.equal((await as(ada, adding('clinical_draft', draft), adding('clinical_draft_revision', revisionRow(draft)))).rowCount, 1)
  await t.rejects(as(ada, adding('clinical_draft', draftRow({ author_id: 'bob' }))), { code: '42501' }, 'in another’s name')
  await t.rejects(as(ada, adding('clinical_draft', draftRow({ agency_id: agency.b }))), { code: '42501' }, 'in another agency')
  await t.rejects(as({ ...ada, role: 'postern_read' }, adding('clinical_draft', draft)), { code: '42501' }, 'a reader')
  t.equal((await as(ada, ['update clinical_draft set version = 2'])).rowCount, 1, 'one’s own alone')
  for (const column of ['patient_id', 'author_id', 'agency_id', 'id', 'created_at', 'audit_id'])
    await t.rejects(as(ada, [`update clinical_draft set ${column} = ${column}`]), { code: '42501' }, `${column} never changes`)
  for (const sql of ['update clinical_draft_revision set body = body', 'delete from clinical_draft_revision', 'delete from clinical_draft', 'truncate clinical_draft'])
    await t.rejects(as(ada, [sql]), { code: '42501' }, sql)
}) // prettier-ignore

t.test('domain rules are the tables’ rules', async (t) => {
  const broken: [string, Record<string, unknown>][] = [
    ['clinical_draft_status', { status: 'final' }],
    ['clinical_draft_version', { version: 0 }],
    ['clinical_draft_author', { author_id: '' }],
    ['clinical_draft_discarded_is_marked', { status: 'discarded' }],
    ['clinical_draft_discarded_is_marked', { discarded_at: at, discarded_audit_id: audit }],
    ['clinical_draft_discarded_is_audited', { status: 'discarded', discarded_at: at }],
    ['clinical_draft_agency_id_fkey', { agency_id: newId() }],
    ['clinical_draft_current', {}],
  ]
  for (const [constraint, row] of broken) t.equal(await insert('clinical_draft', draftRow(row)).then(() => null, (error) => error.constraint), constraint) // prettier-ignore
  const draft = { agency_id: agency.a, id: adas, version: 1, patient_id: ana, author_id: 'ada' }
  const wrong: [string, Record<string, unknown>][] = [
    ['clinical_draft_revision_pkey', {}],
    ['clinical_draft_revision_type', { version: 2, type: 'final_report' }],
    ['clinical_draft_revision_version', { version: 0 }],
    ['clinical_draft_revision_title', { version: 2, title: Buffer.alloc(3_000) }],
    ['clinical_draft_revision_body', { version: 2, body: Buffer.alloc(0) }],
    ['clinical_draft_revision_draft', { version: 2, author_id: 'bob' }],
    ['clinical_draft_revision_draft', { version: 2, patient_id: newId() }],
    ['clinical_draft_revision_draft', { version: 2, agency_id: agency.b }],
  ]
  for (const [constraint, row] of wrong)
    t.equal(await insert('clinical_draft_revision', revisionRow(draft, row)).then(() => null, (error) => error.constraint), constraint) // prettier-ignore
})

t.test('a discarded draft is over for every statement, and versions have no gaps', async (t) => {
  const id = await seed({ author_id: 'dora' })
  const dangling = { code: '23503', constraint: 'clinical_draft_current' }
  for (const version of [0, 3, 9]) await t.rejects(superuser.query('update clinical_draft set version = $2 where id = $1', [id, version]), { code: 'PT409' })
  await t.rejects(superuser.query('update clinical_draft set version = 2 where id = $1', [id]), dangling, 'none without what it says')
  await superuser.query("update clinical_draft set status = 'discarded', discarded_at = $2, discarded_audit_id = $3 where id = $1", [id, at, audit])
  await t.rejects(superuser.query("update clinical_draft set status = 'draft', discarded_at = null, discarded_audit_id = null where id = $1", [id]), { code: 'PT409' })
  await t.rejects(superuser.query('update clinical_draft set updated_at = now() where id = $1', [id]), { code: 'PT409' })
}) // prettier-ignore

t.test('the port tells whose patient an author’s own open draft is about, and no more', async (t) => {
  const asked = async (session: As, author: string, draft: string, where = agency.a): Promise<unknown> =>
    (await as(session, ['select own_draft_patient($1, $2, $3) as patient', where, author, draft])).rows[0].patient
  const ada = { role: 'postern_read', agency: agency.a, actor: 'ada' }
  t.equal(await asked(ada, 'ada', adas), ana)
  t.equal(await asked(ada, 'ada', bobs), null, 'another’s')
  t.equal(await asked(ada, 'bob', bobs), null, 'in another’s name')
  t.equal(await asked(ada, 'ada', elsewhere, agency.b), null, 'another agency’s')
  t.equal(await asked(ada, 'ada', newId()), null)
  const over = await seed()
  await superuser.query("update clinical_draft set status = 'discarded', discarded_at = $2, discarded_audit_id = $3 where id = $1", [over, at, audit])
  t.equal(await asked(ada, 'ada', over), null, 'a discarded one')
  await t.rejects(asked({ ...ada, role: 'postern_gate' }, 'ada', adas), { code: '42501' })
}) // prettier-ignore
