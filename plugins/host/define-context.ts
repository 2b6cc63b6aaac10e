import type { EntitySchema } from '@mikro-orm/core'
import type { FastifyInstance } from 'fastify'
import type { Capability } from '../../config/contract.ts'
import type { AnyOperation, Audience, Effect } from '../../routes/shared/operation.ts'
import type { MigrationStep as MigrationEntry } from './database/migrate.ts'
import type { BlindIndexPort, CallerFactsPort, FieldCipherPort } from './ports.ts'
import type { AdvicePort } from './advice/advice-port.ts'
import type { BookingsPort } from './bookings.ts'
import type { AuditStore } from './audit/audit-store.ts'
import type { DocumentsPort } from './documents/documents-port.ts'
import type { AccountsPort } from './identity-admin/identity-admin.ts'
import type { Delivery, Job } from './jobs/job.ts'
import type { OutboxPort } from './jobs/outbox-port.ts'
import type { OutboundPort } from './outbound.ts'
import type { Service } from './service.ts'
import type { Statement } from './sql/statement.ts'
import type { TicketsPort } from './tickets/tickets.ts'

export type { MigrationStep as MigrationEntry } from './database/migrate.ts'
export { tenantTable } from './database/tenant-table.ts'
export type { AdvicePassage, AdvicePort } from './advice/advice-port.ts'
export type { AuditStore } from './audit/audit-store.ts'
export type { BookingsPort, UpcomingBookings } from './bookings.ts'
export type { DocumentsPort, ReceivedDocument, SentDocument, UploadRules } from './documents/documents-port.ts'
export type { AccountState, AccountsPort, DesiredAccount, InviteLink } from './identity-admin/identity-admin.ts'
export type { AccountDelivery, Due, Job, JobCall, JobOutcome, MailDelivery, Settled } from './jobs/job.ts'
export type { DeliveryFailure, OutboxNote, OutboxPort, OutboxRow, OutboxState } from './jobs/outbox-port.ts'
export { reminderRecipients } from './jobs/reminder-recipients.ts'
export { composeMail, type MailWords } from './mail/compose.ts'
export type { Mail } from './mail/mail.ts'
export type { AdviseService, Call, Outcome, Service, Transaction, UploadService } from './service.ts'
export { readStatement, writeStatement } from './sql/statement.ts'
export type { Distrust, OutboundPort, OutboundServer } from './outbound.ts'
export type { Ticket, TicketsPort } from './tickets/tickets.ts'
export type { BlindIndexPort, CallerFactsPort, FieldCipherPort } from './ports.ts'

/**
 * A host port that one context provides and others ask through, so that contexts stay strangers. Each is a function of the database that
 * the provider's migration makes, and that the host alone calls, where a declaration says so:
 * - `consent-decision`: `consent_decision(p_agency uuid, p_patient uuid, p_scope text, p_at timestamptz) returns uuid`, the consent that permits; as
 *   `postern_gate`
 * - `own-draft`: `own_draft_patient(p_agency uuid, p_author text, p_draft uuid) returns uuid`, the patient of the author's own
 *   open draft; as `postern_read`
 * - `provider-status`: `provider_status(p_agency uuid, p_provider uuid) returns text`, what a provider's account is, asked whenever a
 *   provider's token is; as `postern_gate`
 * - `upcoming-bookings`: `upcoming_bookings(p_agency uuid, p_provider uuid, p_at timestamptz) returns table (known boolean, total bigint, ids
 *   text[])`, what is booked with a provider from then on; as `postern_read`
 * - `reminder-recipients`: `reminder_recipients(p_agency uuid) returns bytea`, the addresses that an agency wants reminded, a sealed JSON list
 *   (`jobs/reminder-recipients.ts` opens it); as `postern_read` and `postern_admin`
 *
 * Null says no, whatever the cause.
 */
export type HostPort = 'consent-decision' | 'own-draft' | 'provider-status' | 'upcoming-bookings' | 'reminder-recipients'

