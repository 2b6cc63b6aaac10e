import { lakeside, riverside, type DemoAgency } from '../../config/personas.ts'
import { ana, ben, cho, clinician, clinician2, type DemoPerson } from './demo-bundle-people.ts'

/** One resource of FHIR R4, as far as the demo data goes. */
export interface Resource {
  readonly resourceType: 'Organization' | 'Patient' | 'Practitioner' | 'Appointment'
  readonly id: string
  readonly [element: string]: unknown
}

export interface Bundle {
  readonly resourceType: 'Bundle'
  readonly type: 'collection'
  readonly timestamp: string
  readonly entry: readonly { readonly fullUrl: string; readonly resource: Resource }[]
}

interface Visit {
  readonly patient: DemoPerson
  readonly practitioner: DemoPerson
  /** Days from the given date, and the hour of its day, UTC. */
  readonly day: number
  readonly hour: number
  readonly status: 'booked' | 'fulfilled' | 'cancelled' | 'noshow'
  readonly reason: string
}

const visit = (patient: DemoPerson, practitioner: DemoPerson, day: number, hour: number, status: Visit['status'], reason: string): Visit => ({
  patient, practitioner, day, hour, status, reason,
}) // prettier-ignore

/** New visits go to the end: an appointment's id is made from its place. */
const visitsOf: Readonly<Record<string, readonly Visit[]>> = {
  [riverside.id]: [
    visit(ana, clinician, -42, 9, 'fulfilled', 'First visit'),
    visit(ana, clinician, -14, 10, 'noshow', 'Follow-up'),
    visit(ana, clinician, -7, 15, 'cancelled', 'Follow-up'),
    visit(ana, clinician, 3, 9, 'booked', 'Follow-up'),
    visit(ana, clinician, 24, 11, 'booked', 'Yearly check'),
    visit(ana, clinician2, 10, 14, 'booked', 'Second opinion'),
    visit(ben, clinician, -90, 8, 'fulfilled', 'Yearly check'),
    visit(ben, clinician, -21, 13, 'noshow', 'Blood pressure'),
    visit(ben, clinician, 5, 13, 'booked', 'Blood pressure'),
    visit(ben, clinician, 12, 16, 'cancelled', 'Results'),
    visit(ben, clinician2, -60, 10, 'fulfilled', 'Wound control'),
  ],
  [lakeside.id]: [
    visit(cho, clinician, -30, 10, 'fulfilled', 'First visit'),
    visit(cho, clinician, -9, 9, 'noshow', 'Follow-up'),
    visit(cho, clinician, 2, 15, 'cancelled', 'Follow-up'),
    visit(cho, clinician, 8, 10, 'booked', 'Follow-up'),
  ],
}

const system = (agency: DemoAgency): string => `https://fhir.${nameOf(agency)}.example.org`
const nameOf = ({ name }: DemoAgency): string => name.toLowerCase()

const organization = (agency: DemoAgency): Resource => ({
  resourceType: 'Organization',
  id: agency.id,
  active: true,
  name: `${agency.name} (demo)`,
  telecom: [{ system: 'email', value: `reception@${nameOf(agency)}.example.org` }],
})

const human = (
  agency: DemoAgency,
  resourceType: 'Patient' | 'Practitioner',
  { id, number, family, given, gender, birthDate, phone }: DemoPerson,
): Resource => ({
  resourceType,
  id,
  active: true,
  identifier: [{ use: 'usual', system: `${system(agency)}/numbers`, value: number }],
  name: [{ use: 'official', family, given: [given] }],
  telecom: [
    { system: 'phone', value: phone, use: 'mobile' },
    { system: 'email', value: `${given}.${family}@example.org`.toLowerCase() },
  ],
  gender,
  birthDate,
  ...(resourceType === 'Patient' ? { managingOrganization: { reference: `Organization/${agency.id}` } } : {}),
})

const participation: Record<Visit['status'], 'accepted' | 'declined'> = {
  booked: 'accepted',
  fulfilled: 'accepted',
  noshow: 'accepted',
  cancelled: 'declined',
}
const who = (type: string, { id, given, family }: DemoPerson, status: string) => ({
  actor: { reference: `${type}/${id}`, display: `${given} ${family}` }, required: 'required', status,
}) // prettier-ignore

const instant = (today: string, { day, hour }: Visit, minutes: number): string => {
  const at = new Date(`${today}T00:00:00Z`)
  at.setUTCDate(at.getUTCDate() + day)
  at.setUTCHours(hour, minutes)
  return at.toISOString()
}

/** UUIDs in the form of version 7, made from the place in the list. */
const appointmentId = (agency: DemoAgency, index: number): string =>
  `01920000-0000-7000-8000-e${agency.id.slice(-1)}${(index + 1).toString(16).padStart(10, '0')}`

const appointment = (agency: DemoAgency, today: string, one: Visit, index: number): Resource => ({
  resourceType: 'Appointment',
  id: appointmentId(agency, index),
  identifier: [{ system: `${system(agency)}/appointments`, value: `DEMO-A${index + 1}` }],
  status: one.status,
  ...(one.status === 'cancelled' ? { cancelationReason: { text: 'Cancelled by the patient' } } : {}),
  description: one.reason,
  start: instant(today, one, 0),
  end: instant(today, one, 30),
  minutesDuration: 30,
  created: instant(today, { ...one, day: one.day - 20 }, 0),
  participant: [who('Patient', one.patient, participation[one.status]), who('Practitioner', one.practitioner, 'accepted')],
})

/**
 * The patients of a demo agency with their appointments, as its FHIR R4 server would export them: obviously invented, the same for
 * the same date. Each patient of a persona has past and coming appointments with the persona `clinician`.
 *
 * @param today the date, YYYY-MM-DD, that "past" and "coming" go by
 * @throws RangeError where `today` is no date
 * @see http://hl7.org/fhir/R4/appointment.html
 */
export const demoBundle = (agency: DemoAgency, today: string): Bundle => {
  const visits = visitsOf[agency.id] ?? []
  const patients = new Set(visits.map((one) => one.patient))
  const practitioners = new Set(visits.map((one) => one.practitioner))
  const resources: Resource[] = [
    organization(agency),
    ...[...practitioners].map((person) => human(agency, 'Practitioner', person)),
    ...[...patients].map((person) => human(agency, 'Patient', person)),
    ...visits.map((one, index) => appointment(agency, today, one, index)),
  ]
  return {
    resourceType: 'Bundle',
    type: 'collection',
    timestamp: new Date(`${today}T00:00:00Z`).toISOString(),
    entry: resources.map((resource) => ({ fullUrl: `${system(agency)}/${resource.resourceType}/${resource.id}`, resource })),
  }
}
