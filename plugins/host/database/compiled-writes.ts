import type { Pool, PoolClient, QueryResult } from 'pg'
import type { Code } from '../../../domain/shared/codes.ts'
import { Refusal } from '../../../domain/shared/refusal.ts'
import type { AuditHead } from '../audit/index.ts'
import { createBatcher } from './batcher.ts'
import { binaryColumns, type BatchColumn } from './binary-array.ts'
import { refusalOfDatabase } from './failure.ts'

/** Most times that a write waits again because of its neighbours. */
const mostPutBack = 5

/** What became of one item. Refusals that were decided in SQL have their audit row already. */
export interface WriteResult {
  readonly outcome: 'success' | 'replayed' | Code
  readonly reason: string | null
  /** The sealed answer of the first time, where this one is a replay. */
  readonly stored: Buffer | null
}

export interface PendingWrite {
  /** The compiled function. */
  readonly function: string
  /** Agency, user and key: batches are worked in this order, so that two of them cannot lock the same keys crosswise. */
  readonly order: string
  readonly columns: readonly BatchColumn[]
  /** The item's values by column. */
  readonly item: Readonly<Record<string, unknown>>
  /** Constraints whose violation is the caller's conflict and not a defect. */
  readonly conflicts: readonly string[]
  /** Asked again right before commit. */
  readonly stillOn: () => boolean
  /** How often its batch was given up for another's fault or switch before anything of it had happened. */
  putBack?: number
  resolve(result: WriteResult): void
  reject(error: unknown): void
}

export interface CompiledWrites {
  run(write: Omit<PendingWrite, 'resolve' | 'reject'>): Promise<WriteResult>
  readonly waiting: () => number
  drain(): Promise<void>
}

export interface CompiledWritesOptions {
  readonly pool: Pool
  /** How many transactions may be under way at once. */
  readonly slots: number
  /** The lane of the audit chain on which a slot writes now. */
  readonly laneOf: (slot: number) => number
  readonly committed: (heads: readonly AuditHead[]) => void
  readonly batchSize?: number
  readonly capacity?: number
}

/** The row of an item has its number; a row without one is a new head of the audit chain. */
interface ResultRow {
  n: number | null
  outcome: WriteResult['outcome']
  reason: string | null
  stored: Buffer | null
  agency_id: string
  seq: string
  hash: Buffer
}

const textOf = (name: string, columns: readonly BatchColumn[]): string =>
  `select * from ${name}($1, ${columns.map(({ type }, at) => `$${at + 2}::${type}[]`).join(', ')})`

const call = (client: PoolClient, lane: number, writes: readonly PendingWrite[]): Promise<QueryResult<ResultRow>> => {
  const { function: name, columns } = writes[0]!
  const arrays = binaryColumns(columns, writes.map(({ item }) => item))
  return client.query<ResultRow>({ name, text: textOf(name, columns), values: [lane, ...arrays] })
}

interface ItemFault {
  readonly code?: unknown
  readonly message?: unknown
  readonly detail?: unknown
  readonly hint?: unknown
}

/** The write that the database names as the one at fault, and what that means to its caller; null where the whole batch failed. */
const faultIn = (writes: readonly PendingWrite[], error: unknown): { write: PendingWrite; cause: unknown } | null => {
  const { code, message, detail, hint } = (error ?? {}) as ItemFault
  const write = code === 'PTITM' ? writes[Number(message)] : undefined
  if (!write) return null
  const known = write.conflicts.includes(String(hint)) ? new Refusal('CONFLICT', 'duplicate') : refusalOfDatabase({ code: detail })
  return { write, cause: known ?? Object.assign(new Error('a compiled write failed'), { code: detail }) }
}

const settle = (writes: readonly PendingWrite[], rows: readonly ResultRow[]): void => {
  for (const row of rows) if (row.n !== null) writes[row.n]!.resolve({ outcome: row.outcome, reason: row.reason, stored: row.stored })
}

const headsOf = (lane: number, rows: readonly ResultRow[]): AuditHead[] =>
  rows.filter((row) => row.n === null).map((row) => ({ agencyId: row.agency_id, lane, seq: row.seq, hash: row.hash }))

/**
 * Runs compiled writes in groups: one durable transaction for what waits, each item under its own session inside it. A write that the
 * database has refused is never tried again.
 * @see 02B, "No retries. No background queuing."
 */
export const createCompiledWrites = (options: CompiledWritesOptions): CompiledWrites => {
  const { pool } = options

  const inTransaction = async (client: PoolClient, lane: number, writes: readonly PendingWrite[]): Promise<readonly PendingWrite[]> => {
    await client.query('begin')
    const { rows } = await call(client, lane, writes)
    const flipped = rows.some((row) => row.outcome === 'success' && !writes[row.n!]!.stillOn())
    if (flipped) {
      await client.query('rollback')
      return writes
    }
    await client.query('commit')
    options.committed(headsOf(lane, rows))
    settle(writes, rows)
    return []
  }

  // Nothing of a batch that was given up has happened: those that are not to blame have their first try still before them.
  const putBack = (writes: readonly PendingWrite[]): void => {
    for (const write of writes) {
      write.putBack = (write.putBack ?? 0) + 1
      if (!write.stillOn()) write.reject(new Refusal('UPSTREAM_UNAVAILABLE', 'disabled'))
      else if (write.putBack > mostPutBack || !batcher.add(write)) write.reject(new Refusal('UPSTREAM_UNAVAILABLE'))
    }
  }

  const run = async (slot: number, writes: readonly PendingWrite[]): Promise<void> => {
    const ordered = writes.toSorted((a, b) => (a.order < b.order ? -1 : a.order > b.order ? 1 : 0))
    const client = await pool.connect()
    let broken = false
    try {
      putBack(await inTransaction(client, options.laneOf(slot), ordered))
    } catch (error) {
      const fault = faultIn(ordered, error)
      broken = fault === null
      if (!fault) throw error
      await client.query('rollback').catch(() => (broken = true))
      fault.write.reject(fault.cause)
      putBack(ordered.filter((write) => write !== fault.write))
    } finally {
      // A connection in an unknown state is not given back.
      client.release(broken)
    }
  }

  const batcher = createBatcher<PendingWrite>({
    slots: options.slots,
    batchSize: options.batchSize ?? 48,
    capacity: options.capacity ?? 2_000,
    groupOf: (write) => write.function,
    run,
    reject: (write, cause) => write.reject(refusalOfDatabase(cause) ?? cause),
  })

  return {
    run: (write) =>
      new Promise((resolve, reject) => {
        const pending = { ...write, resolve, reject }
        if (!batcher.add(pending)) reject(new Refusal('UPSTREAM_UNAVAILABLE'))
      }),
    waiting: () => batcher.waiting,
    drain: () => batcher.drain(),
  }
}
