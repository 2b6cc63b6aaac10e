import { contract as approved, type Contract } from '../../config/contract.ts'
import { everyScope } from '../../config/permissions.ts'
import type { AnyOperation } from '../../routes/shared/operation.ts'
import { checkManifest, checkOperation } from './contract-check.ts'
import { checkLater } from './contract-check-later.ts'
import type { Declared } from './contract-checks.ts'
import type { ContextDefinition, ContextScope, Manifest } from './define-context.ts'
import type { Delivery } from './jobs/job.ts'
import type { Later } from './later-checks.ts'
import type { Service } from './service.ts'

const whatOf = (delivery: Delivery): string => {
  if ('desire' in delivery) return 'account'
  return delivery.invite ? 'mail with a link' : 'mail'
}

const laterOf = ({ manifest, jobs, deliveries }: ContextDefinition): Later[] => {
  const context = manifest.name
  return [
    ...jobs.map(({ name, schedule, killSwitch = '' }) => ({ context, name, what: `job, ${schedule}`, killSwitch })),
    ...deliveries.map((delivery) => ({ context, name: delivery.kind, what: whatOf(delivery), killSwitch: '' })),
  ]
}

/** What the contexts declare, read without opening anything: their wiring runs against a scope that only writes down. */
export const readDeclarations = async (contexts: readonly ContextDefinition[], contract: Contract = approved): Promise<Declared> => {
  const manifests: Manifest[] = []
  const later: Later[] = []
  const operations: { context: string; operation: AnyOperation }[] = []
  for (const context of contexts) {
    const { manifest, setup } = context
    checkManifest(contract, manifest, manifests)
    checkLater(context)
    const serve = (operation: AnyOperation, service: Service<AnyOperation>): void => {
      checkOperation(manifest, operation, service, new Set(everyScope))
      operations.push({ context: manifest.name, operation })
    }
    await setup({
      serve,
      fields: {},
      blindIndex: {},
      auditStore: {},
      callerFacts: {},
      advice: {},
      outbox: {},
      accounts: {},
      outbound: {},
    } as unknown as ContextScope)
    manifests.push(manifest)
    later.push(...laterOf(context))
  }
  return { manifests, operations, later, contract, root: new URL('../../', import.meta.url) }
}
