/** A calendar month in UTC on the wire, as `YYYY-MM`, from 1000 on: no calendar has a year 0. */
export const monthPattern = '^[1-9][0-9]{3}-(0[1-9]|1[0-2])$'

/** The first day of a month. */
export const firstDayOf = (month: string): string => `${month}-01`
