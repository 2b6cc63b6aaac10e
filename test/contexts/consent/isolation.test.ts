import t from 'tap'
import type { QueryResult } from 'pg'
import { consentStatuses, mayBecome } from '../../../domain/consent/index.ts'
import { newId } from '../../../domain/shared/ids.ts'
import { consentMigrations } from '../../../plugins/contexts/consent/consent.migrations.ts'
import { getConsentStatement, listConsentsStatement } from '../../../plugins/contexts/consent/consent.statements.ts'
import { hostMigrations } from '../../../plugins/host/migrations/index.ts'
import { testDatabase } from '../../database.ts'
import { type Session, type Statement, databaseSession } from '../database-session.ts'

const agency = { a: newId(), b: newId() }
const ana = newId()
const ben = newId()
const audit = newId()
const at = '2026-11-21T10:00:00Z'

const db = await testDatabase(t, { migrations: [...hostMigrations, ...consentMigrations] })

const { superuser, within, insert: add, planOf } = await databaseSession(t, db)

const seed = async (row: Record<string, unknown>): Promise<string> => {
  const id = newId()
  const full = {
    agency_id: agency.a,
    id,
    patient_id: ana,
    scope: 'messaging',
    status: 'active',
    granted_at: at,
    granted_by: 'ana',
    audit_id: audit,
    ...row,
  }
  await add('consent_record', full)
  return id
}

await superuser.query('insert into host_agency (id, name) values ($1, $2), ($3, $4)', [agency.a, 'A', agency.b, 'B'])
const anas = await seed({})
const bens = await seed({ patient_id: ben })
const other = await seed({ agency_id: agency.b })

const ids = (result: QueryResult): string[] => result.rows.map(({ id }) => id as string).sort()
const all: Statement = ['select id from consent_record']

t.test('row security alone holds, whatever the statement asks', async (t) => {
  t.same(ids(await within({ agency: agency.a }, all)), [anas, bens].sort(), 'the agency')
  t.same(ids(await within({ agency: agency.b }, all)), [other])
  t.same(ids(await within({ agency: agency.a, patient: ana }, all)), [anas], 'a patient’s own session')
  t.same(ids(await within({ agency: agency.a, patient: newId() }, all)), [])
  t.same(ids(await within({ agency: newId() }, all)), [])
  await t.rejects(within({}, all), { code: '42501' }, 'no agency: refused, not empty')
  await t.rejects(within({ agency: 'x' }, all), { code: '42501' })
})

const insert = (row: Record<string, unknown> = {}): Statement => [
  `insert into consent_record (agency_id, id, patient_id, scope, status, granted_at, granted_by, expires_at, audit_id)
   values ($1, $2, $3, $4, 'active', $5, 'ana', $6, $7)`,
  row.agency ?? agency.a, newId(), row.patient ?? ana, row.scope ?? 'advisor', at, row.expires ?? null, audit,
] // prettier-ignore

t.test('writes stay within the agency and the patient, and each role within its grants', async (t) => {
  const write = { role: 'postern_write', agency: agency.a, patient: ana }
  t.equal((await within(write, insert())).rowCount, 1)
  await t.rejects(within(write, insert({ patient: ben })), { code: '42501' }, 'another patient')
  await t.rejects(within(write, insert({ agency: agency.b })), { code: '42501' }, 'another agency')
  await t.rejects(within({ ...write, role: 'postern_read' }, insert()), { code: '42501' }, 'a reader')
  for (const role of ['postern_draft', 'postern_advise', 'postern_admin', 'postern_public', 'postern_audit_writer', 'postern_audit_reader'])
    await t.rejects(within({ role, agency: agency.a }, all), { code: '42501' }, role)
  await t.rejects(within(write, ['delete from consent_record']), { code: '42501' })
  for (const column of ['patient_id', 'agency_id', 'scope', 'granted_at', 'granted_by', 'expires_at', 'audit_id'])
    await t.rejects(within(write, [`update consent_record set ${column} = ${column}`]), { code: '42501' }, `${column} never changes`)
  const revoked: Statement = ["update consent_record set status = 'inactive', revoked_at = $1, revoked_audit_id = $2", at, audit]
  t.equal((await within(write, revoked)).rowCount, 1, 'one’s own alone')
})

t.test('domain rules are the table’s rules', async (t) => {
  const broken: [string, Record<string, unknown>][] = [
    ['consent_record_one_active', {}],
    ['consent_record_scope', { scope: 'everything' }],
    ['consent_record_status', { scope: 'advisor', status: 'finalized' }],
    ['consent_record_expires_later', { scope: 'advisor', expires_at: at }],
    ['consent_record_revoked_is_over', { scope: 'advisor', revoked_at: at, revoked_audit_id: audit }],
    ['consent_record_revoked_later', { scope: 'advisor', status: 'inactive', revoked_at: '2026-11-21T09:59:59Z', revoked_audit_id: audit }],
    ['consent_record_revoked_is_audited', { scope: 'advisor', status: 'inactive', revoked_at: at }],
    ['consent_record_reason_of_revocation', { scope: 'advisor', reason: Buffer.from('x') }],
    [
      'consent_record_reason',
      { scope: 'advisor', status: 'inactive', revoked_at: at, revoked_audit_id: audit, reason: Buffer.alloc(5000) },
    ],
    ['consent_record_agency_id_fkey', { agency_id: newId() }],
  ]
  for (const [constraint, row] of broken) t.equal(await seed(row).catch((error) => error.constraint), constraint)
})

