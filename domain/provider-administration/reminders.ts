import { type UpcomingReminder, upcomingReminders } from '../shared/expiry-reminders.ts'
import type { DocumentType } from './document.ts'

/** Days before a document's expiry on which administrators are reminded. @see FR-015 FR-007; design, section 8 */
export const reminderThresholds = [30, 7, 0] as const

/** How far ahead the reminders to come can be shown, in days. */
export const reminderOutlook = { default: 90, max: 366 } as const

/** An approved document of an active or suspended provider, as the calendar of reminders reads it. */
export interface ReminderFacts {
  readonly providerId: string
  readonly providerName: string
  readonly documentId: string
  readonly documentType: DocumentType
  readonly expiresOn: string
  /** The lowest threshold that was reminded of; null where none was. */
  readonly reminded: number | null
}

export type ComingReminder = Omit<ReminderFacts, 'reminded'> & UpcomingReminder

/** What will be sent within the next days if nothing changes, the soonest first. */
export const comingReminders = (documents: readonly ReminderFacts[], today: string, days: number): ComingReminder[] =>
  documents
    .flatMap(({ reminded, ...document }) =>
      upcomingReminders({ thresholds: reminderThresholds, expiresOn: document.expiresOn, today, reminded }, days).map((reminder) => ({
        ...document,
        ...reminder,
      })),
    )
    .sort((one, other) => (one.on === other.on ? one.documentId.localeCompare(other.documentId) : one.on.localeCompare(other.on)))
