import type { FastifyInstance } from 'fastify'
import type { AppConfig } from '../config/env.ts'
import { limitPolicies } from '../config/limits.ts'
import type { Clock } from '../domain/shared/clock.ts'
import { newId } from '../domain/shared/ids.ts'
import type { AnyOperation } from '../routes/shared/operation.ts'
import { createAdvice } from './host/advice/create-advice.ts'
import { createAgencyLookup, createAgencyModules } from './host/agencies.ts'
import { createAuditTrail, openCheckpoints, type AuditTrail } from './host/audit/index.ts'
import { createFieldCipher, createResponseCipher, createSigner } from './host/crypto/index.ts'
import type { Capabilities, ContextDefinition, HostPort } from './host/define-context.ts'
import { openDocuments, type OpenedDocuments } from './host/documents/open-documents.ts'
import type { Flags } from './host/flags/flags.ts'
import type { GateName } from './host/gates/gate.ts'
import type { Dependency } from './host/health.ts'
import type { OutboundLimits } from './host/outbound.ts'
import type { Host } from './host/host.ts'
import { createIdentity, type Identity } from './host/identity/identity.ts'
import { placeOf, type Log } from './host/log.ts'
import { openDatabase, type Database } from './host/open-database.ts'
import { createProviderStatus } from './host/provider-status.ts'
import { checkDatabase } from './host/check-database.ts'
import { createIpLimit, type IpLimit } from './host/rate-limit/ip-limit.ts'
import { createLimiter } from './host/rate-limit/limiter.ts'
import { createTickets } from './host/tickets/tickets.ts'
import { createMetrics, type Metrics } from './host/telemetry/metrics.ts'
import { startTracing, type Tracing } from './host/telemetry/tracing.ts'
import { sqlGatesWithout } from './host/sql/compiled.ts'
import { compileAll } from './host/sql/install.ts'
import type { Jobs } from './host/jobs/jobs.ts'
import { createNoted } from './host/jobs/outbox.ts'
import { createCapabilities } from './capabilities.ts'
import { openJobs } from './jobs.ts'
import { openFlags } from './open-flags.ts'
import { openSurroundings, type Surroundings } from './surroundings.ts'
import { auditFlips } from './host/audit-flips.ts'
import { countMoves } from './host/count-moves.ts'

/** Seven days, as portals are told. */
const keyLifetimeMs = 7 * 24 * 3600 * 1000

export interface PartsOptions {
  readonly clock: Clock
  readonly contexts: readonly ContextDefinition[]
  readonly log: Log
  readonly withoutGates: ReadonlySet<GateName>
  readonly outbound?: Partial<OutboundLimits> | undefined
  readonly adviceTimeoutMs?: number | undefined
  /** Where they are being opened already. */
  readonly surroundings?: Promise<Surroundings> | undefined
}

/** Everything that the service opened, for the composition root to wire and close. */
export interface Parts {
  readonly host: Host
  readonly surroundings: Surroundings
  readonly capabilities: Capabilities
  readonly dependencies: readonly Dependency[]
  readonly tracing: Tracing | null
  readonly audit: AuditTrail
  readonly flags: Flags
  readonly jobs: Jobs
  /** Puts the parts that live in a Fastify instance into it. */
  join(app: FastifyInstance): Promise<void>
  /** Takes note of the operations that are served: they are counted from now on, and callers are told of those open to them. */
  measure(operations: readonly AnyOperation[]): void
  readonly metrics: () => Metrics
  close(): Promise<void>
}

// Stale switches are no reason to send readers elsewhere: writes are off then and reads keep their last value.
const dependenciesOf = (database: Database, identity: Identity, jobs: Jobs, files: OpenedDocuments): Dependency[] => [
  { name: 'database', check: async () => (await database.pool.query('select 1')).rowCount === 1 },
  { name: 'identity', check: async () => (await identity.warmUp(), true) },
  { name: 'documents', optional: true, check: () => files.check() },
  { name: 'queue', optional: true, check: () => jobs.check() },
]

