import { contexts as allContexts } from './contexts.ts'
import { migrate } from './host/database/migrate.ts'
import type { ContextDefinition } from './host/define-context.ts'
import { hostMigrations } from './host/migrations/index.ts'
import { compileAll, installFunctions } from './host/sql/install.ts'

/**
 * Brings a database to what this version of the service needs: the host's steps, every context's in their order, and the functions
 * that the declarations compile to. Runs as the owner; safe to run again and from several processes.
 *
 * @returns the names of the steps that were applied now
 */
export const prepareDatabase = async (ownerUrl: string, contexts: readonly ContextDefinition[] = allContexts): Promise<string[]> => {
  const applied = await migrate({ url: ownerUrl, migrations: [...hostMigrations, ...contexts.flatMap(({ migrations }) => migrations)] })
  await installFunctions(ownerUrl, compileAll(contexts.flatMap(({ statements }) => statements)))
  return applied
}