t.test('the database allows exactly the transitions that the domain allows', async (t) => {
  for (const from of consentStatuses)
    for (const to of consentStatuses) {
      const id = await seed({ agency_id: agency.b, scope: 'appointments', status: from })
      const change = superuser.query('update consent_record set status = $2 where id = $1', [id, to])
      if (from === to || mayBecome(from, to)) await t.resolves(change, `${from} to ${to}`)
      else await t.rejects(change, { code: 'PT409' }, `${from} to ${to}`)
      await superuser.query('delete from consent_record where id = $1', [id])
    }
  const revoked = { scope: 'appointments', status: 'inactive', revoked_at: at, revoked_audit_id: audit }
  const id = await seed({ agency_id: agency.b, ...revoked })
  await t.rejects(
    superuser.query('update consent_record set revoked_at = now() where id = $1', [id]),
    { code: 'PT409' },
    'a revocation stands',
  )
})

t.test('the decision', async (t) => {
  const patient = newId()
  const soon = '2026-11-22T00:00:00Z'
  const decide = async (session: Session, scope: string, when = at, whose = patient, where = agency.a): Promise<unknown> => {
    const result = await within(session, ['select consent_decision($1, $2, $3, $4) id', where, whose, scope, when])
    return result.rows[0].id
  }
  const gate = { role: 'postern_gate', agency: agency.a }
  const permitting = await seed({ patient_id: patient })
  const expiring = await seed({ patient_id: patient, scope: 'advisor', expires_at: soon })
  for (const status of consentStatuses.filter((status) => status !== 'active'))
    await seed({ patient_id: patient, scope: 'appointments', status })
  t.equal(await decide(gate, 'messaging'), permitting)
  t.equal(await decide(gate, 'advisor'), expiring)
  t.equal(await decide(gate, 'advisor', '2026-11-21T23:59:59.999Z'), expiring)
  t.equal(await decide(gate, 'advisor', soon), null, 'expired at the instant itself')
  t.equal(await decide(gate, 'appointments'), null, 'no status but active permits')
  t.equal(await decide(gate, 'clinical-documentation'), null)
  t.equal(await decide(gate, 'messaging', at, newId()), null)
  t.equal(await decide({ ...gate, agency: agency.b }, 'messaging'), null, 'another agency’s session')
  t.equal(await decide({ ...gate, agency: agency.b }, 'messaging', at, patient, agency.b), null, 'asked of another agency')
  t.equal(await decide({ ...gate, patient }, 'messaging'), permitting, 'in the patient’s own session')
  t.equal(await decide({ ...gate, patient: ana }, 'messaging'), null, 'in another patient’s')
  t.equal(await decide({ role: 'postern_read', agency: agency.a }, 'messaging'), permitting)
  await t.rejects(decide({ role: 'postern_write', agency: agency.a }, 'messaging'), { code: '42501' }, 'not for the writer')
  await t.rejects(decide({ role: 'postern_gate' }, 'messaging'), { code: '42501' }, 'without an agency')
})

t.test('with the policies gone, the function’s own predicate still holds', async (t) => {
  await superuser.query('alter table consent_record disable row level security')
  t.teardown(() => superuser.query('alter table consent_record enable row level security'))
  const ask = async (where: string, whose: string): Promise<unknown> => {
    const gate = { role: 'postern_gate', agency: agency.a }
    return (await within(gate, ["select consent_decision($1, $2, 'messaging', $3) id", where, whose, at])).rows[0].id
  }
  t.equal(await ask(agency.a, ana), anas)
  t.equal(await ask(agency.b, ana), other)
  t.equal(await ask(agency.b, ben), null)
})

t.test('every read of many consents uses an index that begins with the agency', async (t) => {
  await superuser.query(
    `insert into consent_record (agency_id, id, patient_id, scope, status, granted_at, granted_by, audit_id)
     select case when n % 4 = 0 then $1::uuid else $2::uuid end, gen_random_uuid(), ('00000000-0000-4000-8000-' || lpad((n / 20)::text, 12, '0'))::uuid,
       'messaging', 'inactive', $3::timestamptz + n * interval '1 s', 'x', gen_random_uuid()
     from generate_series(1, 20000) n`,
    [agency.a, agency.b, at],
  )
  await superuser.query('analyze consent_record')
  const page = { before_at: '9999-01-01T00:00:00Z', before_id: 'ffffffff-ffff-ffff-ffff-ffffffffffff', row_limit: 51 }
  const patient = '00000000-0000-4000-8000-000000000500'
  const session = { agency: agency.a }
  const one = await planOf(getConsentStatement, session, { consent_id: anas })
  t.match(one, /Index Scan using consent_record_pkey/)
  t.match(one, /Index Cond: .*agency_id = /)
  const ofAgency = await planOf(listConsentsStatement, session, { ...page, subject_id: null })
  t.match(ofAgency, /Index Scan Backward using consent_record_of_agency .*\(actual rows=5[0-9.]+ /, 'a page reads a page')
  t.match(ofAgency, /consent_record_of_patient .*\(never executed\)/)
  const ofPatient = await planOf(listConsentsStatement, session, { ...page, subject_id: patient })
  t.match(ofPatient, /consent_record_of_agency .*\(never executed\)/)
  t.match(ofPatient, /using consent_record_of_patient .*\(actual rows=[0-9.]+ /)
  for (const plan of [one, ofAgency, ofPatient]) t.notMatch(plan, /Seq Scan/)
})
