import type { QueryResult } from 'pg'
import t from 'tap'
import { newId } from '../../../domain/shared/ids.ts'
import { deaCmsMigrations } from '../../../plugins/contexts/dea-cms/dea-cms.migrations.ts'
import {
  deaAlertsStatement, getDeaStatement, listCmsStatement, listDeaStatement, readinessStatement,
} from '../../../plugins/contexts/dea-cms/dea-cms.statements.ts' // prettier-ignore
import { hostMigrations } from '../../../plugins/host/migrations/index.ts'
import { testDatabase } from '../../database.ts'
import { deaNumber, npi } from '../../fixtures/dea-cms.ts'
import { databaseSession, type Statement } from '../database-session.ts'

const agency = { a: newId(), b: newId() }
const at = '2026-11-21T10:00:00Z'
const audit = newId()
const db = await testDatabase(t, { migrations: [...hostMigrations, ...deaCmsMigrations] })
const { superuser, within, insert, planOf } = await databaseSession(t, db)

const kept = { version: 1, created_at: at, updated_at: at, audit_id: audit }
const deaRow = (row: Record<string, unknown> = {}) => ({
  agency_id: agency.a, id: newId(), ...kept, registrant_name: Buffer.from('x'), dea_registration_number: deaNumber(1), authorized_schedules: ['II'],
  registration_status: 'active', issue_date: '2025-01-01', expiration_date: '2028-01-01', ...row,
}) // prettier-ignore
const cmsRow = (row: Record<string, unknown> = {}) => ({
  agency_id: agency.a, id: newId(), ...kept, npi_reference: npi(1), enrollment_status: 'active', payer_participation_status: {}, ...row,
}) // prettier-ignore
const noteRow = (metadata: { id: string; agency_id: string }, row: Record<string, unknown> = {}) => ({
  agency_id: metadata.agency_id, id: newId(), metadata_id: metadata.id, author_id: 'ada', note: Buffer.from('x'), created_at: at, audit_id: audit, ...row,
}) // prettier-ignore

await superuser.query('insert into host_agency (id, name) values ($1, $2), ($3, $4)', [agency.a, 'A', agency.b, 'B'])
const [deaA, deaB] = [deaRow(), deaRow({ agency_id: agency.b })]
const [cmsA, cmsB] = [cmsRow(), cmsRow({ agency_id: agency.b })]
for (const row of [deaA, deaB]) await insert('dea_registrant_metadata', row)
for (const row of [cmsA, cmsB]) await insert('cms_enrollment_metadata', row)
for (const row of [deaA, deaB]) await insert('dea_compliance_note', noteRow(row))
for (const row of [cmsA, cmsB]) await insert('cms_compliance_note', noteRow(row))
const tables = ['dea_registrant_metadata', 'cms_enrollment_metadata', 'dea_compliance_note', 'cms_compliance_note'] as const

const adding = (table: string, row: Record<string, unknown>): Statement => {
  const names = Object.keys(row)
  return [`insert into ${table} (${names.join()}) values (${names.map((_, n) => `$${n + 1}`).join()})`, ...Object.values(row)]
}
const agencies = ({ rows }: QueryResult): string[] => rows.map((row) => row['agency_id'] as string)

t.test('row security keeps each agency’s records to itself, and every other role away', async (t) => {
  for (const table of tables) {
    const all: Statement = [`select * from ${table}`]
    for (const role of ['postern_read', 'postern_admin']) {
      t.same(agencies(await within({ role, agency: agency.a }, all)), [agency.a], `${role} ${table}`)
      t.same(agencies(await within({ role, agency: newId() }, all)), [])
      await t.rejects(within({ role }, all), { code: '42501' }, 'no agency: refused, not empty')
    }
    for (const role of ['postern_write', 'postern_draft', 'postern_advise', 'postern_public', 'postern_audit_writer', 'postern_audit_reader', 'postern_gate'])
      await t.rejects(within({ role, agency: agency.a }, all), { code: '42501' }, `${role} ${table}`)
    const admin = { role: 'postern_admin', agency: agency.a }
    for (const sql of [`delete from ${table}`, `truncate ${table}`, `update ${table} set agency_id = agency_id`, `update ${table} set id = id`, `update ${table} set created_at = created_at`])
      await t.rejects(within(admin, [sql]), { code: '42501' }, sql)
  }
  const admin = { role: 'postern_admin', agency: agency.a }
  await t.rejects(within(admin, adding('dea_registrant_metadata', deaRow({ agency_id: agency.b, dea_registration_number: deaNumber(2) }))), { code: '42501' })
  await t.rejects(within(admin, ["update dea_compliance_note set note = 'x'"]), { code: '42501' }, 'a note never changes')
  await t.rejects(within(admin, adding('dea_compliance_note', noteRow({ ...deaB, agency_id: agency.a }))), { code: '23503' }, 'no note to a foreign record')
  t.equal((await within(admin, ['update dea_registrant_metadata set version = version + 1'])).rowCount, 1, 'its own alone')
}) // prettier-ignore

