import {
  type AdministratorNotice, type ComingReminder, displayName, type DocumentType, type NoticeFacts, type ProviderNotice, wordsOf,
} from '../../domain/provider-administration/index.ts' // prettier-ignore
import { showInstant, showInstantOrNull } from '../../domain/shared/instant.ts'
import type { AdminNoticeWire, MailWire, OwnNoticeWire, ReminderWire } from './notifications.schemas.ts'

/** A mail as the outbox knows it. */
export interface MailFacts {
  readonly id: string
  readonly kind: string
  readonly documentType: DocumentType | null
  readonly state: 'queued' | 'sent' | 'failed'
  readonly attempts: number
  readonly failure: string | null
  readonly createdAt: Date
  readonly settledAt: Date | null
}

export const mailsLocation = (providerId: string): string => `/api/admin/providers/${providerId}/notifications`

export const showMail = ({ id, kind, documentType, state, attempts, failure, createdAt, settledAt }: MailFacts): MailWire => ({
  id,
  kind: kind as ProviderNotice,
  documentType,
  state,
  attempts,
  lastFailure: failure,
  createdAt: showInstant(createdAt),
  settledAt: showInstantOrNull(settledAt),
})

/** A notice of a portal with what its words need. */
export interface PortalNotice {
  readonly id: string
  readonly kind: ProviderNotice | AdministratorNotice
  readonly facts: NoticeFacts
  readonly createdAt: Date
  readonly readAt: Date | null
  readonly providerId: string
  readonly firstName: string | null
  readonly lastName: string | null
  readonly supportContact: string
}

const shown = (notice: PortalNotice) => {
  const { id, kind, facts, createdAt, readAt, supportContact } = notice
  const words = wordsOf(kind, facts, { providerName: displayName(notice), supportContact })
  return {
    id,
    title: words.subject,
    message: words.paragraphs.join('\n'),
    documentType: facts.documentType ?? null,
    documentId: facts.documentId ?? null,
    createdAt: showInstant(createdAt),
    readAt: showInstantOrNull(readAt),
  }
}

export const showOwnNotice = (notice: PortalNotice): OwnNoticeWire => ({ ...shown(notice), kind: notice.kind as ProviderNotice })

export const showAdminNotice = (notice: PortalNotice): AdminNoticeWire => ({
  ...shown(notice),
  kind: notice.kind as AdministratorNotice,
  providerId: notice.providerId,
  providerName: displayName(notice),
})

export const showReminder = ({ expiresOn, threshold, on, ...reminder }: ComingReminder): ReminderWire => ({
  ...reminder,
  expirationDate: expiresOn,
  daysBefore: threshold,
  remindOn: on,
})
