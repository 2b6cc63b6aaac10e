import { timingSafeEqual } from 'node:crypto'
import { ProviderProfileRecord } from '../../../domain/provider-administration/provider.entity.ts'
import { displayName } from '../../../domain/provider-administration/index.ts'
import { Refusal } from '../../../domain/shared/refusal.ts'
import type { confirmOwnEmail } from '../../../routes/provider-administration/index.ts'
import { type BlindIndexPort, composeMail, type MailDelivery, type Service } from '../../host/define-context.ts'
import { confirmationKind } from './accounts.ts'
import type { Kit } from './kit.ts'
import { findBy, providerOf, sealedPlace, type Sealing } from './provider.rows.ts'
import { claimByFormerKeys, takeProvider } from './provider.store.ts'

/** How long a code confirms, in milliseconds. */
const codeLifetimeMs = 24 * 3600 * 1000

type Pending = Pick<ProviderProfileRecord, 'agencyId' | 'id' | 'pendingEmailIndex' | 'pendingEmailAt'>

/** Follows from what is to be confirmed, under a key, the current one first: it is stored nowhere, and another address or try has another. */
const codesOf = ({ agencyId, id, pendingEmailIndex, pendingEmailAt }: Pending, blindIndex: BlindIndexPort): string[] =>
  blindIndex
    .candidates('provider-email-confirmation', [agencyId, id, pendingEmailIndex!.toString('hex'), pendingEmailAt!.getTime()].join(':'))
    .map((code) => code.subarray(0, 18).toString('base64url'))

/** Goes to the new address alone, since who reads there is who may confirm it. */
export const confirmationDelivery: MailDelivery<Sealing> = {
  kind: confirmationKind,
  async prepare({ agencyId, subjectId }, tx, sealing) {
    const record = await tx.findOne(ProviderProfileRecord, { agencyId, id: subjectId }, { refresh: true })
    if (!record?.pendingEmail) return null
    const provider = providerOf(record, sealing)
    const mail = composeMail({
      subject: 'Confirm your new sign-in address',
      paragraphs: [
        `${displayName(provider)}: this address was entered as your new sign-in address.`,
        `To confirm it, sign in with your old address and enter this code within 24 hours: ${codesOf(record, sealing.blindIndex)[0]}`,
        'If you did not expect this, do nothing: the address is not used without the code.',
      ],
    })
    return { to: provider.pendingEmail!, ...mail }
  },
}

const equal = (one: string, other: string): boolean => one.length === other.length && timingSafeEqual(Buffer.from(one), Buffer.from(other))

const storeSql = `
  update provider_profile set email = $3, email_index = $4, pending_email = null, pending_email_index = null, pending_email_at = null,
    version = version + 1, updated_at = $5, activity_at = $5
  where agency_id = $1 and id = $2`

/** The new address takes the place of the old one, here and at the identity provider. @throws Refusal CONFLICT where the code confirms nothing (any more) */
export const confirmEmailService = (kit: Kit): Service<typeof confirmOwnEmail> => ({
  transact: async (call, tx) => {
    const { agencyId, now, principal, body } = call
    const id = principal.providerId!
    const provider = await takeProvider(tx, agencyId, id, kit)
    const record = await tx.findOne(ProviderProfileRecord, { agencyId, id })
    const asked = record?.pendingEmailAt?.getTime() ?? -Infinity
    if (provider.pendingEmail === null || now.getTime() > asked + codeLifetimeMs) throw new Refusal('CONFLICT')
    if (!codesOf(record!, kit.blindIndex).some((code) => equal(body.code, code))) throw new Refusal('CONFLICT')
    const sealed = kit.fields.seal(provider.pendingEmail, sealedPlace('email', agencyId, id))
    await tx.sql(storeSql, [agencyId, id, sealed, findBy(kit, agencyId).email.one(provider.pendingEmail), now])
    await claimByFormerKeys(tx, { agencyId, id, email: provider.pendingEmail, pendingEmail: null }, kit)
    await kit.followAccount(tx, call, id)
    return { body: { email: provider.pendingEmail }, entityId: id, after: { email: provider.pendingEmail } }
  },
})
