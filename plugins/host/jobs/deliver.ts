import type { Clock } from '../../../domain/shared/clock.ts'
import { newId } from '../../../domain/shared/ids.ts'
import type { AccountKeeper } from '../identity-admin/account-keeper.ts'
import { isOpen } from '../identity-admin/identity-admin.ts'
import { DeliveryError, type MailPort } from '../mail/mail.ts'
import type { Transaction } from '../service.ts'
import { claim, type Claimed, mostAttempts, noteFailure, overdue, settle } from './attempt.ts'
import type { AccountDelivery, Delivery, Due, MailDelivery } from './job.ts'
import type { DeliveryFailure } from './outbox-port.ts'
import type { ServiceTransactions } from './service-transaction.ts'

/** A delivery as a context declared it, with the scope that its functions are handed. */
export interface Registered {
  readonly delivery: Delivery
  readonly scope: never
}

export interface DelivererOptions {
  readonly transactions: ServiceTransactions
  readonly clock: Clock
  /** By context and kind. */
  readonly registered: (context: string, kind: string) => Registered | undefined
  /** Opened when the first mail goes. */
  readonly mail: () => Promise<MailPort>
  readonly accounts: AccountKeeper
  readonly report: (event: string, error: unknown) => void
}

/** What became of a row; `nothing` where it was not its turn. */
export type Delivered = 'sent' | 'failed' | 'later' | 'nothing'

const seconds = 1_000
/** Longest attempt, from its first read to its end: far below the time after which another one may begin. */
export const attemptMs = 60 * seconds
const linkSeconds = 24 * 3600

const within = async <T>(ms: number, work: Promise<T>): Promise<T> => {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => reject(new DeliveryError('timeout')), ms).unref()
  })
  try {
    return await Promise.race([work, late])
  } finally {
    clearTimeout(timer)
  }
}

/** A delivery that this version does not know. */
const unknown: Registered = { delivery: { kind: 'unknown', prepare: async () => null }, scope: undefined as never }

const isMail = (delivery: Delivery): delivery is MailDelivery => 'prepare' in delivery
const withdrawn = (): never => {
  throw new DeliveryError('withdrawn')
}

/** Takes rows whose turn it is, does what their contexts declared, and marks them. */
export const createDeliverer = ({ transactions, clock, registered, mail, accounts, report }: DelivererOptions) => {
  const planOf = (due: Due, action: string) => ({ action, agencyId: due.agencyId, at: due.now, auditId: due.auditId })

  const take = (agencyId: string, id: string): Promise<Claimed | null> => {
    const call = { agencyId, now: new Date(clock.now()), auditId: newId(clock.now()) }
    return transactions.write({ ...call, action: 'notification.claim', at: call.now }, async (tx) => ({
      result: (await claim(tx, call, id)) ?? (await overdue(tx, call, id)),
      facts: null,
    }))
  }

  /** Marks the row, tells its context and the audit, all in one transaction. */
  const mark = (due: Due, { delivery, scope }: Registered, failure: DeliveryFailure | null, tells: boolean): Promise<boolean> =>
    transactions.write(planOf(due, failure === null ? 'notification.sent' : 'notification.failed'), async (tx) => {
      if (!(await settle(tx, due, failure, new Date(clock.now())))) return { result: false, facts: null }
      if (failure !== null && failure !== 'withdrawn' && !isMail(delivery)) await accounts.failed(tx, due)
      if (tells && failure !== 'withdrawn') await delivery.settled?.({ ...due, state: failure === null ? 'sent' : 'failed' }, tx, scope)
      const facts = { entity: { type: 'notification', id: due.id }, payload: { kind: due.kind, attempt: due.attempt, failure } }
      return { result: true, facts }
    })

  /** A context that cannot be told must not have the mail sent again. */
  const end = async (due: Due, found: Registered, failure: DeliveryFailure | null): Promise<boolean> => {
    try {
      return await mark(due, found, failure, true)
    } catch (error) {
      report(`delivery.${due.kind}`, error)
      return mark(due, found, failure, false)
    }
  }

  const linkOf = async (due: Due, delivery: MailDelivery, scope: never) => {
    if (!delivery.invite) return null
    const desire = (tx: Transaction) => delivery.invite!(due, tx, scope)
    const wanted = () => transactions.read(planOf(due, 'notification.invite'), desire)
    const desired = await wanted()
    if (!isOpen(desired)) return withdrawn()
    const link = await accounts.invite(due, desired, linkSeconds)
    if (isOpen(await wanted())) return link
    // Closed meanwhile: what the invitation may have opened again is closed again.
    await accounts.bring(due, desire)
    return withdrawn()
  }

  const sendMail = async (due: Due, delivery: MailDelivery, scope: never): Promise<void> => {
    const link = await linkOf(due, delivery, scope)
    const made = await transactions.read(planOf(due, 'notification.prepare'), (tx) => delivery.prepare(due, tx, scope, link))
    if (made === null) return withdrawn()
    await (await mail()).send(due.id, made)
  }

  const keepAccount = async (due: Due, delivery: AccountDelivery, scope: never): Promise<void> => {
    const desire = (tx: Transaction) => delivery.desire(due, tx, scope)
    if (!(await accounts.bring(due, desire))) withdrawn()
  }

  const failureOf = (error: unknown, due: Due): DeliveryFailure => {
    if (error instanceof DeliveryError) return error.failure
    report(`delivery.${due.kind}`, error)
    return 'not-prepared'
  }

  const attempt = async (due: Due, { delivery, scope }: Registered): Promise<DeliveryFailure | null> => {
    try {
      await within(attemptMs, isMail(delivery) ? sendMail(due, delivery, scope) : keepAccount(due, delivery, scope))
      return null
    } catch (error) {
      return failureOf(error, due)
    }
  }

  /** @throws whatever the database says where the row cannot be taken or marked; the row then waits for its next turn */
  return async (agencyId: string, id: string): Promise<Delivered> => {
    const taken = await take(agencyId, id)
    if (!taken) return 'nothing'
    const { due, context, cutOff } = taken
    // Another version wrote it down: its turn comes where that version runs, or it has failed.
    const found = registered(context, due.kind) ?? (cutOff ? unknown : null)
    if (!found) return 'later'
    const failure = cutOff ? 'interrupted' : await attempt(due, found)
    if (failure === null || failure === 'withdrawn' || due.attempt >= mostAttempts) {
      const settled = await end(due, found, failure)
      return settled ? (failure === null ? 'sent' : 'failed') : 'nothing'
    }
    await transactions.write(planOf(due, 'notification.later'), async (tx) => ({
      result: await noteFailure(tx, due, failure),
      facts: null,
    }))
    return 'later'
  }
}

export type Deliverer = ReturnType<typeof createDeliverer>
