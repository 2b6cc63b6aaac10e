import type { NoticeFacts, ProviderNotice } from '../../../domain/provider-administration/notices.ts'
import type { OutboxRow, Transaction } from '../../host/define-context.ts'

/** One thing that a provider is told. */
export interface ToldNotice {
  readonly kind: ProviderNotice
  readonly providerId: string
  /** Told for the same cause twice, it is told once: lower case, digits and `.:_-`. */
  readonly cause: string
  readonly facts?: NoticeFacts
  /** In the portal only, where false. */
  readonly mail: boolean
}

/** On whose behalf: every call of an operation and of a job fits. */
export interface TellingCall {
  readonly agencyId: string
  readonly now: Date
  readonly auditId: string
}

/** Tells a provider, in the transaction of the change: in their portal, and by mail where asked. Gives the state of the mail, null without one. */
export type Tell = (tx: Transaction, call: TellingCall, notice: ToldNotice) => Promise<Pick<OutboxRow, 'id' | 'state' | 'attempts'> | null>
