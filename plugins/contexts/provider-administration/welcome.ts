import { missingFields, type Profile, type Provider } from '../../../domain/provider-administration/index.ts'
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

/**
 * A draft whose address is corrected is welcomed there too: nobody reads the first link where it went, or somebody does whom it is not meant
 * for, and the new one takes its place.
 */
export const welcomeAnew = async (kit: Kit, call: Call, tx: Transaction, before: Provider, after: Profile): Promise<void> => {
  const { id, status, welcomedAt, email, version } = before
  if (status !== 'draft' || welcomedAt === null || after.email === null || after.email === email) return
  await kit.tell(tx, call, { kind: 'welcome', providerId: id, cause: `welcome:${id}:${version + 1}`, mail: true })
}