t.test('what the domain refuses the tables refuse', async (t) => {
  const constraintOf = (table: string, row: object) => insert(table, row as never).then(() => null, (error) => error.constraint)
  const dea: [string, Record<string, unknown>][] = [
    ['dea_registrant_metadata_check_digit', { dea_registration_number: 'AB1234567' }],
    ['dea_registrant_metadata_check_digit', { dea_registration_number: 'ab1234563' }],
    ['dea_registrant_metadata_check_digit', { dea_registration_number: 'AB123456' }],
    ['dea_registrant_metadata_check_digit', { dea_registration_number: 'AB12345x3' }],
    ['dea_registrant_metadata_schedules', { authorized_schedules: [] }],
    ['dea_registrant_metadata_schedules', { authorized_schedules: ['I'] }],
    ['dea_registrant_metadata_schedules', { authorized_schedules: ['II', 'II'] }],
    ['dea_registrant_metadata_status', { registration_status: 'revoked' }],
    ['dea_registrant_metadata_expiration', { expiration_date: '2025-01-01' }],
    ['dea_registrant_metadata_issue', { issue_date: '1969-12-31' }],
    ['dea_registrant_metadata_version', { version: 0, expiration_version: 0 }],
    ['dea_registrant_metadata_name', { registrant_name: Buffer.alloc(0) }],
    ['dea_registrant_metadata_deleted_is_told', { deleted_at: at }],
    ['dea_registrant_metadata_deleted_is_told', { deleted_at: at, deleted_by: 'x' }],
    ['dea_registrant_metadata_one_number', {}],
    ['dea_registrant_metadata_agency_id_fkey', { agency_id: newId() }],
  ]
  for (const [constraint, row] of dea) t.equal(await constraintOf('dea_registrant_metadata', deaRow(row)), constraint, JSON.stringify(row))
  const cms: [string, Record<string, unknown>][] = [
    ['cms_enrollment_metadata_check_digit', { npi_reference: '1234567890' }],
    ['cms_enrollment_metadata_check_digit', { npi_reference: '3234567893' }],
    ['cms_enrollment_metadata_ptan', { ptan_reference: 'a b' }],
    ['cms_enrollment_metadata_status', { enrollment_status: 'expired' }],
    ['cms_enrollment_metadata_effective', { effective_date: '2200-01-01' }],
    ['cms_enrollment_metadata_payers', { payer_participation_status: '[]' }],
    ['cms_enrollment_metadata_one_number', {}],
  ]
  for (const [constraint, row] of cms) t.equal(await constraintOf('cms_enrollment_metadata', cmsRow(row)), constraint, JSON.stringify(row))
  // The tables and the domain agree on every number of a hundred in a row: one in ten passes.
  for (const [table, column, numbers] of [
    ['dea_registrant_metadata', 'dea_registration_number', Array.from({ length: 100 }, (_, n) => `AB${1_234_500 + n}`)],
    ['cms_enrollment_metadata', 'npi_reference', Array.from({ length: 100 }, (_, n) => String(1_234_567_800 + n))],
  ] as const) {
    const [{ rule }] = (await superuser.query(`select pg_get_constraintdef(oid) as rule from pg_constraint where conname = $1`, [`${table}_check_digit`])).rows as [{ rule: string }]
    const { rows } = await superuser.query(`select ${column} as number from unnest($1::text[]) ${column} where ${rule.replace(/^CHECK /, '')}`, [numbers])
    const { isDeaNumber, isNpi } = await import('../../../domain/dea-cms/index.ts')
    t.same(rows.map(({ number }) => number), numbers.filter(table === 'dea_registrant_metadata' ? isDeaNumber : isNpi))
    t.equal(rows.length, 10)
  }
}) // prettier-ignore

