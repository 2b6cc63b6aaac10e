import { createHash } from 'node:crypto'
import { contexts as allContexts } from './contexts.ts'
import { withOwner } from './host/agencies.ts'
import { migrate, migrationTable, type MigrationStep } from './host/database/migrate.ts'
import type { ContextDefinition } from './host/define-context.ts'
import { installQueue, isQueueInstalled } from './host/jobs/install-queue.ts'
import { hostMigrations } from './host/migrations/index.ts'
import type { CompiledFunction } from './host/sql/compiled.ts'
import { compileAll, installFunctions } from './host/sql/install.ts'

const stepsOf = (contexts: readonly ContextDefinition[]): MigrationStep[] => [
  ...hostMigrations,
  ...contexts.flatMap(({ migrations }) => migrations),
]

const functionsOf = (contexts: readonly ContextDefinition[]): CompiledFunction[] =>
  compileAll(contexts.flatMap(({ statements }) => statements))

/** What a function was made from, in short; it stands in the database as the function's comment and goes with it. */
const sourceOf = ({ ddl, grantee }: CompiledFunction): string => createHash('sha256').update(ddl).update(grantee).digest('hex')

/**
 * Brings a database to what this version of the service needs: the host's steps, every context's in their order, the queue's own
 * schema, and the functions that the declarations compile to. Runs as the owner; safe to run again and from several processes.
 *
 * @returns the names of the steps that were applied now
 */
export const prepareDatabase = async (ownerUrl: string, contexts: readonly ContextDefinition[] = allContexts): Promise<string[]> => {
  const functions = functionsOf(contexts)
  const applied = await migrate({ url: ownerUrl, migrations: stepsOf(contexts) })
  await installFunctions(ownerUrl, functions)
  await installQueue(ownerUrl)
  const notes = functions.map((one) => `comment on function ${one.name} is '${sourceOf(one)}';`)
  await withOwner(ownerUrl, (client) => client.query(notes.join('\n')))
  return applied
}

/** Whether `prepareDatabase` would find nothing to do, told by two questions. Where they cannot be asked it is a no. */
export const isPrepared = async (ownerUrl: string, contexts: readonly ContextDefinition[] = allContexts): Promise<boolean> => {
  const known = "p.pronamespace = 'public'::regnamespace and p.proname like 'op\\_%'"
  try {
    const [steps, made, queue] = await withOwner(ownerUrl, async (client) => [
      (await client.query<{ name: string }>(`select name from ${migrationTable}`)).rows,
      (
        await client.query<{ name: string; body: string; source: string }>(
          `select p.proname as name, p.prosrc as body, obj_description(p.oid, 'pg_proc') as source from pg_proc p where ${known}`,
        )
      ).rows,
      await isQueueInstalled(client),
    ])
    const [applied, found] = [new Set(steps.map(({ name }) => name)), new Map(made.map((one) => [one.name, one]))]
    const functions = functionsOf(contexts)
    return (
      queue &&
      stepsOf(contexts).every(({ name }) => applied.has(name)) &&
      found.size === functions.length &&
      functions.every((one) => found.get(one.name)?.source === sourceOf(one) && found.get(one.name)?.body === one.body)
    )
  } catch {
    return false
  }
}
