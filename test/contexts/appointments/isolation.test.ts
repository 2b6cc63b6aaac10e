import t from 'tap'
import type { QueryResult } from 'pg'
import { newId } from '../../../domain/shared/ids.ts'
import { appointmentsMigrations } from '../../../plugins/contexts/appointments/appointments.migrations.ts'
import { getAppointmentStatement, listAppointmentsStatement } from '../../../plugins/contexts/appointments/appointments.statements.ts'
import { consentMigrations } from '../../../plugins/contexts/consent/consent.migrations.ts'
import { hostMigrations } from '../../../plugins/host/migrations/index.ts'
import type { ReadStatement } from '../../../plugins/host/sql/statement.ts'
import { testDatabase } from '../../database.ts'
import { databaseSession, type Statement } from '../database-session.ts'

const agency = { a: newId(), b: newId() }
const [ana, ben, robin] = [newId(), newId(), newId()]
const audit = newId()
const db = await testDatabase(t, { migrations: [...hostMigrations, ...consentMigrations, ...appointmentsMigrations] })
const { superuser, within, insert, planOf } = await databaseSession(t, db)

const seed = async (id: string, row: Record<string, unknown> = {}): Promise<void> => {
  const slot = newId()
  const full = { agency_id: agency.a, patient_id: ana, starts_at: '2026-12-01T09:00:00Z', slot, ...row }
  await insert('appointments_appointment', {
    ...full,
    id,
    provider_ids: [robin],
    status: 'booked',
    ends_at: full.starts_at,
    audit_id: audit,
    ...row,
  })
  await insert('appointments_participant', {
    agency_id: full.agency_id,
    patient_id: full.patient_id,
    starts_at: full.starts_at,
    slot,
    status: 'booked',
    appointment_id: id,
    provider_id: robin,
  })
}
await superuser.query('insert into host_agency (id, name) values ($1, $2), ($3, $4)', [agency.a, 'A', agency.b, 'B'])
await seed('anas')
await seed('bens', { patient_id: ben })
await seed('other', { agency_id: agency.b })

const ids = (result: QueryResult): string[] => result.rows.map(({ id }) => id as string).sort()

t.test('row security alone holds, whatever the statement asks', async (t) => {
  const all: Statement[] = [['select id from appointments_appointment'], ['select appointment_id as id from appointments_participant']]
  for (const every of all) {
    t.same(ids(await within({ agency: agency.a }, every)), ['anas', 'bens'])
    t.same(ids(await within({ agency: agency.b }, every)), ['other'])
    t.same(ids(await within({ agency: agency.a, patient: ana }, every)), ['anas'], 'a patient’s own session')
    t.same(ids(await within({ agency: agency.a, patient: newId() }, every)), [])
    await t.rejects(within({}, every), { code: '42501' }, 'no agency: refused, not empty')
    const roles = ['draft', 'advise', 'write', 'admin', 'public', 'gate', 'audit_writer', 'audit_reader']
    for (const role of roles) await t.rejects(within({ role: `postern_${role}`, agency: agency.a }, every), { code: '42501' }, role)
  }
})

t.test('the reader can change nothing, in no way', async (t) => {
  for (const table of ['appointments_appointment', 'appointments_participant', 'appointments_import'])
    for (const sql of [
      `delete from ${table}`,
      `update ${table} set agency_id = agency_id`,
      `insert into ${table} (agency_id) values ('${agency.a}')`,
      `truncate ${table}`,
    ])
      await t.rejects(within({ agency: agency.a }, [sql]), { code: '42501' }, sql)
})

t.test('rules of the domain are the table’s rules', async (t) => {
  const broken: [string, Record<string, unknown>][] = [
    ['appointments_appointment_status', { status: 'rescheduled' }],
    ['appointments_appointment_id', { id: 'a b' }],
    ['appointments_appointment_ends_later', { ends_at: '2026-11-01T00:00:00Z' }],
    ['appointments_appointment_starts_at', { starts_at: '1969-01-01T00:00:00Z' }],
    ['appointments_appointment_pkey', { id: 'anas' }],
    ['appointments_appointment_agency_id_fkey', { agency_id: newId() }],
  ]
  for (const [constraint, row] of broken) t.equal(await seed('new', row).catch((error) => error.constraint), constraint)
})

t.test('every read of many appointments uses an index that begins with the agency, and reads a page', async (t) => {
  await superuser.query('set session_replication_role = replica')
  await superuser.query(
    `insert into appointments_appointment (agency_id, id, slot, patient_id, provider_ids, status, starts_at, ends_at, audit_id)
     select case when n % 2 = 0 then $1::uuid else $2::uuid end, 'seed-' || n, md5('slot' || n)::uuid, md5('p' || n % 1000)::uuid, array[md5('d' || n % 40)::uuid],
       'booked', '2026-01-01'::timestamptz + n * interval '10 min', '2027-01-01'::timestamptz + n * interval '10 min', $3
     from generate_series(1, 40000) n`,
    [agency.a, agency.b, audit],
  )
  await superuser.query(
    `insert into appointments_participant (agency_id, appointment_id, provider_id, patient_id, status, starts_at, slot)
     select agency_id, id, provider_ids[1], patient_id, status, starts_at, slot from appointments_appointment where id like 'seed-%'`,
  )
  await superuser.query(
    `insert into consent_record (agency_id, id, patient_id, scope, status, granted_at, granted_by, audit_id)
     select $1, gen_random_uuid(), md5('p' || n)::uuid, 'appointments', 'active', '2026-01-01', 'x', $2 from generate_series(0, 999) n`,
    [agency.a, audit],
  )
  await superuser.query('set session_replication_role = origin')
  await superuser.query('vacuum (analyze) appointments_appointment, appointments_participant, consent_record')
  // As the host writes it where patients are exempt.
  const asked = (statement: ReadStatement): ReadStatement => ({
    ...statement,
    sql: statement.sql.replaceAll(
      /\{\{consent (\w+)\}\}/g,
      "((select p_patient_id is not null) or exists (select from consent_permits(p_agency_id, $1.patient_id, 'appointments', p_at)))".replace(
        '$1',
        '$$1',
      ),
    ),
  })
  const page = {
    from_at: '1970-01-01T00:00:00Z',
    before_at: '9999-01-01T00:00:00Z',
    before_slot: 'ffffffff-ffff-ffff-ffff-ffffffffffff',
    row_limit: 51,
    redacts: true,
  }
  const { rows } = await superuser.query("select md5('p2')::uuid patient, md5('d2')::uuid provider")
  const session = { agency: agency.a }
  const list = asked(listAppointmentsStatement)
  const plans = {
    appointments_of_provider: await planOf(list, session, { ...page, provider_id: rows[0].provider }),
    appointments_of_patient: await planOf(list, session, { ...page, subject_id: rows[0].patient }),
    appointments_of_agency: await planOf(list, session, page),
  }
  for (const [index, plan] of Object.entries(plans)) {
    t.match(plan, new RegExp(`Index (Only )?Scan Backward using ${index} [^\\n]*actual rows=(40|51|101)`), index)
    t.notMatch(plan, /Seq Scan on (appointments|consent)/)
    for (const other of Object.keys(plans))
      if (other !== index) t.notMatch(plan, new RegExp(`using ${other} [^\\n]*actual rows=[1-9]`), `${index}: not ${other}`)
  }
  const one = await planOf(asked(getAppointmentStatement), session, { appointment_id: 'seed-2' })
  t.match(one, /Index Scan using appointments_appointment_pkey/)
  t.notMatch(one, /Seq Scan on/)
})
