import { createReadStream } from 'node:fs'
import { stat } from 'node:fs/promises'
import { type Appointment, readAppointment } from '../domain/appointments/index.ts'
import { isUuid, newId } from '../domain/shared/ids.ts'
import { parseInstant } from '../domain/shared/instant.ts'
import { beginImport, type ImportSession, noteImport, storeAppointments, wasImported } from './contexts/appointments/appointments.import.ts'
import { type Piece, readResources } from './contexts/appointments/appointments.reader.ts'
import { auditAsOwner, inAgency, withOwner } from './host/agencies.ts'

export interface Import {
  readonly ownerUrl: string
  readonly path: string
  /** Whose appointments these are; the file's Organization unless told. */
  readonly agencyId?: string | undefined
  readonly now: Date
  /** Told of each thing that was skipped: its place in the file and the rule that it breaks, never what it says. */
  readonly onSkipped?: (place: string, rule: string) => void
}

export interface Imported {
  readonly agencyId: string
  /** The calendar as it was known then: the bundle's timestamp, or else when the file was last written. */
  readonly asOf: Date
  readonly added: number
  readonly changed: number
  readonly unchanged: number
  readonly skipped: number
  /** False where the import changed nothing, not even how current the calendar is. */
  readonly different: boolean
}

const batchSize = 500
/** Of one import; its ids are held in memory. */
const mostAppointments = 1_000_000

const piecesOf = (path: string): AsyncGenerator<Piece> =>
  readResources(createReadStream(path, { encoding: 'utf8', highWaterMark: 256 * 1024 }))

const isOf = (resource: unknown, type: string): resource is { readonly id?: unknown } =>
  typeof resource === 'object' && resource !== null && (resource as { resourceType?: unknown }).resourceType === type

/** The agency that a file names: its one Organization. */
const agencyOf = async (path: string): Promise<string> => {
  const named = new Set<unknown>()
  for await (const piece of piecesOf(path)) if ('resource' in piece && isOf(piece.resource, 'Organization')) named.add(piece.resource.id)
  const [id, ...others] = [...named]
  if (typeof id !== 'string' || !isUuid(id) || others.length > 0)
    throw new Error('The file names no one agency. Say whose it is: --agency ID')
  return id
}

/** Reads a file, hands its appointments over in batches, and gives what it says of itself. */
const readFile = async ({ path, onSkipped }: Import, keep: (batch: readonly Appointment[]) => Promise<void>) => {
  const seen = new Set<string>()
  let batch: Appointment[] = []
  let [skipped, timestamp]: [number, string | null] = [0, null]
  const skip = (place: string, rule: string): void => {
    skipped += 1
    onSkipped?.(place, rule)
  }
  const take = (place: string, resource: unknown): void => {
    const known = ['Patient', 'Practitioner', 'PractitionerRole', 'Organization', 'Location', 'HealthcareService', 'Schedule', 'Slot']
    if (known.some((type) => isOf(resource, type))) return
    const reading = readAppointment(resource)
    if (reading.kind !== 'appointment') return skip(place, reading.rule)
    if (seen.has(reading.appointment.id)) return skip(place, 'its id stands in the file before')
    if (seen.size === mostAppointments) throw new Error(`An import takes ${mostAppointments} appointments at most. Nothing was imported.`)
    seen.add(reading.appointment.id)
    batch.push(reading.appointment)
  }
  for await (const piece of piecesOf(path)) {
    if ('timestamp' in piece) timestamp = piece.timestamp
    else if ('problem' in piece) skip(piece.place, piece.problem)
    else take(piece.place, piece.resource)
    if (batch.length < batchSize) continue
    await keep(batch)
    batch = []
  }
  if (batch.length > 0) await keep(batch)
  return { count: seen.size, skipped, timestamp }
}

const asOfFile = async ({ path, now }: Import, timestamp: string | null): Promise<Date> => {
  const told = timestamp === null ? null : parseInstant(timestamp)
  const known = told ?? (await stat(path)).mtime
  return known < now ? known : now
}

/**
 * Imports the appointments of a FHIR bundle or NDJSON file into an agency's read model, as the owner, all of them or none, with the
 * audit row in the same transaction. What cannot be read is skipped and named. The same file again changes nothing.
 * @throws Error with a sentence where the file cannot be read or there is no such agency
 */
export const importAppointments = async (asked: Import): Promise<Imported> => {
  const agencyId = asked.agencyId ?? (await agencyOf(asked.path))
  const imported = await importInto(agencyId, asked)
  // A calendar is read by its index alone once the pages are known to hold nothing but what everybody may see.
  if (imported.added + imported.changed > 0)
    await withOwner(asked.ownerUrl, (client) => client.query('vacuum (analyze) appointments_appointment, appointments_participant'))
  return imported
}

const importInto = (agencyId: string, asked: Import): Promise<Imported> =>
  inAgency(asked.ownerUrl, agencyId, async (client) => {
    const known = await client.query('select from host_agency where id = $1', [agencyId])
    if (known.rowCount === 0) throw new Error(`There is no agency ${agencyId}.`)
    const session: ImportSession = { agencyId, auditId: newId(), query: (sql, parameters) => client.query(sql, [...parameters]) }
    await beginImport(session)
    let [added, changed] = [0, 0]
    const { count, skipped, timestamp } = await readFile(asked, async (batch) => {
      const stored = await storeAppointments(session, batch)
      added += stored.added
      changed += stored.changed
    })
    const asOf = await asOfFile(asked, timestamp)
    // A file of which nothing could be read says nothing of how the calendar stands.
    const different = (count > 0 || skipped === 0) && (await noteImport(session, asOf, asked.now, added + changed > 0))
    const more = { id: session.auditId, entity_type: 'appointment', count: added + changed }
    if (different) await auditAsOwner(client, agencyId, 'appointments.import', more)
    return { agencyId, asOf, added, changed, unchanged: count - added - changed, skipped, different }
  })

/** Imports a file into an agency that has none of its appointments yet. */
export const importAppointmentsOnce = async (asked: Import & { readonly agencyId: string }): Promise<void> => {
  const { agencyId, ownerUrl } = asked
  const done = await inAgency(ownerUrl, agencyId, (client) =>
    wasImported({ agencyId, auditId: newId(), query: (sql, parameters) => client.query(sql, [...parameters]) }),
  )
  if (!done) await importAppointments(asked)
}
