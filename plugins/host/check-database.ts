import type pg from 'pg'
import { checkIsolation, databaseWarnings } from './database/isolation-check.ts'
import type { Log } from './log.ts'
import type { CompiledFunction } from './sql/compiled.ts'
import { differingFunctions } from './sql/install.ts'

/** The runtime's own pools: what they are connected as is what is checked. */
interface Checked {
  readonly pool: pg.Pool
  readonly bypass: pg.Pool | null
}

/**
 * Refuses to serve from a database that is not what the declarations say: compiled gates that differ, or anything that row security
 * does not protect.
 */
export const checkDatabase = async ({ pool, bypass }: Checked, functions: readonly CompiledFunction[], log: Log): Promise<void> => {
  const differing = await differingFunctions(pool, functions)
  if (differing.length > 0)
    throw new Error(`The database's gates are not those of this version (${differing.join(', ')}). Run: npm run migrate`)
  const client = await pool.connect()
  try {
    const problems = await checkIsolation({ client, bypass: bypass ?? undefined })
    for (const warning of await databaseWarnings(client)) log.warn('isolation', { warning })
    if (problems.length > 0) throw new Error(`The database is not isolated: ${problems.join(' ')}`)
  } finally {
    client.release()
  }
}
