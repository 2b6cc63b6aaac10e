import { ProviderProfileRecord } from '../../../domain/provider-administration/provider.entity.ts'
import type { IdentityState, ProviderStatus } from '../../../domain/provider-administration/index.ts'
import type {
  AccountDelivery,
  AccountsPort,
  DesiredAccount,
  FieldCipherPort,
  Job,
  OutboxPort,
  Transaction,
} from '../../host/define-context.ts'
import { providerOf } from './provider.rows.ts'
import type { TellingCall } from './tell.ts'

/** The outbox rows that bring a provider's account at the identity provider to what it should be. */
export const accountKind = 'account'

/** A suspended provider still signs in, to read why. @see FR-015, Screen 4 */
const stateOf: Readonly<Record<ProviderStatus, DesiredAccount['state']>> = {
  draft: 'created',
  active: 'enabled',
  suspended: 'enabled',
  deactivated: 'disabled',
}

/** Asks for the account to follow, in the transaction of the change. */
export type FollowAccount = (tx: Transaction, call: TellingCall, providerId: string) => Promise<void>

export const createFollowAccount =
  (outbox: OutboxPort): FollowAccount =>
  async (tx, call, providerId) => {
    await outbox.add(tx, call, [{ kind: accountKind, cause: `account:${call.auditId}`, subjectId: providerId }])
  }

/** The mail to a new sign-in address whose owner is to confirm it. */
export const confirmationKind = 'email-confirmation'

export const createAskConfirmation =
  (outbox: OutboxPort): FollowAccount =>
  async (tx, call, providerId) => {
    await outbox.add(tx, call, [{ kind: confirmationKind, cause: `${confirmationKind}:${call.auditId}`, subjectId: providerId }])
  }

/** A deactivated provider's address is free for another account: theirs stays, closed, under one that is nobody's. @see RFC 2606, 2 */
const nobodys = 'deactivated.invalid'

/** What the account should be now; asked at each attempt, so that the last change holds. */
export const accountDelivery: AccountDelivery<{ readonly fields: FieldCipherPort }> = {
  kind: accountKind,
  async desire({ agencyId, subjectId }, tx, { fields }) {
    const record = await tx.findOne(ProviderProfileRecord, { agencyId, id: subjectId }, { refresh: true })
    if (record === null) return null
    const { email, firstName, lastName, status } = providerOf(record, { fields })
    if (email === null || firstName === null || lastName === null) return null
    const address = status === 'deactivated' ? `${subjectId}@${nobodys}` : email
    return { state: stateOf[status], email: address, firstName, lastName, roles: ['provider'], endSessions: status === 'deactivated' }
  },
}

/** How the account of one provider stands. */
export const identityOf = async (accounts: AccountsPort, tx: Transaction, agencyId: string, id: string): Promise<IdentityState> =>
  (await accounts.states(tx, { agencyId }, [id])).get(id) ?? 'pending'

/** So many accounts are told of again in a day. */
const mostAgain = 1_000

/**
 * What did not get through to the identity provider is brought there again each day, until it does: nobody could ask for it otherwise, since
 * nothing of a deactivated provider changes any more, and their sign-in must not stay open because the identity provider was away for an hour.
 */
export const failedAccounts: Job<{ readonly accounts: AccountsPort; readonly outbox: OutboxPort }> = {
  name: 'provider-accounts',
  schedule: 'daily',
  async run(call, tx, { accounts, outbox }) {
    const failed = await accounts.failed(tx, call, mostAgain)
    const notes = failed.map((id) => ({ kind: accountKind, cause: `account:${call.date}:${id}`, subjectId: id }))
    const told = await outbox.add(tx, call, notes)
    return { count: told.filter(({ isNew }) => isNew).length, more: false }
  },
}
