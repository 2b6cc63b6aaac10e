import { type Static, Type } from '@sinclair/typebox'
import { appointmentStatuses } from '../../domain/appointments/index.ts'
import { cursorList, cursorQuery } from '../shared/paging.ts'
import { id, instantIn, instantOut, oneOf, orNull, strict } from '../shared/schemas.ts'

const status = oneOf(appointmentStatuses, 'FHIR R4 appointment status, as the source says it')
const appointmentId = (description: string) => Type.String({ pattern: '^[A-Za-z0-9.-]{1,64}$', maxLength: 64, description })

export const appointmentParams = strict({ appointmentId: appointmentId('The appointment, by the id of its source') })

export const listAppointmentsQuery = strict({
  patientId: Type.Optional(id('Of this patient; a patient may only name themself')),
  providerId: Type.Optional(id('In which this provider takes part; a clinician may only name themself')),
  from: Type.Optional(instantIn('Starting at this time or later')),
  to: Type.Optional(instantIn('Starting before this time')),
  status: Type.Optional(status),
  ...cursorQuery,
})

const times = {
  status,
  start: instantOut('When it starts'),
  end: instantOut('When it ends'),
}

const whole = {
  id: appointmentId('The appointment, by the id of its source'),
  patientId: id('The patient'),
  providerIds: Type.Array(id('A provider'), { maxItems: 100, description: 'The providers who take part' }),
}

const source = {
  asOf: orNull(instantOut('The calendar as it was known at this time; null where nothing was ever imported')),
  stale: Type.Boolean({ description: 'True where that was more than 24 hours ago, or never' }),
}

const slotSchema = strict(
  {
    ...Type.Partial(Type.Object(whole)).properties,
    ...times,
    redacted: Type.Boolean({ description: 'True where the patient has not consented: then there is no id, no patient and no provider' }),
  },
  'An appointment, or that a time is taken',
)

export const appointmentListSchema = strict({ ...cursorList(slotSchema).properties, ...source })

export const appointmentSchema = strict({
  ...whole,
  ...times,
  redacted: Type.Boolean({ description: 'Always false: an appointment of its own is shown whole or not at all' }),
  ...source,
})

export type SlotWire = Static<typeof slotSchema>
export type AppointmentWire = Static<typeof appointmentSchema>
