import type { ClientBase, Pool } from 'pg'
import { Refusal } from '../../../domain/shared/refusal.ts'

/** Makes a transaction an auditor's: the reader's role, in one agency. */
export const asAuditor = async (client: ClientBase, agencyId: string): Promise<void> => {
  await client.query("select set_config('role', 'postern_audit_reader', true), set_config('app.current_agency', $1, true)", [agencyId])
}

const unavailable = (cause: unknown): Refusal =>
  cause instanceof Refusal ? cause : new Refusal('UPSTREAM_UNAVAILABLE', 'default', { cause })

/**
 * Lends a connection of the runtime pool. One on which anything failed is thrown away.
 * @throws Refusal UPSTREAM_UNAVAILABLE where the store is down or fails
 */
export const withConnection = async <T>(pool: Pool, work: (client: ClientBase) => Promise<T>): Promise<T> => {
  let broken = true
  const client = await pool.connect().catch((error: unknown) => {
    throw unavailable(error)
  })
  try {
    const result = await work(client)
    broken = false
    return result
  } catch (error) {
    throw unavailable(error)
  } finally {
    client.release(broken)
  }
}

/** Reads across agencies on the bypass pool, whose login may only select. @throws Refusal UPSTREAM_UNAVAILABLE where there is none */
export const readAcross = <T>(bypass: Pool | null, work: (client: ClientBase) => Promise<T>): Promise<T> => {
  if (!bypass) return Promise.reject(new Refusal('UPSTREAM_UNAVAILABLE'))
  return withConnection(bypass, async (client) => {
    await client.query('begin read only')
    const result = await work(client)
    await client.query('commit')
    return result
  })
}

/** Reads in one agency, in a short READ ONLY transaction. */
export const readAsAuditor = <T>(pool: Pool, agencyId: string, work: (client: ClientBase) => Promise<T>): Promise<T> =>
  withConnection(pool, async (client) => {
    await client.query('begin read only')
    await asAuditor(client, agencyId)
    const result = await work(client)
    await client.query('commit')
    return result
  })
