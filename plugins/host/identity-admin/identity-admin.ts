import type { Transaction } from '../service.ts'

/** Who an account is for. */
export interface AccountFacts {
  readonly agencyId: string
  /** The record that it belongs to, such as the provider: `provider_id` in its tokens. There is one account per subject. */
  readonly subjectId: string
  /** What one signs in with. */
  readonly email: string
  readonly firstName: string
  readonly lastName: string
  readonly roles: readonly string[]
}

/** An account as it should be now. `created`: there, and as open as it was before; a new one is closed. */
export interface DesiredAccount extends Omit<AccountFacts, 'agencyId' | 'subjectId'> {
  readonly state: 'created' | 'enabled' | 'disabled'
  /** Ends what is signed in now. Disabling always does. */
  readonly endSessions?: boolean
}

/** A closed account is nobody's to be invited to. */
export const isOpen = (desired: DesiredAccount | null): desired is DesiredAccount => desired !== null && desired.state !== 'disabled'

/** A link that opens sign-in once. `url` is null where the identity provider mails its own. */
export interface InviteLink {
  readonly url: string | null
  readonly expiresAt: Date
}

/**
 * Administration of accounts at the identity provider. Every call may be repeated; none retries by itself: the outbox does.
 * @throws DeliveryError
 */
export interface IdentityAdmin {
  /** The account of the subject; made, disabled and without a password, where there is none. Its facts are brought up to date. */
  ensure(facts: AccountFacts): Promise<{ readonly accountId: string }>
  /** A single-use link, valid for `seconds`. One that was given before opens nothing any more, where the provider can take it back. */
  invite(accountId: string, seconds: number): Promise<InviteLink>
  enable(accountId: string): Promise<void>
  /** Closes the account: no sign-in, no new token. */
  disable(accountId: string): Promise<void>
  endSessions(accountId: string): Promise<void>
  close(): Promise<void>
}

/** `pending`: not there yet, or made and not opened. `failed`: three attempts did not get through. */
export type AccountState = 'pending' | 'enabled' | 'disabled' | 'failed'

/** What a context may ask of its subjects' accounts. */
export interface AccountsPort {
  /** By subject; `pending` where nothing is known. */
  states(tx: Transaction, call: { readonly agencyId: string }, subjectIds: readonly string[]): Promise<ReadonlyMap<string, AccountState>>
  /** Subjects whose account `failed`, those that wait longest first; at most `limit`. */
  failed(tx: Transaction, call: { readonly agencyId: string }, limit: number): Promise<readonly string[]>
}