t.test('a removed record is over for every statement, versions have no gaps, a new date is one of which nobody was reminded', async (t) => {
  const row = deaRow({ dea_registration_number: deaNumber(3) })
  await insert('dea_registrant_metadata', row)
  const change = (set: string) => superuser.query(`update dea_registrant_metadata set ${set} where id = $1 returning expiration_reminder_sent as reminded`, [row.id])
  for (const version of [0, 3]) await t.rejects(change(`version = ${version}`), { code: 'PT409' })
  t.same((await change('expiration_reminder_sent = true')).rows, [{ reminded: true }])
  t.same((await change("registration_status = 'pending'")).rows, [{ reminded: true }])
  t.same((await change("expiration_date = '2029-01-01'")).rows, [{ reminded: false }])
  t.same((await change("expiration_date = '2029-01-02', expiration_reminder_sent = true")).rows, [{ reminded: false }])
  await change(`deleted_at = '${at}', deleted_by = 'x', deleted_audit_id = '${audit}'`)
  await t.rejects(change('deleted_at = null, deleted_by = null, deleted_audit_id = null'), { code: 'PT409' })
  await t.rejects(change('updated_at = now()'), { code: 'PT409' })
  await insert('dea_registrant_metadata', deaRow({ dea_registration_number: deaNumber(3) }))
}) // prettier-ignore

t.test('a page of an agency with a thousand records reads a page, by the agency’s own index', async (t) => {
  const numbers = Array.from({ length: 10_000 }, (_, n) => n + 10)
  await superuser.query('set session_replication_role = replica')
  const spread = `case when n % 10 = 0 then $2::uuid else md5('agency' || n % 10)::uuid end, gen_random_uuid(), 1, now() - n * interval '1 s', now(), gen_random_uuid()`
  const kept = 'agency_id, id, version, created_at, updated_at, audit_id'
  await superuser.query(`insert into dea_registrant_metadata (${kept}, dea_registration_number, registrant_name, authorized_schedules, registration_status, issue_date, expiration_date)
    select ${spread}, number, 'x', array['II'], 'active', '2020-01-01', date '2026-01-01' + n::int % 2000 from unnest($1::text[]) with ordinality as given (number, n)`, [numbers.map(deaNumber), agency.a])
  await superuser.query(`insert into cms_enrollment_metadata (${kept}, npi_reference, enrollment_status, payer_participation_status)
    select ${spread}, number, 'active', '{}' from unnest($1::text[]) with ordinality as given (number, n)`, [numbers.map(npi), agency.a])
  await superuser.query(`insert into dea_compliance_note select agency_id, gen_random_uuid(), id, 'x', 'x', now(), gen_random_uuid() from dea_registrant_metadata, generate_series(1, 2)`)
  await superuser.query('set session_replication_role = origin')
  await superuser.query('analyze dea_registrant_metadata, cms_enrollment_metadata, dea_compliance_note')
  const session = { agency: agency.a }
  const page = { before_at: new Date(), before_id: newId(), row_limit: 51 }
  const none = '00000000-0000-0000-0000-000000000000'
  const plans = [
    ['dea_registrant_metadata_of_agency', listDeaStatement, page],
    ['dea_registrant_metadata_expiring', deaAlertsStatement, { until: '2031-01-01', after_date: '2026-01-01', after_id: none, row_limit: 51 }],
    ['dea_registrant_metadata_pkey', getDeaStatement, { metadata_id: deaA.id }],
    ['dea_compliance_note_of_record', getDeaStatement, { metadata_id: deaA.id }],
    ['cms_enrollment_metadata_of_agency', listCmsStatement, page],
    ['cms_enrollment_metadata_of_agency', readinessStatement, { metadata_id: null, ...page }],
    ['cms_enrollment_metadata_pkey', readinessStatement, { metadata_id: cmsA.id, ...page }],
  ] as const
  for (const [index, statement, values] of plans) {
    const plan = await planOf(statement, session, values)
    t.match(plan, new RegExp(`using ${index} `), `${statement.operation.name}: ${index}`)
    t.notMatch(plan, /Seq Scan/, plan)
    const most = Math.max(...[...plan.matchAll(/rows=(\d+)/g)].map(([, rows]) => Number(rows)), ...[...plan.matchAll(/Removed by \w+(?: \w+)?: (\d+)/g)].map(([, rows]) => Number(rows)))
    t.ok(most <= 101, `${statement.operation.name} reads ${most} rows`)
  }
}) // prettier-ignore