/** Opens every part in the order in which they need one another, and closes what it opened if a later one fails. */
export const openParts = async (config: AppConfig, options: PartsOptions): Promise<Parts> => {
  const { clock, contexts, log } = options
  const provides = (port: HostPort): boolean => contexts.some(({ manifest }) => manifest.provides?.includes(port) === true)
  const opened: (() => Promise<unknown>)[] = []
  const close = async (): Promise<void> => {
    for (const end of opened.splice(0).toReversed()) await end().catch((error: unknown) => log.warn('close', placeOf(error)))
  }
  const keep = <T>(part: T, end: (part: T) => Promise<unknown>): T => {
    opened.push(() => end(part))
    return part
  }
  const report = (event: string, error: unknown): void => log.warn(event, placeOf(error))

  try {
    const surroundings = keep(await (options.surroundings ?? openSurroundings(config, clock)), (part) => part.close())
    const { keys, logins, issuer } = surroundings
    const flags = keep(await openFlags(config, clock, log), (part) => part.close())
    let trail: AuditTrail | undefined
    let later: Jobs | undefined
    const noted = createNoted()
    const database = keep(
      await openDatabase({
        appUrl: logins.appUrl,
        bypassUrl: logins.bypassUrl,
        entities: contexts.flatMap(({ entities }) => entities),
        committed: (heads) => trail?.committed(heads),
        afterCommit: (tx) => later?.enqueue(noted.take(tx)),
        report,
      }),
      (part) => part.close(),
    )
    await checkDatabase(
      database,
      compileAll(
        contexts.flatMap(({ statements }) => statements),
        sqlGatesWithout(options.withoutGates),
      ),
      log,
    )
    const instance = newId()
    const checkpoints = keep(
      openCheckpoints(config, instance, clock, () => log.warn('audit.checkpoint.unlocked')),
      (part) => part.close(),
    )
    const audit = keep(
      createAuditTrail({
        pool: database.pool,
        lanes: database.auditLanes,
        keys: keys.audit,
        clock,
        signer: createSigner(keys.auditSigning),
        checkpoints,
        instance,
        onProblem: (kind, error) => report(`audit.${kind}`, error),
      }),
      (part) => part.close(),
    )
    trail = audit
    // Until nothing is under way any more.
    keep(countMoves(flags, database.writes, report), async (stop) => stop())
    // Before the trail, so that the heads of the last writes are signed too.
    opened.push(() => database.writes.drain())
    const jobs = keep(openJobs({ config, clock, database, audit, flags, surroundings, report }), (part) => part.close())
    later = jobs
    const stopFlips = auditFlips(flags, audit, report)
    opened.push(async () => stopFlips())
    const identity = keep(
      createIdentity({
        issuer,
        audience: config.identity.audience,
        acceptedTypes: config.identity.tokenTypes,
        agencyModules: createAgencyModules(database.pool),
        clock,
      }),
      (part) => part.close(),
    )
    const limiter = keep(
      await createLimiter({ redisUrl: config.redisUrl, clock, onFallback: (down) => log.warn('limits.store', { down }) }),
      (part) => part.close(),
    )
    const tracing = config.tracing ? keep(await startTracing(config.tracing), (part) => part.close()) : null
    const advice = keep(
      createAdvice({ ...config.advisor, timeoutMs: options.adviceTimeoutMs, report: (code) => log.warn('advice', { code }) }),
      (part) => part.close(),
    )
    const fields = createFieldCipher(keys.fields)
    const files = keep(await openDocuments({ config, pool: database.pool, keys: keys.documents, fields, clock, report }), (part) =>
      part.close(),
    )
    const tickets = createTickets({ pool: database.pool, keys: keys.fields, clock, publicUrl: config.server.publicUrl })
    let metrics: Metrics | undefined
    let ipLimit: IpLimit | undefined
    let served: readonly AnyOperation[] = []
    const host: Host = {
      clock,
      identity,
      agencyExists: createAgencyLookup(database.pool),
      providerStatusOf: provides('provider-status') ? createProviderStatus(database.pool) : null,
      flags,
      limiter,
      get ipLimit() {
        return ipLimit!
      },
      policies: limitPolicies(config.limits),
      audit,
      reads: database.reads,
      writes: database.writes,
      transactions: database.transactions,
      responses: createResponseCipher(keys.fields),
      documents: files.documents,
      uploads: files.uploads,
      tickets,
      keyLifetimeMs,
      withoutGates: options.withoutGates,
    }
    return {
      host,
      surroundings,
      audit,
      flags,
      jobs,
      tracing,
      dependencies: dependenciesOf(database, identity, jobs, files),
      capabilities: createCapabilities({
        config, clock, log, keys, database, audit, checkpoints, flags, noted, provides, keep, fields, advice, tickets,
        documents: files.documents, outbound: options.outbound ?? {}, operations: () => served,
      }), // prettier-ignore
      async join(app) {
        ipLimit = await createIpLimit(app, { limiter, limits: config.limits.ip })
      },
      measure(operations) {
        served = operations
        metrics = createMetrics({ operations, defaultMetrics: true })
        opened.push(async () => metrics?.close())
        metrics.gauge('postern_writes_waiting', 'Writes that wait for a transaction', () => database.writes.waiting())
        metrics.gauge('postern_flags_staleness_seconds', 'Seconds since the flag source was seen fresh', () => flags.stalenessMs() / 1000)
        metrics.gauge('postern_outbox_waiting', 'Rows of the outbox that wait, as of the last beat', () => jobs.stats().waiting)
        metrics.gauge('postern_outbox_sent', 'Rows of the outbox that this process has sent', () => jobs.stats().sent)
        metrics.gauge('postern_outbox_failed', 'Rows of the outbox that this process has given up', () => jobs.stats().failed)
        metrics.gauge('postern_audit_unsigned_heads', 'Chain heads that wait for their signature', () => audit.stats().unsigned)
      },
      metrics: () => metrics!,
      close,
    }
  } catch (error) {
    await close()
    throw error
  }
}
