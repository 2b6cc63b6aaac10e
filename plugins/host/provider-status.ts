import type pg from 'pg'
import { Refusal } from '../../domain/shared/refusal.ts'

/** What a provider's account is now; null where there is none of that id. Asked anew each time: what is remembered could be over. */
export type ProviderStatusOf = (agencyId: string, providerId: string) => Promise<string | null>

const asGate = "select set_config('role', 'postern_gate', true), set_config('app.current_agency', $1, true)"

/** Asks the port `provider-status`. @throws Refusal UPSTREAM_UNAVAILABLE where the database cannot say */
export const createProviderStatus =
  (pool: pg.Pool): ProviderStatusOf =>
  async (agencyId, providerId) => {
    try {
      const client = await pool.connect()
      try {
        await client.query('begin read only')
        await client.query(asGate, [agencyId])
        const { rows } = await client.query<{ status: string | null }>('select provider_status($1, $2) as status', [agencyId, providerId])
        return rows[0]?.status ?? null
      } finally {
        await client.query('rollback').catch(() => undefined)
        client.release()
      }
    } catch (cause) {
      throw new Refusal('UPSTREAM_UNAVAILABLE', 'default', { cause })
    }
  }
