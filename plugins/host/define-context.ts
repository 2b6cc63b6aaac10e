import type { EntitySchema } from '@mikro-orm/core'
import type { FastifyInstance } from 'fastify'
import type { Capability } from '../../config/contract.ts'
import type { AnyOperation, Audience, Effect } from '../../routes/shared/operation.ts'
import type { MigrationStep as MigrationEntry } from './database/migrate.ts'
import type { BlindIndexPort, FieldCipherPort } from './ports.ts'
import type { AuditStore } from './audit/audit-store.ts'
import type { Service } from './service.ts'
import type { Statement } from './sql/statement.ts'

export type { MigrationStep as MigrationEntry } from './database/migrate.ts'
export { tenantTable } from './database/tenant-table.ts'
export type { AuditStore } from './audit/audit-store.ts'
export type { Call, Outcome, Service, Transaction } from './service.ts'
export { readStatement, writeStatement } from './sql/statement.ts'
export type { BlindIndexPort, FieldCipherPort } from './ports.ts'

/** A host port that one context provides and others ask through, so that contexts stay strangers. */
export type HostPort = 'consent-decision'

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
  readonly upstreamHosts: readonly string[]
}

/** What each capability puts into a context's scope. `transaction` has no decorator: it admits `transact` services. */
export interface Capabilities {
  fields: FieldCipherPort
  blindIndex: BlindIndexPort
  auditStore: AuditStore
}

type Decorators<C extends Capability> = ('fields' extends C ? Pick<Capabilities, 'fields'> : unknown) &
  ('blind-index' extends C ? Pick<Capabilities, 'blindIndex'> : unknown) &
  ('audit-store' extends C ? Pick<Capabilities, 'auditStore'> : unknown)

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
  readonly setup: (scope: ContextScope) => void | Promise<void>
}

interface ContextDeclaration<C extends Capability> {
  readonly manifest: Manifest<C>
  readonly migrations?: readonly MigrationEntry[]
  readonly entities?: readonly EntitySchema<any>[]
  readonly statements?: readonly Statement[]
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
    setup: declared.setup as ContextDefinition['setup'],
  })
