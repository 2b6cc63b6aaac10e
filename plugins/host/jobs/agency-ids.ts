import type pg from 'pg'
import { readAs } from '../database/read-as.ts'
import { roleNames } from '../database/roles.ts'
import type { Waiting } from './outbox.ts'

const page = 500

/** Reads ids of all agencies under the queue's role, which sees nothing else of them. */
const asQueue = <R extends pg.QueryResultRow>(pool: pg.Pool, text: string, values: readonly unknown[]): Promise<R[]> =>
  readAs<R>(pool, { role: roleNames.queue }, text, values)

/** Every agency there is, a page at a time. */
export async function* agencyIds(pool: pg.Pool): AsyncGenerator<string> {
  let after = '00000000-0000-0000-0000-000000000000'
  for (;;) {
    const rows = await asQueue<{ id: string }>(pool, 'select id from host_agency where id > $1 order by id limit $2', [after, page])
    for (const { id } of rows) yield id
    if (rows.length < page) return
    after = rows.at(-1)!.id
  }
}

/** Rows of the outbox whose turn it is, the longest waiting first. */
export const whoseTurn = async (pool: pg.Pool, now: Date, limit: number): Promise<Waiting[]> => {
  const text = `select agency_id as "agencyId", id, attempts::int as attempts from host_outbox
    where state = 'queued' and next_attempt_at <= $1 order by next_attempt_at limit $2`
  return asQueue<{ agencyId: string; id: string; attempts: number }>(pool, text, [now, limit])
}

/** How many rows wait, whatever their turn. */
export const countWaiting = async (pool: pg.Pool): Promise<number> => {
  const [row] = await asQueue<{ count: number }>(pool, "select count(*)::int as count from host_outbox where state = 'queued'", [])
  return row!.count
}
