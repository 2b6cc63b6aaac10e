import { contract as approved, type Contract } from '../../config/contract.ts'
import { everyScope } from '../../config/permissions.ts'
import type { AnyOperation } from '../../routes/shared/operation.ts'
import { checkManifest, checkOperation } from './contract-check.ts'
import type { Declared } from './contract-checks.ts'
import type { ContextDefinition, ContextScope, Manifest } from './define-context.ts'
import type { Service } from './service.ts'

/** What the contexts declare, read without opening anything: their wiring runs against a scope that only writes down. */
export const readDeclarations = async (contexts: readonly ContextDefinition[], contract: Contract = approved): Promise<Declared> => {
  const manifests: Manifest[] = []
  const operations: { context: string; operation: AnyOperation }[] = []
  for (const { manifest, setup } of contexts) {
    checkManifest(contract, manifest, manifests)
    const serve = (operation: AnyOperation, service: Service<AnyOperation>): void => {
      checkOperation(manifest, operation, service, new Set(everyScope))
      operations.push({ context: manifest.name, operation })
    }
    await setup({ serve, fields: {}, blindIndex: {}, auditStore: {}, callerFacts: {}, advice: {}, outbound: {} } as unknown as ContextScope)
    manifests.push(manifest)
  }
  return { manifests, operations, contract, root: new URL('../../', import.meta.url) }
}
