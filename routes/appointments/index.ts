import { administratorRoles } from '../../domain/appointments/index.ts'
import { operation } from '../shared/operation.ts'
import { appointmentListSchema, appointmentParams, appointmentSchema, listAppointmentsQuery } from './schemas.ts'

export * from './presenter.ts'

const tags = ['appointments'] as const

/** Visibility and nothing else: there is no operation here that changes anything. @see MIG-03 §6.3 */
export const listAppointments = operation({
  name: 'listAppointments',
  summary: 'Appointments, the latest start first',
  description:
    'A patient sees their own; a clinician those of consenting patients in which they take part; an administrator any provider’s. ' +
    'In one provider’s calendar a patient without consent leaves a redacted slot; one patient who is named needs to have consented.',
  method: 'GET',
  path: '/appointments',
  effect: 'read',
  audience: ['patient', 'staff'],
  scopes: ['appointments:read'],
  killSwitch: 'USE_APPOINTMENT_READS',
  agrees: [
    { claim: 'patientId', in: 'query', field: 'patientId', audiences: ['patient'] },
    { claim: 'providerId', in: 'query', field: 'providerId', audiences: ['staff'], exceptRoles: administratorRoles },
  ],
  consent: { scope: 'appointments', patient: { in: 'query', field: 'patientId', optional: true }, exempt: ['patient'] },
  audit: 'record',
  entity: { type: 'appointment' },
  tags,
  query: listAppointmentsQuery,
  reply: { status: 200, schema: appointmentListSchema },
})

export const getAppointment = operation({
  name: 'getAppointment',
  summary: 'One appointment',
  description: 'Absent ones and those of which the caller may know nothing answer alike.',
  method: 'GET',
  path: '/appointments/:appointmentId',
  effect: 'read',
  audience: ['patient', 'staff'],
  scopes: ['appointments:read'],
  killSwitch: 'USE_APPOINTMENT_READS',
  consent: { scope: 'appointments', patient: 'record', exempt: ['patient'] },
  audit: 'record',
  entity: { type: 'appointment', param: 'appointmentId' },
  problems: ['CONSENT_REQUIRED', 'NOT_FOUND'],
  tags,
  params: appointmentParams,
  reply: { status: 200, schema: appointmentSchema },
})
