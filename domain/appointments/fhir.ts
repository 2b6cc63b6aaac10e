import { isUuid } from '../shared/ids.ts'
import { parseInstant } from '../shared/instant.ts'
import { type Appointment, type AppointmentStatus, appointmentStatuses } from './appointments.ts'

/** Whom a resource references, as far as they are people of this platform. */
export interface People {
  readonly patientIds: readonly string[]
  readonly providerIds: readonly string[]
}

/**
 * What a resource says: an appointment; one that cannot stand in a calendar of this platform and is left out, with the reason; or
 * nothing that an R4 server may say. A reason is a rule and never holds what was read.
 */
export type Reading =
  | { readonly kind: 'appointment'; readonly appointment: Appointment }
  | { readonly kind: 'left-out'; readonly rule: string; readonly people: People }
  | { readonly kind: 'wrong'; readonly rule: string }

type Json = Readonly<Record<string, unknown>>

const idText = /^[A-Za-z0-9.-]{1,64}$/
const reference = /^(Patient|Practitioner)\/([A-Za-z0-9.-]{1,64})(?:\/_history\/[A-Za-z0-9.-]{1,64})?$/
const statuses: readonly unknown[] = appointmentStatuses
const mostParticipants = 100

const isObject = (value: unknown): value is Json => typeof value === 'object' && value !== null && !Array.isArray(value)

/** A reference of the source's own server, without the server. Another server's people are nobody here. */
const localPart = (text: string, base: string | null): string =>
  base !== null && text.startsWith(`${base}/`) ? text.slice(base.length + 1) : text

const actorsOf = (participants: readonly unknown[], base: string | null): { readonly type: string; readonly id: string }[] =>
  participants.flatMap((participant) => {
    const actor = isObject(participant) ? participant['actor'] : null
    const text = isObject(actor) ? actor['reference'] : null
    const match = typeof text === 'string' && text.length <= 2_048 ? reference.exec(localPart(text, base)) : null
    return match ? [{ type: match[1]!, id: match[2]! }] : []
  })

const idsOf = (actors: readonly { readonly type: string; readonly id: string }[], type: string): string[] => [
  ...new Set(actors.filter((actor) => actor.type === type).map(({ id }) => id)),
]

const wrong = (rule: string): Reading => ({ kind: 'wrong', rule })

const timeOf = (value: unknown): Date | null | undefined => {
  if (value === undefined) return undefined
  const instant = typeof value === 'string' ? parseInstant(value) : null
  return instant !== null && instant.getTime() > 0 ? instant : null
}

const patientRule = (patientIds: readonly string[]): string | null => {
  if (patientIds.length === 0) return 'it names no patient'
  if (patientIds.length > 1) return 'it names several patients'
  return isUuid(patientIds[0]!) ? null : 'its patient has no id of this platform'
}

/**
 * Reads one FHIR R4 Appointment. Of its participants only patients and practitioners with ids of this platform count; rooms, devices
 * and relatives do not.
 * @param base the server's base URL, whose absolute references are its own
 * @see http://hl7.org/fhir/R4/appointment.html
 */
export const readAppointment = (resource: unknown, base: string | null = null): Reading => {
  if (!isObject(resource) || resource['resourceType'] !== 'Appointment') return wrong('it is no Appointment')
  const { id, status, participant } = resource
  if (typeof id !== 'string' || !idText.test(id)) return wrong('its id is none')
  if (!statuses.includes(status)) return wrong('its status is none of FHIR R4')
  if (!Array.isArray(participant) || participant.length > mostParticipants) return wrong('its participants are not a list of up to 100')
  const [start, end] = [timeOf(resource['start']), timeOf(resource['end'])]
  if (start === null || end === null) return wrong('its start or end is no time')
  if (start && end && end < start) return wrong('it ends before it starts')
  const actors = actorsOf(participant, base)
  const people = { patientIds: idsOf(actors, 'Patient'), providerIds: idsOf(actors, 'Practitioner').filter(isUuid) }
  const rule = patientRule(people.patientIds) ?? (start && end ? null : 'it has no time yet')
  if (rule !== null || !start || !end) return { kind: 'left-out', rule: rule ?? '', people }
  const patientId = people.patientIds[0]!
  return {
    kind: 'appointment',
    appointment: { id, patientId, providerIds: people.providerIds, status: status as AppointmentStatus, start, end },
  }
}
