import type { Position } from '../../../domain/shared/page.ts'
import type { Transaction } from '../service.ts'

export const outboxStates = ['queued', 'sent', 'failed'] as const
/** `sent`: done, whatever had to be done. `failed`: given up after three attempts; a person may send it again. */
export type OutboxState = (typeof outboxStates)[number]

/** Why the last attempt failed. Nothing that another system said is kept. `withdrawn`: there was nobody to tell any more. */
export const deliveryFailures = [
  'unreachable', 'timeout', 'insecure', 'unauthorized', 'refused', 'deferred', 'not-prepared', 'interrupted', 'withdrawn', 'internal',
] as const // prettier-ignore
export type DeliveryFailure = (typeof deliveryFailures)[number]

/** On whose behalf a row is written: every call of an operation and of a job fits. */
export interface OutboxCall {
  readonly agencyId: string
  readonly now: Date
  readonly auditId: string
}

/** One thing that is to be told once. */
export interface OutboxNote {
  /** One of the context's own deliveries. */
  readonly kind: string
  /** What it is told for, in lower case, digits and `.:_-`, 1 to 200 characters, such as `approved:<document id>:3`: told twice, it is sent once. */
  readonly cause: string
  /** The record whose notifications it is listed among, such as the provider. */
  readonly subjectId: string
  /** Further records that the delivery needs, by name: UUIDs, at most 8. */
  readonly ids?: Readonly<Record<string, string>>
}

/** A row as it stands. It holds ids and states: no address, no name, no text. */
export interface OutboxRow {
  readonly id: string
  readonly kind: string
  readonly cause: string
  readonly subjectId: string
  readonly ids: Readonly<Record<string, string>>
  readonly state: OutboxState
  /** Attempts so far, 0 to 3. */
  readonly attempts: number
  readonly failure: DeliveryFailure | null
  readonly createdAt: Date
  /** When it was sent or given up. */
  readonly settledAt: Date | null
}

/**
 * What is to be told, written down in the transaction of the change that it tells of: no change without its notification, no
 * notification without its change. Sending begins after the commit. A context sees its own rows alone.
 * @see design, section 8
 */
export interface OutboxPort {
  /**
   * Writes rows down. In the order of `notes`: the row's id, and whether this call made it; of a kind and cause told before it is the
   * first row's. Needs an effect that writes: `admin` or `write`.
   */
  add(tx: Transaction, call: OutboxCall, notes: readonly OutboxNote[]): Promise<readonly { readonly id: string; readonly isNew: boolean }[]>
  find(tx: Transaction, call: Pick<OutboxCall, 'agencyId'>, id: string): Promise<OutboxRow | null>
  /** A subject's rows from the newest backwards, at most `limit`; `before` as the cursors of `domain/shared/page.ts` say. */
  list(
    tx: Transaction,
    call: Pick<OutboxCall, 'agencyId'>,
    asked: { readonly subjectId: string; readonly before: Position; readonly limit: number; readonly kinds?: readonly string[] },
  ): Promise<readonly OutboxRow[]>
  /**
   * Sends once more by a person's wish: a failed row starts anew, of a sent one a new row is made. Null where there is none of that id,
   * or it is still on its way. Needs an effect that writes.
   */
  resend(tx: Transaction, call: OutboxCall, id: string): Promise<OutboxRow | null>
}
