const dayMs = 86_400_000
const form = /^(\d{4})-(\d\d)-(\d\d)$/

/** Days since the epoch; null where the text is no day of the calendar in the form `YYYY-MM-DD`. */
const numberOf = (day: string): number | null => {
  const match = form.exec(day)
  if (!match) return null
  const ms = Date.UTC(Number(match[1]), Number(match[2]) - 1, Number(match[3]))
  // A day that does not exist would roll over, and years below 100 would become 19xx.
  return new Date(ms).toISOString().startsWith(day) ? ms / dayMs : null
}

const known = (day: string): number => {
  const number = numberOf(day)
  if (number === null) throw new RangeError('no day of the calendar')
  return number
}

/** True for a day that exists, `YYYY-MM-DD`. */
export const isDay = (text: string): boolean => numberOf(text) !== null

/** The day in UTC, `YYYY-MM-DD`. */
export const dayOf = (ms: number): string => new Date(ms).toISOString().slice(0, 10)

/** Whole days from one day to another; negative where the other lies before. @throws RangeError where one is no day */
export const daysBetween = (from: string, to: string): number => known(to) - known(from)

/** The day so many days later; before, where `days` is negative. @throws RangeError where it is no day */
export const addDays = (day: string, days: number): string => dayOf((known(day) + days) * dayMs)

/** The first of the day's month. @throws RangeError where it is no day */
export const firstOfMonth = (day: string): string => `${dayOf(known(day) * dayMs).slice(0, 7)}-01`

/** The first of the month that is so many months later. @throws RangeError where it is no day */
export const addMonths = (day: string, months: number): string => {
  const first = new Date(known(firstOfMonth(day)) * dayMs)
  return dayOf(Date.UTC(first.getUTCFullYear(), first.getUTCMonth() + months, 1))
}
