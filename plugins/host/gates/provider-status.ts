import { Refusal } from '../../../domain/shared/refusal.ts'
import type { Gate } from './gate.ts'

/**
 * A provider's token is worth what the account is worth now, whatever it says of its own expiry: nothing once the account is deactivated;
 * reads, and what declares `whileSuspended`, while it is suspended. A token of no account reaches its own record, which is none.
 * @see design, section 3, Providers
 */
export const providerStatus: Gate = {
  name: 'provider-status',
  stage: 'admission',
  bind: (operation, host) => {
    const { providerStatusOf } = host
    if (!providerStatusOf || !operation.audience.includes('provider')) return null
    const openToSuspended = operation.effect === 'read' || operation.whileSuspended === true
    return async (call) => {
      const { audience, agencyId, providerId } = call.principal!
      if (audience !== 'provider') return
      const status = await providerStatusOf(agencyId, providerId!)
      if (status === 'deactivated' || (status === 'suspended' && !openToSuspended)) throw new Refusal('FORBIDDEN')
    }
  },
}
