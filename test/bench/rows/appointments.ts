import { newId } from '../../../domain/shared/ids.ts'
import { reads } from '../load/requests.ts'
import type { Row } from '../report.ts'
import type { Bench, Rig } from '../rig.ts'
import type { Clinician } from '../stage/issuer.ts'
import { runAll, type BenchDatabase } from '../stage/postgres.ts'
import { fair, row } from './throughput.ts'

const clinicians = 48
/** A page, and as many that it does not reach. */
const each = 100

const quoted = (texts: readonly string[]): string => `array[${texts.map((text) => `'${text}'`).join(', ')}]`

/** Half an hour each, one after the other, with patients in turn. */
const fill = (schema: string, agencyId: string, providers: readonly string[], patients: readonly string[]): string[] => [
  `insert into ${schema}.appointments_import (agency_id, as_of, imported_at, audit_id) values ('${agencyId}', now(), now(), gen_random_uuid())`,
  `insert into ${schema}.appointments_appointment (agency_id, id, slot, patient_id, provider_ids, status, starts_at, ends_at, audit_id)
   select '${agencyId}', gen_random_uuid()::text, gen_random_uuid(), (${quoted(patients)}::uuid[])[1 + (p * ${each} + n) % ${patients.length}],
     array[(${quoted(providers)}::uuid[])[p]], 'booked', day + n * interval '30 minutes', day + (n + 1) * interval '30 minutes', gen_random_uuid()
   from generate_series(1, ${providers.length}) p, generate_series(1, ${each}) n, date_trunc('day', now()) day`,
  `insert into ${schema}.appointments_participant (agency_id, appointment_id, provider_id, patient_id, status, starts_at, slot)
   select agency_id, id, provider_ids[1], patient_id, status, starts_at, slot from ${schema}.appointments_appointment`,
]

const consents = (agencyId: string): string => `
  insert into consent_record (agency_id, id, patient_id, scope, status, granted_at, granted_by, audit_id)
  select agency_id, gen_random_uuid(), patient_id, 'appointments', 'active', granted_at, granted_by, gen_random_uuid()
  from consent_record where agency_id = '${agencyId}' and scope = 'messaging'`

const tables = ['appointments_appointment', 'appointments_participant', 'appointments_import'] as const

const bareTables = tables.map((table) => `create table bare.${table} (like public.${table} including indexes including storage)`)

const calendars = async ({ candidate, reference, people }: Bench): Promise<Clinician[]> => {
  const [agencyId] = people.one.agencies as [string]
  const found = Array.from({ length: clinicians }, () => ({ agencyId, sub: newId(), providerId: newId() }))
  const providers = found.map(({ providerId }) => providerId)
  const patients = people.one.persons.map(({ patientId }) => patientId)
  const settle = (database: BenchDatabase, statements: readonly string[]) =>
    runAll(database.superuserUrl, [...statements, 'vacuum (analyze)'])
  await settle(candidate.database, [...fill('public', agencyId, providers, patients), consents(agencyId)])
  await settle(reference.database, [...bareTables, ...fill('bare', agencyId, providers, patients)])
  return found
}

/** Fifty appointments of a clinician's calendar, the consent of each one's patient asked. @see design, section 11 */
export const readAppointments = async (rig: Rig): Promise<Row[]> => {
  const bench = await rig.bench()
  const callers = (await calendars(bench)).map((clinician) => ({ token: rig.issuer.token(clinician) }))
  const pair = {
    candidate: { server: bench.candidate, requests: reads(callers, () => '/api/appointments'), expected: 200 },
    reference: { server: bench.reference, requests: reads(callers, () => '/bare/appointments'), expected: 200 },
  }
  const rows = [await row(rig, 'audited read, listAppointments of 50', 0.6, pair)]
  await fair(rig, bench)
  return rows
}
