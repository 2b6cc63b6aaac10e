/** A time as the wire shows it: RFC 3339 in UTC, to the millisecond. A domain statement gives times as PostgreSQL writes them otherwise. */
export const instantOf = (column: string): string => `to_char(${column} at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"')`
