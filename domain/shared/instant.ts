const rfc3339 = /^(\d{4})-(\d\d)-(\d\d)T(\d\d):(\d\d):(\d\d)(?:\.\d{1,9})?(?:Z|[+-](\d\d):(\d\d))$/
const first = Date.parse('0000-01-01T00:00:00Z')
const last = Date.parse('9999-12-31T23:59:59.999Z')

/**
 * Reads an RFC 3339 date-time of any offset, to the millisecond; null where it is none or names a day or time that does not
 * exist (30 February, 24:00, a leap second: `Date.parse` would move or lose them).
 */
export const parseInstant = (text: string): Date | null => {
  const match = rfc3339.exec(text)
  if (!match) return null
  const [year, month, day, hour, minute, second, offsetHour = 0, offsetMinute = 0] = match.slice(1).map((part) => Number(part ?? 0))
  if (month! < 1 || month! > 12 || day! < 1 || day! > daysIn(year!, month!)) return null
  if (hour! > 23 || minute! > 59 || second! > 59 || offsetHour > 23 || offsetMinute > 59) return null
  const instant = new Date(text)
  // An offset can carry a time out of the four-digit years that RFC 3339 can write.
  return instant.getTime() >= first && instant.getTime() <= last ? instant : null
}

const daysIn = (year: number, month: number): number => {
  if (month === 2) return year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0) ? 29 : 28
  return [4, 6, 9, 11].includes(month) ? 30 : 31
}

/** RFC 3339 in UTC with milliseconds, as every time on the wire. */
export const showInstant = (instant: Date): string => instant.toISOString()

/** The same, where there may be none. */
export const showInstantOrNull = (instant: Date | null): string | null => (instant === null ? null : instant.toISOString())
