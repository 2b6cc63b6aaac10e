import type { FastifyInstance, RouteOptions } from 'fastify'
import fp from 'fastify-plugin'
import type { Contract } from '../../config/contract.ts'
import type { AnyOperation } from '../../routes/shared/operation.ts'
import { checkManifests, checkOperation, ContractBreach } from './contract-check.ts'
import { checkLater } from './contract-check-later.ts'
import type { Capabilities, ContextDefinition, ContextScope, Manifest } from './define-context.ts'
import type { Host } from './host.ts'
import type { Jobs } from './jobs/jobs.ts'
import { declaredBy, serveOperation } from './serve.ts'
import type { Service } from './service.ts'

export interface LoadOptions {
  readonly host: Host
  readonly contract: Contract
  readonly capabilities: Capabilities
  /** Takes over what a context does later. */
  readonly jobs: Pick<Jobs, 'register'>
  readonly knownScopes: ReadonlySet<string>
}

/** What loaded, for the contract printer, the docs and the metrics. */
export interface Loaded {
  readonly manifests: readonly Manifest[]
  readonly operations: readonly { readonly context: string; readonly operation: AnyOperation; readonly kind: string }[]
}

const decorators: Readonly<Record<string, keyof Capabilities>> = {
  fields: 'fields',
  'blind-index': 'blindIndex',
  bookings: 'bookings',
  'audit-store': 'auditStore',
  'caller-facts': 'callerFacts',
  advice: 'advice',
  documents: 'documents',
  tickets: 'tickets',
  'identity-admin': 'accounts',
}

/**
 * Deny by default: every route must carry a declared operation, or be a page of the host itself. Asked when all are registered, since
 * a scope marks its pages after this hook has seen them.
 */
export const guardRoutes = (app: FastifyInstance): void => {
  const seen: RouteOptions[] = []
  app.addHook('onRoute', (route) => void seen.push(route))
  app.addHook('onReady', async () => {
    for (const { config, method, url } of seen) {
      const preflight = method === 'OPTIONS' && url === '*'
      if (config?.[declaredBy] || config?.hostPage || preflight) continue
      throw new ContractBreach(
        `FusionEMS part 4, deny by default: ${String(method)} ${url} was registered without an operation declaration.`,
      )
    }
  })
}

const uniqueness = (operations: Loaded['operations'], operation: AnyOperation): void => {
  if (operations.some((other) => other.operation.name === operation.name))
    throw new ContractBreach(`02B, Audit: two operations are named ${operation.name}.`)
}

const forbidHostPages = (scope: FastifyInstance, manifest: Manifest): void => {
  scope.addHook('onRoute', (route) => {
    if (route.config?.[declaredBy]) return
    throw new ContractBreach(
      `FusionEMS part 4, deny by default: ${manifest.name} registered ${String(route.method)} ${route.url} without an operation declaration.`,
    )
  })
}

/** Loads the contexts in their order, each in a scope of its own that holds what it was granted and nothing else. */
export const loadContexts = async (app: FastifyInstance, contexts: readonly ContextDefinition[], options: LoadOptions): Promise<Loaded> => {
  const manifests: Manifest[] = []
  const operations: { context: string; operation: AnyOperation; kind: string }[] = []
  checkManifests(
    options.contract,
    contexts.map(({ manifest }) => manifest),
  )
  for (const context of contexts) {
    const { manifest } = context
    checkLater(context)
    const plugin = async (instance: FastifyInstance): Promise<void> => {
      forbidHostPages(instance, manifest)
      const scope = instance as ContextScope
      scope.decorate(
        'serve' as never,
        ((operation: AnyOperation, service: Service<AnyOperation>) => {
          checkOperation(manifest, operation, service, options.knownScopes)
          uniqueness(operations, operation)
          operations.push({ context: manifest.name, operation, kind: Object.keys(service)[0]! })
          serveOperation(instance, options.host, operation, service)
        }) as never,
      )
      for (const capability of manifest.capabilities) {
        const name = decorators[capability]
        if (name) scope.decorate(name as never, options.capabilities[name] as never)
        if (capability === 'queue') scope.decorate('outbox' as never, options.capabilities.outbox(context) as never)
        if (capability === 'outbound-http') scope.decorate('outbound' as never, options.capabilities.outbound(manifest) as never)
      }
      await context.setup(scope)
      options.jobs.register(manifest.name, context, scope)
    }
    await app.register(fp(plugin, { name: manifest.name, encapsulate: true, dependencies: [...(manifest.after ?? [])] }))
    manifests.push(manifest)
  }
  return { manifests, operations }
}
