import { missingFields, type Provider } from '../../../domain/provider-administration/index.ts'
import type { Call, Transaction } from '../../host/define-context.ts'
import type { Kit } from './kit.ts'
import type { Change } from './provider.store.ts'

/** A draft that has every field is welcomed, once: its account is made, and a link that opens sign-in is on its way. */
export const welcome = async (kit: Kit, call: Call, tx: Transaction, provider: Provider): Promise<Change> => {
  const { id, status, welcomedAt, commission } = provider
  if (status !== 'draft' || welcomedAt !== null || missingFields(provider, commission).length > 0) return {}
  await kit.followAccount(tx, call, id)
  await kit.tell(tx, call, { kind: 'welcome', providerId: id, cause: `welcome:${id}`, mail: true })
  return { welcomedAt: call.now }
}
