import { ownerLogin, allRoles, bypassLogin, queueSchema } from './roles.ts'
import { migrationTable } from './migrate.ts'

/** What the check cannot read from the catalogue: the few exceptions, each named by who asks. */
export interface IsolationExpectation {
  /** The runtime login; the one that is connected unless told. */
  readonly login?: string
  /** The roles that the login may become, all of them. */
  readonly roles: readonly string[]
  readonly bypassLogin: string
  /** Migrates, and runs the owner's commands in one agency at a time. */
  readonly ownerLogin: string
  /** Tables whose agency stands in another column than `agency_id`. */
  readonly agencyColumns: Readonly<Record<string, string>>
  /** Tables of no agency that nobody but their owner may touch. */
  readonly ownerOnly: readonly string[]
  /** Tables that are published to everyone: read whole by the public's own role, which sees nothing else; written by agency. */
  readonly published: readonly string[]
  /** Texts that ship with the service: of no agency and no person, read by roles, changed by nobody but their owner. */
  readonly reference: readonly string[]
  /** Tables that may only grow. */
  readonly appendOnly: readonly string[]
  /** Tables that the founder's bypass must not read. */
  readonly hiddenFromBypass: readonly string[]
  /** Tables with a `patient_id` that no patient's session is bound by: their rows say who was refused what. */
  readonly beyondPatients: readonly string[]
  /** Schemas of other programs, with logins of their own. */
  readonly foreignSchemas: readonly string[]
}

export const defaultExpectation: IsolationExpectation = {
  roles: allRoles,
  bypassLogin,
  ownerLogin,
  agencyColumns: { host_agency: 'id' },
  ownerOnly: [migrationTable],
  published: ['provider_featured'],
  reference: ['advisor_passage', 'advisor_term'],
  appendOnly: ['audit_event', 'audit_ai_action'],
  hiddenFromBypass: ['host_idempotency_key'],
  beyondPatients: ['audit_event', 'audit_ai_action'],
  foreignSchemas: [queueSchema],
}
