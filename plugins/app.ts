import type { FastifyInstance } from 'fastify'
import { contract as approvedContract, type Contract } from '../config/contract.ts'
import type { AppConfig } from '../config/env.ts'
import { everyScope } from '../config/permissions.ts'
import { systemClock, type Clock } from '../domain/shared/clock.ts'
import { contexts as allContexts } from './contexts.ts'
import { answerErrors } from './host/answer-errors.ts'
import { buildServer } from './host/build-server.ts'
import { checkManifests } from './host/contract-check.ts'
import type { ContextDefinition } from './host/define-context.ts'
import { gracefulClose } from './host/close-server.ts'
import type { GateName } from './host/gates/gate.ts'
import type { OutboundLimits } from './host/outbound.ts'
import { serveHealth, serveOps } from './host/health.ts'
import { guardRoutes, loadContexts, type Loaded } from './host/load-contexts.ts'
import { createLog, type Log } from './host/log.ts'
import { answerUnknown } from './host/not-found.ts'
import { documentRoutes } from './host/openapi.ts'
import { serveProblemPages } from './host/problem-pages.ts'
import { hostPages } from './host/host-pages.ts'
import { devRoutes } from './dev/dev-routes.ts'
import { requireLoopback } from './dev/loopback.ts'
import { observeRequests } from './host/observe-requests.ts'
import { openParts, type Parts } from './parts.ts'
import type { Surroundings } from './surroundings.ts'

export const version = '0.1.0'

/** What tests put in the place of the real thing. Production passes none of it. */
export interface AppOverrides {
  readonly clock?: Clock
  readonly contexts?: readonly ContextDefinition[]
  readonly contract?: Contract
  readonly withoutGates?: readonly GateName[]
  /** How long upstreams are waited for, and how often they are asked. */
  readonly outbound?: Partial<OutboundLimits>
  /** How long the advisor's source is waited for. */
  readonly adviceTimeoutMs?: number
  /** Where log lines go. */
  readonly logTo?: { write(line: string): void }
}

/** The service, ready to listen. */
export interface Postern {
  readonly app: FastifyInstance
  /** Metrics and readiness in detail, for a port of their own. */
  readonly ops: FastifyInstance
  readonly parts: Parts
  readonly loaded: Loaded
  readonly log: Log
  /** Finishes what is in flight, then closes everything that was opened. */
  close(): Promise<void>
}

/** How long a request in flight may still take at shutdown, in milliseconds. */
const requestPatienceMs = 10_000
const opsPatienceMs = 1_000
const firstJobsMs = 500

const showsDocs = (config: AppConfig): boolean => config.profile === 'development' || config.server.publicDocs

const opsOf = (parts: Parts, loaded: () => Loaded) => ({
  dependencies: parts.dependencies,
  contexts: () => loaded().manifests.map(({ name }) => name),
  metrics: parts.metrics(),
})

const buildOps = async (config: AppConfig, parts: Parts, log: Log, loaded: () => Loaded): Promise<FastifyInstance> => {
  const ops = await buildServer({ tls: null, trustProxy: null, corsOrigins: config.server.corsOrigins })
  guardRoutes(ops)
  answerUnknown(ops, () => null)
  answerErrors(ops, () => parts.host, log)
  serveOps(ops, opsOf(parts, loaded))
  return ops
}

/**
 * The only composition root: opens the parts, wires the host, loads the contexts in their order. Whatever the contract forbids stops
 * here, before the first request.
 * @param opening the surroundings, where they are being opened already; from now on they are closed with the rest
 * @throws ContractBreach, ConfigError, and whatever a part that cannot open says
 */
export const buildApp = async (config: AppConfig, overrides: AppOverrides = {}, opening?: Promise<Surroundings>): Promise<Postern> => {
  const contexts = overrides.contexts ?? allContexts
  const contract = overrides.contract ?? approvedContract
  checkManifests(
    contract,
    contexts.map(({ manifest }) => manifest),
  )
  const log = createLog(config.logLevel, overrides.logTo)
  const parts = await openParts(config, {
    clock: overrides.clock ?? systemClock,
    contexts,
    log,
    withoutGates: new Set(overrides.withoutGates),
    outbound: overrides.outbound,
    adviceTimeoutMs: overrides.adviceTimeoutMs,
    surroundings: opening,
  })
  try {
    let countUnreadable = (): void => undefined
    const app = await buildServer(config.server, {
      unreadable: () => countUnreadable(),
      limit: (request) => parts.host.ipLimit.take(request, 'all'),
    })
    let closing = false
    guardRoutes(app)
    if (parts.tracing) await app.register(parts.tracing.plugin)
    answerUnknown(app, () => parts.host.ipLimit)
    answerErrors(app, () => parts.host, log)
    await parts.join(app)
    documentRoutes(app, { serve: showsDocs(config), publicUrl: config.server.publicUrl, version })
    const loaded = await loadContexts(app, contexts, {
      host: parts.host,
      contract,
      capabilities: parts.capabilities,
      jobs: parts.jobs,
      knownScopes: new Set(everyScope),
    })
    parts.measure(loaded.operations.map(({ operation }) => operation))
    countUnreadable = parts.metrics().counter('postern_unreadable_requests_total', 'What arrived and was no HTTP.')
    observeRequests(app, log, parts.metrics)
    if (parts.surroundings.devIssuer)
      await app.register(hostPages, { plugin: devRoutes, options: { issuer: parts.surroundings.devIssuer } })
    serveHealth(app, parts.dependencies, () => closing)
    serveProblemPages(app)
    const ops = await buildOps(config, parts, log, () => loaded)
    if (config.profile === 'development')
      await app.register(async (scope) => {
        scope.addHook('onRequest', requireLoopback)
        serveOps(
          scope,
          opsOf(parts, () => loaded),
        )
      })
    // Whoever listens works; what has no caller begins when the first callers have had their answers.
    app.addHook('onListen', (done) => {
      setTimeout(() => void parts.jobs.start(), firstJobsMs).unref()
      done()
    })
    await app.ready()
    const ends = [gracefulClose(app, requestPatienceMs), gracefulClose(ops, opsPatienceMs)]
    const close = async (): Promise<void> => {
      closing = true
      const jobsEnd = parts.jobs.close()
      for (const end of ends) await end()
      await jobsEnd
      await parts.close()
    }
    return { app, ops, parts, loaded, log, close }
  } catch (error) {
    await parts.close()
    throw error
  }
}
