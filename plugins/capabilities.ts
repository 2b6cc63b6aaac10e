import type { AppConfig } from '../config/env.ts'
import type { Clock } from '../domain/shared/clock.ts'
import type { AnyOperation } from '../routes/shared/operation.ts'
import { createAgencyReader } from './host/agencies.ts'
import { type AuditTrail, type CheckpointStore, createAuditStore } from './host/audit/index.ts'
import { createBookings } from './host/bookings.ts'
import { createCallerFacts } from './host/caller-facts.ts'
import { createBlindIndex } from './host/crypto/index.ts'
import type { Capabilities, HostPort } from './host/define-context.ts'
import type { Flags } from './host/flags/flags.ts'
import { accountStates } from './host/identity-admin/account-keeper.ts'
import { createOutbox, type Noted } from './host/jobs/outbox.ts'
import type { Log } from './host/log.ts'
import type { Database } from './host/open-database.ts'
import { createOutbound, type OutboundLimits } from './host/outbound.ts'
import { alarmOf } from './host/outbound-alarm.ts'
import type { Surroundings } from './surroundings.ts'

/** What the ports of contexts are made of; those that are open already come as they are. */
export interface CapabilitiesOptions extends Pick<Capabilities, 'fields' | 'documents' | 'tickets' | 'advice'> {
  readonly config: AppConfig
  readonly clock: Clock
  readonly log: Log
  readonly keys: Surroundings['keys']
  readonly database: Database
  readonly audit: AuditTrail
  readonly checkpoints: CheckpointStore
  readonly flags: Flags
  readonly noted: Noted
  readonly outbound: Partial<OutboundLimits>
  /** Does a context stand behind the port? */
  readonly provides: (port: HostPort) => boolean
  /** The operations that are served, once they are known. */
  readonly operations: () => readonly AnyOperation[]
  /** Has a part closed when the service ends. */
  readonly keep: <T>(part: T, end: (part: T) => Promise<unknown>) => T
}

const outboundOf =
  ({ config, clock, log, audit, outbound, keep }: CapabilitiesOptions): Capabilities['outbound'] =>
  ({ name, upstreamHosts }) => {
    const part = createOutbound({
      context: name,
      servers: upstreamHosts.includes('APPOINTMENTS_FHIR') ? config.appointmentsFhir : {},
      clock,
      limits: outbound,
      report: (event, facts) => log.warn(event, facts),
      alarm: alarmOf(audit, clock),
    })
    return keep(part, async (opened) => opened.close())
  }

/** The ports that contexts can be granted. */
export const createCapabilities = (options: CapabilitiesOptions): Capabilities => {
  const { config, clock, keys, database, checkpoints, flags, noted, provides, operations } = options
  const { fields, documents, tickets, advice } = options
  return {
    fields,
    documents,
    tickets,
    advice,
    blindIndex: createBlindIndex(keys.index),
    bookings: createBookings({
      pool: database.pool,
      provided: provides('upcoming-bookings'),
      isElsewhere: (agencyId) => Object.hasOwn(config.appointmentsFhir, agencyId),
    }),
    auditStore: createAuditStore({
      pool: database.pool,
      bypass: database.bypass,
      keys: keys.audit,
      clock,
      checkpoints,
      signingKey: keys.auditSigning,
      formerPublicKeys: config.auditPublicKeys,
    }),
    outbound: outboundOf(options),
    outbox: ({ manifest, deliveries }) => createOutbox(manifest.name, new Set(deliveries.map(({ kind }) => kind)), noted),
    accounts: accountStates,
    callerFacts: createCallerFacts({ agency: createAgencyReader(database.pool), flags, operations }),
  }
}
