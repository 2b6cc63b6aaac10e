import { addDays, daysBetween } from './calendar-day.ts'

/** What reminders of an expiry are worked out from. */
export interface ExpiryFacts {
  /** Days before the expiry on which a reminder is due, such as 30, 7 and 0; whole, 0 or more, in any order. */
  readonly thresholds: readonly number[]
  /** `YYYY-MM-DD` in UTC. */
  readonly expiresOn: string
  readonly today: string
  /** The lowest threshold of this version that was reminded of already; null where none was. */
  readonly reminded: number | null
}

/**
 * The threshold whose reminder is due now, or null. Of several that were missed only the last one is due: who was away for a month
 * gets one reminder and not three. What was reminded of is not reminded of again, and neither is what lies before it.
 * @see FR-015, Rule 6; FusionEMS part 5, expiration alerts
 */
export const dueThreshold = ({ thresholds, expiresOn, today, reminded }: ExpiryFacts): number | null => {
  const left = daysBetween(today, expiresOn)
  const reached = thresholds.filter((threshold) => left <= threshold)
  if (reached.length === 0) return null
  const last = Math.min(...reached)
  return reminded !== null && reminded <= last ? null : last
}

/** A reminder that will be sent if nothing changes. */
export interface UpcomingReminder {
  readonly threshold: number
  /** `YYYY-MM-DD` in UTC; today for what is due already. */
  readonly on: string
}

/** The reminders of the next `days` days, in their order: what is due now, then each threshold on its day. */
export const upcomingReminders = (facts: ExpiryFacts, days: number): UpcomingReminder[] => {
  const { thresholds, expiresOn, today, reminded } = facts
  const due = dueThreshold(facts)
  const left = daysBetween(today, expiresOn)
  const coming = [...new Set(thresholds)]
    .filter((threshold) => threshold < left && left - threshold <= days && threshold < (reminded ?? Infinity))
    .sort((one, other) => other - one)
    .map((threshold) => ({ threshold, on: addDays(expiresOn, -threshold) }))
  return [...(due === null ? [] : [{ threshold: due, on: today }]), ...coming]
}

/** Something that expires, as a job reads it. */
export interface Expiring {
  readonly id: string
  /** Names what expires now: another version starts anew. */
  readonly version: string
  readonly expiresOn: string
  readonly reminded: number | null
}

export interface DueReminder<Item extends Expiring> {
  readonly item: Item
  readonly threshold: number
  readonly daysLeft: number
  /** The outbox cause: the same version and threshold is told once, however often a job runs. */
  readonly cause: string
}

/** The reminders that are due among the records that a job has read: one code for documents and for registrations. */
export const dueReminders = <Item extends Expiring>(
  items: readonly Item[],
  thresholds: readonly number[],
  today: string,
): DueReminder<Item>[] =>
  items.flatMap((item) => {
    const { id, version, expiresOn, reminded } = item
    const threshold = dueThreshold({ thresholds, expiresOn, today, reminded })
    if (threshold === null) return []
    return { item, threshold, daysLeft: daysBetween(today, expiresOn), cause: `expiry:${id}:${version}:${threshold}` }
  })

/** The days from today within which something must be read to miss no reminder: `expires on or before`. */
export const reminderHorizon = (thresholds: readonly number[], today: string): string => addDays(today, Math.max(...thresholds))
