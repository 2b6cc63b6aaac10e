import { pageSize } from '../../../domain/shared/page.ts'
import { getAppointment, listAppointments } from '../../../routes/appointments/index.ts'
import { readStatement } from '../../host/define-context.ts'

const columns = 'a.slot, a.starts_at, a.ends_at, a.status, a.id, a.patient_id, a.provider_ids'

/** A patient's own predicate, beside the policy that says the same; of what an upstream gave, it is the only one in SQL. */
const own = '((select p_patient_id is null) or a.patient_id = p_patient_id)'

/** What an upstream gave for this request, or nothing. */
const gathered = `(select * from json_to_recordset(p_source) as r (slot uuid, starts_at timestamptz, ends_at timestamptz, status text,
  id text, patient_id uuid, provider_ids uuid[]))`

/**
 * One page of a calendar from a position on. The constant limit tells the planner that a page is wanted: of a parameter it knows
 * nothing, and would sort everything. The page's own size ends the reading earlier.
 */
const pageOf = (selected: string, from: string, where: string): string => `
  (select ${selected} from ${from} a
   where ${where} and ${own} and ((select p_status is null) or a.status = p_status)
     and (a.starts_at, a.slot) < (p_before_at, p_before_slot) and a.starts_at >= p_from_at
   order by a.starts_at desc, a.slot desc limit ${pageSize.max + 1})`

const takesPart = `((select p_provider_id is null) or exists (select from appointments_participant p
  where p.agency_id = p_agency_id and p.appointment_id = a.id and p.provider_id = p_provider_id))`

/** Branches of which all but one are empty by their first condition: each is planned for an index of its own. */
const branches = [
  // One patient, of whom consent was asked before.
  pageOf(
    `${columns}, (select {{consent q}} from (select p_subject_id as patient_id) q) as permitted`,
    'appointments_appointment',
    `p_source is null and p_subject_id is not null and {{agency a}} and a.patient_id = p_subject_id and ${takesPart}`,
  ),
  // One provider: who has not consented leaves a slot. The page is cut before anything else is looked up.
  `(select ${columns}, {{consent a}} as permitted
    from (select * from ${pageOf(
      'a.appointment_id',
      'appointments_participant',
      'p_source is null and p_subject_id is null and p_provider_id is not null and {{agency a}} and a.provider_id = p_provider_id',
    )} page limit p_row_limit) q
    join appointments_appointment a on {{agency a}} and a.id = q.appointment_id and ${own})`,
  // Everybody: who has not consented is not in it.
  pageOf(
    `${columns}, true as permitted`,
    'appointments_appointment',
    'p_source is null and p_subject_id is null and p_provider_id is null and {{agency a}} and {{consent a}}',
  ),
  // An upstream's answer, by the same rules.
  pageOf(
    `${columns}, {{consent a}} as permitted`,
    gathered,
    `p_source is not null and ((select p_subject_id is null) or a.patient_id = p_subject_id)
     and ((select p_provider_id is null) or p_provider_id = any (a.provider_ids)) and (p_redacts or {{consent a}})`,
  ),
]

/** What stays of an appointment whose patient does not permit: nothing else leaves the database. */
const redacted = `s.slot, s.starts_at, s.ends_at, s.status, coalesce(s.permitted, false) as permitted,
  case when s.permitted then s.id end as id, case when s.permitted then s.patient_id end as patient_id,
  case when s.permitted then s.provider_ids end as provider_ids`

const returns = {
  as_of: 'timestamptz', slot: 'uuid', starts_at: 'timestamptz', ends_at: 'timestamptz', status: 'text', permitted: 'boolean',
  id: 'text', patient_id: 'uuid', provider_ids: 'uuid[]',
} as const // prettier-ignore

/** One row at least: how current the calendar is, whether or not anything stands in it. */
export const listAppointmentsStatement = readStatement({
  operation: listAppointments,
  args: {
    subject_id: 'uuid', provider_id: 'uuid', redacts: 'boolean', status: 'text', from_at: 'timestamptz', before_at: 'timestamptz',
    before_slot: 'uuid', row_limit: 'int', source: 'json',
  }, // prettier-ignore
  returns,
  sql: `
  select i.as_of, ${redacted}
  from (select 1) one
  left join appointments_import i on {{agency i}}
  left join (select * from (${branches.join(' union all ')}) page order by page.starts_at desc, page.slot desc limit p_row_limit) s on true
  order by s.starts_at desc, s.slot desc`,
})

export const getAppointmentStatement = readStatement({
  operation: getAppointment,
  args: { appointment_id: 'text', provider_id: 'uuid', source: 'json' },
  returns,
  sql: `
  select i.as_of, ${redacted}
  from (
    select ${columns}, {{consent a}} as permitted from appointments_appointment a
    where p_source is null and {{agency a}} and a.id = p_appointment_id and ${own} and ${takesPart}
    union all
    select ${columns}, {{consent a}} as permitted from ${gathered} a
    where p_source is not null and a.id = p_appointment_id and ${own} and ((select p_provider_id is null) or p_provider_id = any (a.provider_ids))
    limit 1
  ) s
  left join appointments_import i on {{agency i}}`,
})
