import {
  checkCommission, checkEditable, type Commission, emptyProfile, enter, missingFields, type Profile, type Provider,
} from '../../../domain/provider-administration/index.ts' // prettier-ignore
import { invalid } from '../../../domain/shared/refusal.ts'
import {
  auditedProvider, commissionOf, type createProvider, type editProvider, type getProvider, providerLocation, versionOfEtag,
} from '../../../routes/provider-administration/index.ts' // prettier-ignore
import type { Call, Service, Transaction } from '../../host/define-context.ts'
import { actingOf, answerOf, changedAnswer, type Kit } from './kit.ts'
import { findBy, profileColumns, sealedPlace } from './provider.rows.ts'
import { addProvider, type Change, changeProvider, checkVersion, claimByFormerKeys, readProvider, takeProvider } from './provider.store.ts'
import { readSettings } from './settings.store.ts'
import { welcome, welcomeAnew } from './welcome.ts'

const checkSpecialty = async (tx: Transaction, agencyId: string, specialty: string | null, kit: Kit): Promise<void> => {
  if (specialty === null) return
  const { specialties } = await readSettings(tx, agencyId, kit.fields)
  if (!specialties.includes(specialty)) throw invalid('/specialty', 'specialty')
}

export const createProviderService = (kit: Kit): Service<typeof createProvider> => ({
  transact: async (call, tx) => {
    const { commission: sent, ...entered } = call.body
    const profile = enter(emptyProfile, entered)
    const commission: Commission | null = sent === undefined ? null : checkCommission(commissionOf(sent, '/commission'), '/commission')
    await checkSpecialty(tx, call.agencyId, profile.specialty, kit)
    const id = await addProvider(tx, profile, commission, actingOf(call), kit)
    const welcomed = await welcome(kit, call, tx, await readProvider(tx, call.agencyId, id, kit))
    if (welcomed.welcomedAt)
      await tx.sql('update provider_profile set welcomed_at = $3 where agency_id = $1 and id = $2', [call.agencyId, id, call.now])
    const { provider, answer } = await changedAnswer(kit, call, tx, id)
    await claimByFormerKeys(tx, provider, kit)
    return { ...answer, location: providerLocation(id), after: auditedProvider(provider) }
  },
})

export const getProviderService = (kit: Kit): Service<typeof getProvider> => ({
  transact: async (call, tx) => answerOf(kit, call, tx, await readProvider(tx, call.agencyId, call.params.providerId, kit)),
})

/**
 * A new sign-in address of somebody who was activated is theirs only when they confirm it; until then the old one holds. Entered once more it
 * is asked for once more, since the code of before confirms nothing then.
 */
const addressChange = (
  before: Provider,
  after: Profile,
  kit: Kit,
  { body, now }: Call<typeof editProvider>,
): Change & { readonly asked: boolean } => {
  const { agencyId, id, status, email } = before
  if (status === 'draft' || body.email === undefined) return { asked: false }
  if (after.email === email) return { asked: false, ...noPending }
  const index = findBy(kit, agencyId).email.one(after.email!)
  const pending = kit.fields.seal(after.email!, sealedPlace('pending_email', agencyId, id))
  return { asked: true, pendingEmail: pending, pendingEmailIndex: index, pendingEmailAt: now }
}
const noPending: Change = { pendingEmail: null, pendingEmailIndex: null, pendingEmailAt: null }

const checkComplete = (before: Provider, after: Profile): void => {
  if (before.status === 'draft') return
  const [field] = missingFields(after, before.commission)
  if (field !== undefined) throw invalid(`/${field.replaceAll('.', '/')}`, 'required')
}

export const editProviderService = (kit: Kit): Service<typeof editProvider> => ({
  transact: async (call, tx) => {
    const before = await takeProvider(tx, call.agencyId, call.params.providerId, kit)
    checkEditable(before.status)
    checkVersion(before, versionOfEtag(call.ifMatch))
    const entered = enter(before, call.body)
    checkComplete(before, entered)
    if (entered.specialty !== before.specialty) await checkSpecialty(tx, call.agencyId, entered.specialty, kit)
    const { asked, ...address } = addressChange(before, entered, kit, call)
    const kept = before.status === 'draft' ? entered : { ...entered, email: before.email }
    const welcomed = await welcome(kit, call, tx, { ...before, ...kept })
    const columns = profileColumns(kept, kit, call.agencyId, before.id)
    await changeProvider(tx, before, { ...columns, ...address, ...welcomed }, actingOf(call))
    if (before.status !== 'draft' || before.welcomedAt !== null) await kit.followAccount(tx, call, before.id)
    await welcomeAnew(kit, call, tx, before, kept)
    if (asked) await tellOfAddress(kit, call, tx, before.id)
    const { provider, answer } = await changedAnswer(kit, call, tx, before.id)
    await claimByFormerKeys(tx, provider, kit)
    return { ...answer, before: auditedProvider(before), after: auditedProvider(provider) }
  },
})

/** The old address is told that another was entered, and the new one is asked. */
const tellOfAddress = async (kit: Kit, call: Call, tx: Transaction, providerId: string): Promise<void> => {
  await kit.tell(tx, call, { kind: 'email-changed', providerId, cause: `email-changed:${call.auditId}`, mail: true })
  await kit.askConfirmation(tx, call, providerId)
}
