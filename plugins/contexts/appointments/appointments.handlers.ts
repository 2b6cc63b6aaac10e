import { type Appointment, seesNothing, sightOf, viewerOf } from '../../../domain/appointments/index.ts'
import { parseInstant } from '../../../domain/shared/instant.ts'
import { encodeCursor, newest, pageOf, type Position } from '../../../domain/shared/page.ts'
import { invalid, Refusal } from '../../../domain/shared/refusal.ts'
import {
  type getAppointment,
  type listAppointments,
  showAppointment,
  showOne,
  showRedacted,
  showSource,
} from '../../../routes/appointments/index.ts'
import { limitOf, positionOf } from '../../../routes/shared/paging.ts'
import type { Call, OutboundPort, Service } from '../../host/define-context.ts'
import { getAppointmentStatement, listAppointmentsStatement } from './appointments.statements.ts'
import { rowsOf, searchAppointments, slotOf } from './appointments.upstream.ts'

type Row = Record<string, unknown>
type List = Call<typeof listAppointments>

const appointmentOf = (row: Row): Appointment => ({
  id: row.id as string,
  patientId: row.patient_id as string,
  providerIds: row.provider_ids as string[],
  status: row.status as Appointment['status'],
  start: row.starts_at as Date,
  end: row.ends_at as Date,
})

const show = (row: Row) => (row.permitted === true ? showAppointment(appointmentOf(row)) : showRedacted(appointmentOf(row)))

const rowPosition = (row: Row): Position => ({ at: (row.starts_at as Date).getTime(), id: row.slot as string })

const timeOf = (query: List['query'], field: 'from' | 'to'): Date | null => {
  const text = query[field]
  const instant = text === undefined ? null : parseInstant(text)
  if (text !== undefined && instant === null) throw invalid(`/query/${field}`, 'date-time')
  return instant
}

/** Before every slot of its start. */
const firstSlot = '00000000-0000-0000-0000-000000000000'
const start = new Date(0)

/** The part of the calendar that a request reads: from a time on, before a position. */
const windowOf = (query: List['query']) => {
  const [from, to] = [timeOf(query, 'from') ?? start, timeOf(query, 'to')]
  const position = positionOf(query)
  const before = to !== null && to.getTime() <= position.at ? { at: to.getTime(), id: firstSlot } : position
  return { from, before }
}

const isBefore =
  (agencyId: string, before: Position) =>
  (one: Appointment): boolean =>
    one.start.getTime() < before.at || (one.start.getTime() === before.at && slotOf(agencyId, one.id) < before.id)

/** What an agency's server says of a list, as rows for the statement that decides who sees them. */
const gatherList = async (call: List, server: NonNullable<ReturnType<OutboundPort['serverOf']>>): Promise<Row> => {
  const { agencyId, principal, query, now } = call
  const sight = sightOf(viewerOf(principal), query)
  if (seesNothing(sight)) return { source: '[]', asOf: now, cutAt: null }
  const { from, before } = windowOf(query)
  const onPage = isBefore(agencyId, before)
  // Where patients who have not consented are left out, no number found is sure to fill a page.
  const drops = sight.patientId === null && !sight.redacts
  const found = await searchAppointments(server, {
    ...sight,
    ...(query.status === undefined ? {} : { status: query.status }),
    ...(from === start ? {} : { from }),
    ...(before.at === newest.at ? {} : { upTo: new Date(before.at) }),
    hides: drops,
    isEnough: (appointments) => !drops && appointments.filter(onPage).length > limitOf(query) + 1,
  })
  return { source: rowsOf(agencyId, found), asOf: now, cutAt: found.cutAt }
}

const cursorAt = (cutAt: Date): string => encodeCursor({ at: cutAt.getTime(), id: newest.id })

export const listAppointmentsService = (outbound: OutboundPort): Service<typeof listAppointments> => ({
  query: listAppointmentsStatement,
  args: ({ principal, query }) => {
    const { patientId, providerId, redacts } = sightOf(viewerOf(principal), query)
    const { from, before } = windowOf(query)
    return {
      subject_id: patientId, provider_id: providerId, redacts, status: query.status ?? null, from_at: from,
      before_at: new Date(before.at), before_slot: before.id, row_limit: limitOf(query) + 1,
    } // prettier-ignore
  },
  gather: (call) => {
    const server = outbound.serverOf(call)
    return server && (() => gatherList(call, server))
  },
  present: (rows, { query, now }, gathered) => {
    const slots = rows.filter(({ slot }) => slot !== null)
    const { items, nextCursor } = pageOf(slots, limitOf(query), rowPosition, show)
    const cutAt = gathered ? (gathered.cutAt as Date | null) : null
    const asOf = (gathered ? gathered.asOf : rows[0]!.as_of) as Date | null
    const next = nextCursor ?? (cutAt && cursorAt(cutAt))
    const patientIds = items.flatMap(({ patientId }) => patientId ?? [])
    return { body: { items, nextCursor: next, ...showSource(asOf, now) }, patientId: query.patientId, patientIds }
  },
})

export const getAppointmentService = (outbound: OutboundPort): Service<typeof getAppointment> => ({
  query: getAppointmentStatement,
  args: ({ principal, params }) => ({
    appointment_id: params.appointmentId,
    provider_id: principal.audience === 'patient' ? null : sightOf(viewerOf(principal), {}).providerId,
  }),
  gather: (call) => {
    const server = outbound.serverOf(call)
    return (
      server &&
      (async () => {
        const sight = sightOf(viewerOf(call.principal), {})
        if (seesNothing(sight)) return { source: '[]', asOf: call.now }
        const found = await searchAppointments(server, { ...sight, id: call.params.appointmentId, isEnough: () => false })
        return { source: rowsOf(call.agencyId, found), asOf: call.now }
      })
    )
  },
  present: ([row], { now }, gathered) => {
    if (!row) throw new Refusal('NOT_FOUND')
    if (row.permitted !== true) throw new Refusal('CONSENT_REQUIRED')
    const appointment = appointmentOf(row)
    return { body: showOne(appointment, (gathered ? gathered.asOf : row.as_of) as Date | null, now), patientId: appointment.patientId }
  },
})
