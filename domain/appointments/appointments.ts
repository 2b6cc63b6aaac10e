/** Passed through as the source says them. @see FHIR R4, ValueSet appointmentstatus */
export const appointmentStatuses = [
  'proposed',
  'pending',
  'booked',
  'arrived',
  'fulfilled',
  'cancelled',
  'noshow',
  'entered-in-error',
  'checked-in',
  'waitlist',
] as const
export type AppointmentStatus = (typeof appointmentStatuses)[number]

/** An appointment of one patient that has a time. Nothing here changes one. */
export interface Appointment {
  /** The source's own id. @see FHIR R4, datatype id */
  readonly id: string
  readonly patientId: string
  /** The providers who take part, in the source's order, each once. */
  readonly providerIds: readonly string[]
  readonly status: AppointmentStatus
  readonly start: Date
  readonly end: Date
}

/** What a reader may know of an appointment whose patient has not consented: that the time is taken. */
export type RedactedSlot = Pick<Appointment, 'start' | 'end' | 'status'>

/** How long what was imported counts as current, in milliseconds. */
export const freshForMs = 24 * 3600 * 1000

/** Is what is known of the calendar out of date? A calendar of which nothing is known is. */
export const isStale = (asOf: Date | null, now: Date): boolean => asOf === null || now.getTime() - asOf.getTime() > freshForMs

/** Who looks. Staff who administer an agency look at any provider's calendar, everybody else at their own. */
export type Viewer =
  | { readonly kind: 'patient'; readonly patientId: string }
  | { readonly kind: 'clinician'; readonly providerId: string | null }
  | { readonly kind: 'administrator' }

/** Roles of staff whose sight is not bounded by their own provider id. A founder works in an agency like its administrator. */
export const administratorRoles = ['founder', 'agency_administrator'] as const

/** Takes part in nothing: stands for a clinician whose token names no provider. */
const nobody = '00000000-0000-0000-0000-000000000000'

export interface Caller {
  readonly audience: string | null
  readonly roles: readonly string[]
  readonly patientId: string | null
  readonly providerId: string | null
}

export const viewerOf = ({ audience, roles, patientId, providerId }: Caller): Viewer => {
  if (audience === 'patient' && patientId !== null) return { kind: 'patient', patientId }
  if (audience === 'staff' && administratorRoles.some((role) => roles.includes(role))) return { kind: 'administrator' }
  return { kind: 'clinician', providerId: audience === 'staff' ? providerId : null }
}

/** How far one request reaches. */
export interface Sight {
  /** Of this patient alone; null: of whichever. */
  readonly patientId: string | null
  /** In which this provider takes part; null: whoever does. */
  readonly providerId: string | null
  /**
   * Whether a patient without consent leaves a redacted slot: in one provider's calendar, where the time is taken all the same.
   * Elsewhere such appointments are left out, and nothing tells that they were.
   */
  readonly redacts: boolean
}

export interface Asked {
  readonly patientId?: string
  readonly providerId?: string
}

/**
 * What a viewer sees of what was asked for. Asking narrows; it never widens: a patient's own and a clinician's own calendar bound
 * both, whatever the request names.
 * @see design, section 7: who sees which appointments
 */
export const sightOf = (viewer: Viewer, asked: Asked): Sight => {
  if (viewer.kind === 'patient') return { patientId: viewer.patientId, providerId: asked.providerId ?? null, redacts: false }
  const patientId = asked.patientId ?? null
  const providerId = viewer.kind === 'clinician' ? (viewer.providerId ?? nobody) : (asked.providerId ?? null)
  return { patientId, providerId, redacts: patientId === null && providerId !== null }
}

/** Can there be anything within sight at all? */
export const seesNothing = ({ providerId }: Sight): boolean => providerId === nobody

/** Does an appointment belong to what was asked of its source? */
export const isWithin = (
  { patientId, providerId }: Pick<Sight, 'patientId' | 'providerId'>,
  people: { readonly patientIds: readonly string[]; readonly providerIds: readonly string[] },
): boolean =>
  (patientId === null || people.patientIds.includes(patientId)) && (providerId === null || people.providerIds.includes(providerId))
