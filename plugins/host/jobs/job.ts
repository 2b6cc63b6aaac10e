import type { Clock } from '../../../domain/shared/clock.ts'
import type { DesiredAccount, InviteLink } from '../identity-admin/identity-admin.ts'
import type { Mail } from '../mail/mail.ts'
import type { Transaction } from '../service.ts'
import type { OutboxCall, OutboxRow } from './outbox-port.ts'

/** One batch of a job's run in one agency. */
export interface JobCall extends OutboxCall {
  /** The day that the run is for, `YYYY-MM-DD` in UTC; of a monthly job the first of the month. */
  readonly date: string
  /** The time now. A run by hand may be for another day. */
  readonly clock: Clock
}

/** What a batch did. */
export interface JobOutcome {
  /** How many records it changed or told of; 0 or more. */
  readonly count: number
  /** True: there is more, and the job is called again in a transaction of its own. */
  readonly more: boolean
  /** Whom the change is attributed to, where somebody asked for it before: a batch of one. */
  readonly actor?: { readonly userId: string; readonly role: string }
  readonly entity?: { readonly type: string; readonly id: string }
  /** For the audit. */
  readonly before?: unknown
  readonly after?: unknown
}

/**
 * Work that the calendar asks for, an agency at a time, in transactions of the effect `admin`, each with its audit row. A job that runs
 * twice must do nothing the second time: a run can be repeated by hand, and one that was cut off starts again.
 *
 * A day that was missed is not run by itself: the run of today covers it, so `run` asks what is due by now and not what is due today.
 * A missed month is run before the next one.
 */
export interface Job<Scope = never> {
  /** Kebab-case, unique among all contexts: what `npm run job` names. */
  readonly name: string
  /** Daily: at 00:00 UTC. Monthly: at 00:00 UTC of the first. */
  readonly schedule: 'daily' | 'monthly'
  /** Off, nothing is run; on again, it is caught up. */
  readonly killSwitch?: string
  /** Works a batch that takes well below the statement timeout of 5 s. `scope` is the context's own. */
  run(call: JobCall, tx: Transaction, scope: Scope): Promise<JobOutcome>
}

/** A row whose turn it is. */
export interface Due extends OutboxCall, Pick<OutboxRow, 'id' | 'kind' | 'cause' | 'subjectId' | 'ids'> {
  /** 1 to 3. */
  readonly attempt: number
}

/** What became of an attempt. */
export interface Settled extends Due {
  readonly state: 'sent' | 'failed'
}

interface AnyDelivery<Scope> {
  /** Kebab-case, unique in the context. */
  readonly kind: string
  /** Runs once, in the transaction (effect `admin`) that marks the row as sent or given up, such as to tell an administrator. */
  settled?(settled: Settled, tx: Transaction, scope: Scope): Promise<void>
}

/** A mail. Needs the capabilities `queue` and `mail`. */
export interface MailDelivery<Scope = never> extends AnyDelivery<Scope> {
  /**
   * Whose account gets a link that opens sign-in, once and for 24 hours; it is made where there is none. READ ONLY. Null: nobody's.
   * Needs `identity-admin`.
   */
  invite?(due: Due, tx: Transaction, scope: Scope): Promise<DesiredAccount | null>
  /**
   * Makes the mail from the records that the row names, READ ONLY. Asked for each attempt, so that what is sent is what is true.
   * Null: there is nobody to tell any more, and nothing is sent.
   */
  prepare(due: Due, tx: Transaction, scope: Scope, link: InviteLink | null): Promise<Mail | null>
}

/**
 * Brings an account at the identity provider to what it should be now. Needs `queue` and `identity-admin`. The wish is read before the
 * provider is told and again after: what changed meanwhile is told anew, so that the last wish holds in whatever order attempts end.
 */
export interface AccountDelivery<Scope = never> extends AnyDelivery<Scope> {
  /** READ ONLY. Null: nothing is wanted any more. */
  desire(due: Due, tx: Transaction, scope: Scope): Promise<DesiredAccount | null>
}

export type Delivery<Scope = never> = MailDelivery<Scope> | AccountDelivery<Scope>
