import { getAppointment, listAppointments } from '../../../routes/appointments/index.ts'
import { defineContext } from '../../host/define-context.ts'
import { getAppointmentService, listAppointmentsService } from './appointments.handlers.ts'
import { appointmentsMigrations } from './appointments.migrations.ts'
import { getAppointmentStatement, listAppointmentsStatement } from './appointments.statements.ts'

/** Third, and for looking alone: reads are all that it declares, and its way out of the process can only GET. @see MIG-03 §6.3 */
export default defineContext({
  manifest: {
    name: 'appointments',
    step: 3,
    audience: ['patient', 'staff'],
    effects: ['read'],
    killSwitches: ['USE_APPOINTMENT_READS'],
    capabilities: ['outbound-http'],
    provides: ['upcoming-bookings'],
    needs: ['consent-decision'],
    after: ['consent'],
    tables: ['appointments_appointment', 'appointments_participant', 'appointments_import'],
    upstreamHosts: ['APPOINTMENTS_FHIR'],
  },
  migrations: appointmentsMigrations,
  statements: [listAppointmentsStatement, getAppointmentStatement],
  setup(scope) {
    scope.serve(listAppointments, listAppointmentsService(scope.outbound))
    scope.serve(getAppointment, getAppointmentService(scope.outbound))
  },
})
