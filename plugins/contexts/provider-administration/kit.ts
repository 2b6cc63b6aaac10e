import type { Provider } from '../../../domain/provider-administration/index.ts'
import { providerEtag, showProvider, type Viewer } from '../../../routes/provider-administration/index.ts'
import type { AccountsPort, BlindIndexPort, Call, FieldCipherPort, OutboxPort, Transaction } from '../../host/define-context.ts'
import { createAskConfirmation, createFollowAccount, type FollowAccount, identityOf } from './accounts.ts'
import { createTell } from './notify.ts'
import { type Acting, readProvider } from './provider.store.ts'
import type { Tell } from './tell.ts'

/** What the operations of this context work with. */
export interface Kit {
  readonly fields: FieldCipherPort
  readonly blindIndex: BlindIndexPort
  readonly accounts: AccountsPort
  readonly tell: Tell
  readonly followAccount: FollowAccount
  readonly askConfirmation: FollowAccount
}

export interface Granted {
  readonly fields: FieldCipherPort
  readonly blindIndex: BlindIndexPort
  readonly accounts: AccountsPort
  readonly outbox: OutboxPort
}

export const kitOf = ({ fields, blindIndex, accounts, outbox }: Granted): Kit => ({
  fields,
  blindIndex,
  accounts,
  tell: createTell(outbox),
  followAccount: createFollowAccount(outbox),
  askConfirmation: createAskConfirmation(outbox),
})

export const viewerOf = ({ principal, now }: Pick<Call, 'principal' | 'now'>): Viewer => ({ scopes: principal.scopes, now })

export const actingOf = ({ agencyId, now, auditId, principal }: Call): Acting => ({ agencyId, now, auditId, by: principal.userId })

/** A provider as it is answered, with its tag. */
export const answerOf = async (kit: Kit, call: Call, tx: Transaction, provider: Provider) => {
  const identity = await identityOf(kit.accounts, tx, call.agencyId, provider.id)
  const body = showProvider(provider, identity, viewerOf(call))
  return { body, etag: providerEtag(provider, body), entityId: provider.id }
}

/** The same, read anew after a change. */
export const changedAnswer = async (kit: Kit, call: Call, tx: Transaction, id: string) => {
  const provider = await readProvider(tx, call.agencyId, id, kit)
  return { provider, answer: await answerOf(kit, call, tx, provider) }
}
