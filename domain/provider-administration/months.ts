/** A calendar month in UTC on the wire, as `YYYY-MM`. */
export const monthPattern = '^[0-9]{4}-(0[1-9]|1[0-2])$'

/** The first day of a month. */
export const firstDayOf = (month: string): string => `${month}-01`
