/** A named statement: planned once per connection, as the service's own are. */
export interface Statement {
  readonly name: string
  readonly text: string
}

/** What stands for encrypted bytes and hashes: as long as the service's own, made once. */
export interface Sizes {
  readonly body: number
  readonly response: number
  readonly writePayload: number
  readonly messagePayload: number
  readonly consentPayload: number
  readonly calendarPayload: number
}

const audit = (values: Readonly<Record<string, string>>): string =>
  `insert into bare.audit_event (${Object.keys(values).join(', ')}) values (${Object.values(values).join(', ')})`

/** One row in each of three tables, in one statement. */
export const sendStatement: Statement = {
  name: 'bare_send',
  text: `
    with message as (
      insert into bare.messaging_message (agency_id, id, conversation_id, patient_id, sender_id, body, created_at, audit_id)
      values ($1, $2, $3, $4, $5, $6, $7, $8)
    ), key as (
      insert into bare.host_idempotency_key (agency_id, user_id, operation, key, fingerprint, status, response, audit_id, created_at, expires_at)
      values ($1, $5, 'sendMessage', $9, $10, 201, $11, $8, $7, $12)
    )
    ${audit({
      id: '$8', agency_id: '$1', lane: '1', seq: '$13', at: '$7', action: "'sendMessage'", outcome: "'success'", reason: 'null', user_id: '$5', role: "'patient'",
      agent_id: 'null', policy_version_id: 'null', under_role: 'null', patient_id: '$4', entity_type: "'conversation'", entity_id: '$14', ip: '$15', request_id: '$16',
      idempotency_key: '$9', bypass: 'false', count: 'null', payload: '$17', changes: 'null', hash: '$10',
    })}`,
} // prettier-ignore

export const readMessage: Statement = {
  name: 'bare_message',
  text: 'select agency_id, id, conversation_id, sender_id, body, created_at from bare.messaging_message where agency_id = $1 and id = $2',
}

export const readConsent: Statement = {
  name: 'bare_consent',
  text: `select agency_id, id, patient_id, scope, status, granted_at, granted_by, expires_at, revoked_at, reason from bare.consent_record
    where agency_id = $1 and id = $2`,
}

/** A page of a provider's calendar, with how current it is: the columns that the service reads, and no question of consent. */
export const readCalendar: Statement = {
  name: 'bare_calendar',
  text: `select i.as_of, a.slot, a.starts_at, a.ends_at, a.status, a.id, a.patient_id, a.provider_ids
    from bare.appointments_participant p
    join bare.appointments_appointment a on a.agency_id = p.agency_id and a.id = p.appointment_id
    left join bare.appointments_import i on i.agency_id = p.agency_id
    where p.agency_id = $1 and p.provider_id = $2 order by p.starts_at desc, p.slot desc limit $3`,
}

/** The audit row of a read. */
export const auditStatement: Statement = {
  name: 'bare_audit',
  text: audit({
    id: '$1', agency_id: '$2', lane: '1', seq: '$3', at: '$4', action: '$5', outcome: "'success'", reason: 'null', user_id: '$6', role: '$14',
    agent_id: 'null', policy_version_id: 'null', under_role: 'null', patient_id: '$7', entity_type: '$8', entity_id: '$9', ip: '$10', request_id: '$11',
    idempotency_key: 'null', bypass: 'false', count: 'null', payload: '$12', changes: 'null', hash: '$13',
  }),
} // prettier-ignore
