import type pg from 'pg'
import { Refusal } from '../../domain/shared/refusal.ts'
import { readAs } from './database/read-as.ts'
import { roleNames } from './database/roles.ts'

/** What a provider's account is now; null where there is none of that id. Asked anew each time: what is remembered could be over. */
export type ProviderStatusOf = (agencyId: string, providerId: string) => Promise<string | null>

const ask = 'select provider_status($1, $2) as status'

/** Asks the port `provider-status`. @throws Refusal UPSTREAM_UNAVAILABLE where the database cannot say */
export const createProviderStatus =
  (pool: pg.Pool): ProviderStatusOf =>
  async (agencyId, providerId) => {
    try {
      const settings = { role: roleNames.gate, 'app.current_agency': agencyId }
      const [row] = await readAs<{ status: string | null }>(pool, settings, ask, [agencyId, providerId])
      return row?.status ?? null
    } catch (cause) {
      throw new Refusal('UPSTREAM_UNAVAILABLE', 'default', { cause })
    }
  }
