import type { Appointment } from '../../../domain/appointments/index.ts'

/** The owner's transaction in one agency. */
export interface ImportSession {
  readonly agencyId: string
  /** The audit row that the import will have. */
  readonly auditId: string
  query(sql: string, parameters: readonly unknown[]): Promise<{ readonly rows: readonly Record<string, unknown>[] }>
}

/** Two imports into one agency go one after the other. */
const lock = "select pg_advisory_xact_lock(hashtext('appointments_import'), hashtext($1))"

const store = `
  insert into appointments_appointment as a (agency_id, id, patient_id, provider_ids, status, starts_at, ends_at, audit_id)
  select $1, r.id, r.patient_id, r.provider_ids, r.status, r.starts_at, r.ends_at, $2
  from json_to_recordset($3::json) r (id text, patient_id uuid, provider_ids uuid[], status text, starts_at timestamptz, ends_at timestamptz)
  on conflict (agency_id, id) do update set patient_id = excluded.patient_id, provider_ids = excluded.provider_ids,
    status = excluded.status, starts_at = excluded.starts_at, ends_at = excluded.ends_at, audit_id = excluded.audit_id
  where (a.patient_id, a.provider_ids, a.status, a.starts_at, a.ends_at)
    is distinct from (excluded.patient_id, excluded.provider_ids, excluded.status, excluded.starts_at, excluded.ends_at)
  returning a.id, (a.xmax = 0) as added`

const forget = 'delete from appointments_participant where agency_id = $1 and appointment_id = any ($2)'
const takePart = `
  insert into appointments_participant (agency_id, appointment_id, provider_id, patient_id, status, starts_at, slot)
  select a.agency_id, a.id, p.id, a.patient_id, a.status, a.starts_at, a.slot
  from appointments_appointment a cross join unnest(a.provider_ids) p (id)
  where a.agency_id = $1 and a.id = any ($2)`

const note = `
  insert into appointments_import as i (agency_id, as_of, imported_at, audit_id) values ($1, $2, $3, $4)
  on conflict (agency_id) do update set as_of = excluded.as_of, imported_at = excluded.imported_at, audit_id = excluded.audit_id
  where $5 or i.as_of is distinct from excluded.as_of
  returning agency_id`

export const beginImport = (session: ImportSession): Promise<unknown> => session.query(lock, [session.agencyId])

/** Adds appointments and changes those that differ, with who takes part. An appointment that is not among them stays as it is. */
export const storeAppointments = async (
  session: ImportSession,
  appointments: readonly Appointment[],
): Promise<{ readonly added: number; readonly changed: number }> => {
  const rows = appointments.map(({ id, patientId, providerIds, status, start, end }) => ({
    id, patient_id: patientId, provider_ids: providerIds, status, starts_at: start, ends_at: end,
  })) // prettier-ignore
  const stored = await session.query(store, [session.agencyId, session.auditId, JSON.stringify(rows)])
  const ids = stored.rows.map(({ id }) => id)
  if (ids.length === 0) return { added: 0, changed: 0 }
  await session.query(forget, [session.agencyId, ids])
  await session.query(takePart, [session.agencyId, ids])
  const added = stored.rows.filter((row) => row.added === true).length
  return { added, changed: ids.length - added }
}

/**
 * Notes how current the calendar is now.
 * @param changed whether anything was stored
 * @returns false where nothing at all is different from before
 */
export const noteImport = async (session: ImportSession, asOf: Date, at: Date, changed: boolean): Promise<boolean> => {
  const { rows } = await session.query(note, [session.agencyId, asOf, at, session.auditId, changed])
  return rows.length > 0
}

/** Has anything ever been imported into the agency? */
export const wasImported = async (session: ImportSession): Promise<boolean> =>
  (await session.query('select from appointments_import where agency_id = $1', [session.agencyId])).rows.length > 0
