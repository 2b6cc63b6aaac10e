import { createHash } from 'node:crypto'
import { type Appointment, isWithin, readAppointment, type Sight } from '../../../domain/appointments/index.ts'
import type { Distrust, OutboundServer } from '../../host/define-context.ts'

/** What is asked of an agency's FHIR server. */
export interface Search extends Pick<Sight, 'patientId' | 'providerId'> {
  readonly id?: string
  readonly status?: string
  /** Starts from this time on. */
  readonly from?: Date
  /** Starts up to this time. */
  readonly upTo?: Date
  /** Is some of what is found left out again, so that nothing may tell of it? */
  readonly hides?: boolean
  /** Has enough been found? Then no further page is asked for. */
  readonly isEnough: (found: readonly Appointment[]) => boolean
}

export interface Found {
  readonly appointments: readonly Appointment[]
  /** Where there are more: all that start after this time are here. */
  readonly cutAt: Date | null
}

const pageSize = 100
const mostPages = 10
const mostEntries = 1_000
const accepted: readonly string[] = ['application/fhir+json', 'application/json']

type Json = Readonly<Record<string, unknown>>
const isObject = (value: unknown): value is Json => typeof value === 'object' && value !== null && !Array.isArray(value)

/** @see http://hl7.org/fhir/R4/appointment.html#search */
const addressOf = ({ id, patientId, providerId, status, from, upTo }: Search): string => {
  const query = new URLSearchParams({ _count: String(pageSize), _sort: '-date' })
  if (id !== undefined) query.set('_id', id)
  if (patientId !== null) query.set('patient', `Patient/${patientId}`)
  if (providerId !== null) query.set('practitioner', `Practitioner/${providerId}`)
  if (status !== undefined) query.set('status', status)
  if (from) query.append('date', `ge${from.toISOString()}`)
  if (upTo) query.append('date', `le${upTo.toISOString()}`)
  return `Appointment?${query.toString()}`
}

interface Page {
  readonly resources: readonly unknown[]
  readonly next: string | null
}

const nextOf = (links: unknown): string | null | undefined => {
  if (links === undefined) return null
  if (!Array.isArray(links)) return undefined
  const next = links.find((link) => isObject(link) && link['relation'] === 'next') as Json | undefined
  if (next === undefined) return null
  return typeof next['url'] === 'string' ? next['url'] : undefined
}

/** Matches alone; what a server includes beside them, and what it has to say of the search, is nobody's appointment. */
const matchesOf = (entries: readonly unknown[]): readonly unknown[] =>
  entries.flatMap((entry) => {
    if (!isObject(entry)) return [entry]
    const mode = isObject(entry['search']) ? entry['search']['mode'] : undefined
    return mode === 'include' || mode === 'outcome' ? [] : [entry['resource']]
  })

/** A page of a search, or null where it is nothing that an R4 server may answer. */
const pageOf = (body: string): Page | null => {
  let bundle: unknown
  try {
    bundle = JSON.parse(body)
  } catch {
    return null
  }
  if (!isObject(bundle) || bundle['resourceType'] !== 'Bundle' || bundle['type'] !== 'searchset') return null
  const { entry = [], link } = bundle
  const next = nextOf(link)
  if (next === undefined || !Array.isArray(entry) || entry.length > mostEntries) return null
  return { resources: matchesOf(entry), next }
}

const askPage = async (server: OutboundServer, target: string): Promise<Page> => {
  const { status, contentType, body } = await server.get(target, 'application/fhir+json')
  const page = status === 200 && accepted.includes(contentType) ? pageOf(body) : null
  if (page === null) throw await server.distrust('nonsense')
  return page
}

/** The appointments of a page; an answer with anything in it that was not asked for is not believed at all. */
const believed = (resources: readonly unknown[], search: Search, base: string): Appointment[] | Distrust => {
  const appointments: Appointment[] = []
  for (const resource of resources) {
    const reading = readAppointment(resource, base)
    if (reading.kind === 'wrong') return 'nonsense'
    if (
      !isWithin(
        search,
        reading.kind === 'appointment' ? { patientIds: [reading.appointment.patientId], ...reading.appointment } : reading.people,
      )
    )
      return 'foreign-resource'
    if (reading.kind === 'left-out') continue
    if (search.id !== undefined && reading.appointment.id !== search.id) return 'foreign-resource'
    appointments.push(reading.appointment)
  }
  return appointments
}

const hourMs = 3600 * 1000
const dayMs = 24 * hourMs
const endOf = (unitMs: number, at: Date): Date => new Date(Math.floor(at.getTime() / unitMs) * unitMs + unitMs - 1)

/**
 * Where reading stopped before the end, all but the earliest start stand whole: those of it may go on behind. A server that does not
 * sort cannot be read in parts. Where some are left out, reading ends with a whole day if it can, or a whole hour: the cursor would tell
 * when exactly somebody is seen who has not consented.
 */
const cut = (appointments: readonly Appointment[], hides: boolean): Found | null => {
  const sorted = appointments.every(({ start }, index) => index === 0 || start <= appointments[index - 1]!.start)
  const last = appointments.at(-1)?.start
  if (!sorted || last === undefined) return null
  for (const cutAt of hides ? [endOf(dayMs, last), endOf(hourMs, last), last] : [last]) {
    const whole = appointments.filter(({ start }) => start > cutAt)
    if (whole.length > 0) return { appointments: whole, cutAt }
  }
  return null
}

/**
 * Searches an agency's FHIR R4 server.
 * @throws Refusal UPSTREAM_UNAVAILABLE where it does not answer, answers nonsense, or anything but what was asked for
 */
export const searchAppointments = async (server: OutboundServer, search: Search): Promise<Found> => {
  const found = new Map<string, Appointment>()
  const asked = new Set<string>()
  let next: string | null = addressOf(search)
  while (next !== null && asked.size < mostPages && !search.isEnough([...found.values()])) {
    if (asked.has(next)) throw await server.distrust('nonsense')
    asked.add(next)
    const page: Page = await askPage(server, next)
    const appointments = believed(page.resources, search, server.baseUrl)
    if (typeof appointments === 'string') throw await server.distrust(appointments)
    for (const appointment of appointments) found.set(appointment.id, appointment)
    next = page.next
  }
  const appointments = [...found.values()]
  if (next === null) return { appointments, cutAt: null }
  const part = cut(appointments, search.hides === true)
  if (part === null) throw await server.distrust('nonsense')
  return part
}

/** Where an appointment of an upstream stands among those of the same start. One way only, so that a cursor gives no id away. */
export const slotOf = (agencyId: string, id: string): string => {
  const hex = createHash('sha256').update(`${agencyId} ${id}`).digest('hex')
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20, 32)].join('-')
}

/** What was found as rows of the read model. */
export const rowsOf = (agencyId: string, { appointments }: Found): string =>
  JSON.stringify(
    appointments.map(({ id, patientId, providerIds, status, start, end }) => ({
      slot: slotOf(agencyId, id), starts_at: start, ends_at: end, status, id, patient_id: patientId, provider_ids: providerIds,
    })),
  ) // prettier-ignore
