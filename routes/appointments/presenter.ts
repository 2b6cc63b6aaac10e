import { type Appointment, isStale, type RedactedSlot } from '../../domain/appointments/index.ts'
import { showInstant, showInstantOrNull } from '../../domain/shared/instant.ts'
import type { AppointmentWire, SlotWire } from './schemas.ts'

const showTimes = ({ status, start, end }: RedactedSlot) => ({ status, start: showInstant(start), end: showInstant(end) })

/** How current an answer is. */
export const showSource = (asOf: Date | null, now: Date) => ({ asOf: showInstantOrNull(asOf), stale: isStale(asOf, now) })

/** An appointment of a list. */
export const showAppointment = (appointment: Appointment) => ({
  id: appointment.id,
  patientId: appointment.patientId,
  providerIds: [...appointment.providerIds],
  ...showTimes(appointment),
  redacted: false,
})

/** That a time is taken, and nothing besides. */
export const showRedacted = (slot: RedactedSlot): SlotWire => ({ ...showTimes(slot), redacted: true })

/** One appointment with how current it is. */
export const showOne = (appointment: Appointment, asOf: Date | null, now: Date): AppointmentWire => ({
  ...showAppointment(appointment),
  ...showSource(asOf, now),
})