/** What a context says of itself. `config/contract.ts` is what it is held against. */
export interface Manifest<C extends Capability = Capability> {
  /** Kebab-case id, the same in every room. */
  readonly name: string
  /** Place in the integration order of MIG-03 §6, or null. */
  readonly step: number | null
  readonly audience: readonly Audience[]
  readonly effects: readonly Effect[]
  readonly killSwitches: readonly string[]
  readonly capabilities: readonly C[]
  readonly provides?: readonly HostPort[]
  readonly needs?: readonly HostPort[]
  /** Contexts that must have loaded before. */
  readonly after?: readonly string[]
  readonly tables: readonly string[]
  /** Hosts that it may ask, or the setting whose hosts those are (`APPOINTMENTS_FHIR`). */
  readonly upstreamHosts: readonly string[]
}

/** What each capability puts into a context's scope. `transaction` has no decorator: it admits `transact` services. */
export interface Capabilities {
  fields: FieldCipherPort
  blindIndex: BlindIndexPort
  bookings: BookingsPort
  auditStore: AuditStore
  callerFacts: CallerFactsPort
  advice: AdvicePort
  documents: DocumentsPort
  tickets: TicketsPort
  /** Each context has an outbox of its own kinds. */
  outbox: (context: Pick<ContextDefinition, 'manifest' | 'deliveries'>) => OutboxPort
  accounts: AccountsPort
  /** Each context has a way out of its own, to the hosts that its manifest was approved for. */
  outbound: (manifest: Manifest) => OutboundPort
}

type Decorators<C extends Capability> = ('fields' extends C ? Pick<Capabilities, 'fields'> : unknown) &
  ('blind-index' extends C ? Pick<Capabilities, 'blindIndex'> : unknown) &
  ('bookings' extends C ? Pick<Capabilities, 'bookings'> : unknown) &
  ('audit-store' extends C ? Pick<Capabilities, 'auditStore'> : unknown) &
  ('caller-facts' extends C ? Pick<Capabilities, 'callerFacts'> : unknown) &
  ('advice' extends C ? Pick<Capabilities, 'advice'> : unknown) &
  ('tickets' extends C ? Pick<Capabilities, 'tickets'> : unknown) &
  ('documents' extends C ? Pick<Capabilities, 'documents'> : unknown) &
  ('queue' extends C ? { readonly outbox: OutboxPort } : unknown) &
  ('identity-admin' extends C ? Pick<Capabilities, 'accounts'> : unknown) &
  ('outbound-http' extends C ? { readonly outbound: OutboundPort } : unknown)

/** The encapsulated scope of one context: Fastify's instance, `serve`, and what its manifest was granted. */
export type ContextScope<C extends Capability = Capability> = FastifyInstance &
  Decorators<C> & {
    /** Puts an operation on the wire with every gate that its declaration asks for. The only way to add a route. */
    serve<O extends AnyOperation>(operation: O, service: Service<O>): void
  }

export interface ContextDefinition {
  readonly manifest: Manifest
  readonly migrations: readonly MigrationEntry[]
  readonly entities: readonly EntitySchema[]
  /** SQL that the host compiles, gates included, into functions of the database. */
  readonly statements: readonly Statement[]
  /** What the calendar asks for. @see design, section 8 */
  readonly jobs: readonly Job[]
  /** What its outbox rows become, by kind. */
  readonly deliveries: readonly Delivery[]
  readonly setup: (scope: ContextScope) => void | Promise<void>
}

interface ContextDeclaration<C extends Capability> {
  readonly manifest: Manifest<C>
  readonly migrations?: readonly MigrationEntry[]
  readonly entities?: readonly EntitySchema<any>[]
  readonly statements?: readonly Statement[]
  /** Needs the capability `queue`. */
  readonly jobs?: readonly Job<ContextScope<C>>[]
  /** Needs `queue`, and `mail` or `identity-admin`. */
  readonly deliveries?: readonly Delivery<ContextScope<C>>[]
  /** Wiring only: builds the context's services and serves its operations. */
  readonly setup: (scope: ContextScope<C>) => void | Promise<void>
}

/** Declares a bounded context. Nothing runs until the host has held the manifest against the contract. */
export const defineContext = <const C extends Capability>(declared: ContextDeclaration<C>): ContextDefinition =>
  Object.freeze({
    manifest: declared.manifest,
    migrations: declared.migrations ?? [],
    entities: declared.entities ?? [],
    statements: declared.statements ?? [],
    jobs: declared.jobs ?? [],
    deliveries: declared.deliveries ?? [],
    setup: declared.setup as ContextDefinition['setup'],
  })
