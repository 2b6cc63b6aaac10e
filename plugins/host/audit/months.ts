import pg from 'pg'
import type { Clock } from '../../../domain/shared/clock.ts'

/** The audit trail is kept this long. @see design, Retention */
export const retentionYears = 7

/** The bounds of a month, and from when on it may be retired. Throws where it is no month. */
export const monthBounds = (month: string): { from: Date; to: Date; retirableFrom: Date } => {
  const match = /^(\d{4})-(0[1-9]|1[0-2])$/.exec(month)
  if (!match) throw new Error('A month is written as YYYY-MM.')
  const [year, index] = [Number(match[1]), Number(match[2]) - 1]
  return {
    from: new Date(Date.UTC(year, index)),
    to: new Date(Date.UTC(year, index + 1)),
    retirableFrom: new Date(Date.UTC(year + retentionYears, index + 1)),
  }
}

/** The tables of a month. */
export const partitionsOf = (month: string): string[] =>
  ['audit_event', 'audit_ai_action'].map((table) => `${table}_${month.replace('-', '_')}`)

/** The months that have a partition and are old enough, the oldest first. */
export const retirableMonths = async (ownerUrl: string, clock: Clock): Promise<string[]> =>
  asOwner(ownerUrl, async (client) => {
    const { rows } = await client.query<{ month: string }>(
      `select to_char(to_date(substring(c.relname from '\\d{4}_\\d{2}$'), 'YYYY_MM'), 'YYYY-MM') as month
       from pg_inherits i join pg_class c on c.oid = i.inhrelid where i.inhparent = 'audit_event'::regclass and c.relname ~ '\\d{4}_\\d{2}$' order by 1`,
    )
    return rows.map(({ month }) => month).filter((month) => monthBounds(month).retirableFrom.getTime() <= clock.now())
  })

/** Lends a connection as the owner. */
export const asOwner = async <T>(ownerUrl: string, work: (client: pg.Client) => Promise<T>): Promise<T> => {
  const client = new pg.Client({
    connectionString: ownerUrl,
    application_name: 'postern audit',
    connectionTimeoutMillis: 10_000,
    lock_timeout: 10_000,
  })
  client.on('error', () => {})
  await client.connect()
  try {
    return await work(client)
  } finally {
    await client.end().catch(() => {})
  }
}

/** Makes partitions for this month and the next 36 where they are missing. @returns how many were made */
export const extendMonths = (ownerUrl: string, clock: Clock): Promise<number> =>
  asOwner(ownerUrl, async (client) => {
    const { rows } = await client.query<{ made: string }>(
      `select count(*) filter (where audit_add_partition((date_trunc('month', $1::timestamptz at time zone 'UTC') + n * interval '1 month')::date)) as made
       from generate_series(0, 36) n`,
      [new Date(clock.now())],
    )
    return Number(rows[0]!.made)
  })
