import { isDeepStrictEqual } from 'node:util'
import type { Clock } from '../../../domain/shared/clock.ts'
import type { Due } from '../jobs/job.ts'
import type { ServicePlan, ServiceTransactions } from '../jobs/service-transaction.ts'
import { DeliveryError } from '../mail/mail.ts'
import type { Transaction } from '../service.ts'
import type { AccountsPort, AccountState, DesiredAccount, IdentityAdmin, InviteLink } from './identity-admin.ts'

export interface AccountKeeperOptions {
  readonly transactions: ServiceTransactions
  readonly clock: Clock
  /** Opened when the first account is kept. */
  readonly identity: () => Promise<IdentityAdmin>
}

type Subject = Pick<Due, 'agencyId' | 'subjectId'>

/** Keeps accounts at the identity provider as their contexts want them, and knows how they stand. */
export interface AccountKeeper {
  /**
   * Tells the identity provider what the context wants now, and reads the wish again: what changed meanwhile is told anew.
   * @returns false where nothing is wanted any more
   * @throws DeliveryError
   */
  bring(due: Due, desire: (tx: Transaction) => Promise<DesiredAccount | null>): Promise<boolean>
  /** A link for the subject's account, which is made where there is none. @throws DeliveryError */
  invite(due: Due, desired: DesiredAccount, seconds: number): Promise<InviteLink>
  /** Notes that the last attempt did not get through. */
  failed(tx: Transaction, subject: Subject): Promise<void>
}

/** How often a wish that keeps changing is followed at once; then the row waits for its next turn. */
const mostRounds = 5

const noteSql = `insert into host_identity_account (agency_id, subject_id, account_id, state, updated_at) values ($1, $2, $3, $4, $5)
  on conflict (agency_id, subject_id) do update set account_id = coalesce(excluded.account_id, host_identity_account.account_id),
    state = case when $6 and host_identity_account.state <> 'failed' then host_identity_account.state else excluded.state end,
    updated_at = excluded.updated_at`

/** The state that an account has when it has been brought there; `keeps`: it stays what it was. */
const stateOf = { created: 'pending', enabled: 'enabled', disabled: 'disabled' } as const satisfies Record<
  DesiredAccount['state'],
  AccountState
>

export const createAccountKeeper = ({ transactions, clock, identity }: AccountKeeperOptions): AccountKeeper => {
  const planOf = ({ agencyId, auditId }: Due, action: string): ServicePlan => ({ action, agencyId, at: new Date(clock.now()), auditId })

  const note = async (tx: Transaction, { agencyId, subjectId }: Subject, accountId: string | null, state: AccountState, keeps: boolean) => {
    await tx.sql(noteSql, [agencyId, subjectId, accountId, state, new Date(clock.now()), keeps])
  }

  const ensure = async ({ agencyId, subjectId }: Subject, desired: DesiredAccount): Promise<string> => {
    const { email, firstName, lastName, roles } = desired
    const { accountId } = await (await identity()).ensure({ agencyId, subjectId, email, firstName, lastName, roles })
    return accountId
  }

  const apply = async (due: Due, desired: DesiredAccount): Promise<string> => {
    const accountId = await ensure(due, desired)
    const provider = await identity()
    if (desired.state === 'enabled') await provider.enable(accountId)
    if (desired.state === 'disabled') await provider.disable(accountId)
    if (desired.state === 'disabled' || desired.endSessions) await provider.endSessions(accountId)
    return accountId
  }

  /** One round: told, then read again. The wish that holds now, or `done`. */
  const round = async (due: Due, wanted: DesiredAccount, desire: (tx: Transaction) => Promise<DesiredAccount | null>) => {
    const accountId = await apply(due, wanted)
    return transactions.write<DesiredAccount | 'done' | null>(planOf(due, 'account.keep'), async (tx) => {
      await note(tx, due, accountId, stateOf[wanted.state], wanted.state === 'created')
      const now = await desire(tx)
      return { result: isDeepStrictEqual(now, wanted) ? 'done' : now, facts: null }
    })
  }

  return {
    async bring(due, desire) {
      let wanted = await transactions.read(planOf(due, 'account.desire'), desire)
      for (let rounds = 0; rounds < mostRounds; rounds++) {
        if (wanted === null) return false
        const next = await round(due, wanted, desire)
        if (next === 'done') return true
        wanted = next
      }
      throw new DeliveryError('deferred')
    },
    async invite(due, desired, seconds) {
      const accountId = await ensure(due, desired)
      const link = await (await identity()).invite(accountId, seconds)
      await transactions.write(planOf(due, 'account.invite'), async (tx) => ({
        result: await note(tx, due, accountId, 'pending', true),
        facts: null,
      }))
      return link
    },
    failed: (tx, subject) => note(tx, subject, null, 'failed', false),
  }
}

/** How the accounts of a context's subjects stand. */
export const accountStates: AccountsPort = {
  async states(tx, { agencyId }, subjectIds) {
    const text = 'select subject_id, state from host_identity_account where agency_id = $1 and subject_id = any ($2)'
    const rows = await tx.sql<{ subject_id: string; state: AccountState }>(text, [agencyId, [...subjectIds]])
    const known = new Map(rows.map(({ subject_id: id, state }) => [id, state]))
    return new Map(subjectIds.map((id) => [id, known.get(id) ?? 'pending']))
  },
  async failed(tx, { agencyId }, limit) {
    const text =
      "select subject_id from host_identity_account where agency_id = $1 and state = 'failed' order by updated_at, subject_id limit $2"
    return (await tx.sql<{ subject_id: string }>(text, [agencyId, limit])).map(({ subject_id: id }) => id)
  },
}
