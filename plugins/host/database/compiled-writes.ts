import type { Pool, PoolClient, QueryResult } from 'pg'
import type { Code } from '../../../domain/shared/codes.ts'
import { Refusal } from '../../../domain/shared/refusal.ts'
import type { AuditHead } from '../audit/index.ts'
import { createBatcher } from './batcher.ts'
import { binaryColumns, type BatchColumn, type BatchItem } from './binary-array.ts'
import { switchMoved } from '../sql/compiled.ts'
import { blamesOne, refusalOfDatabase } from './failure.ts'

/** The batch has waited for the lock already: whoever still meets it is the duplicate. Elsewhere a call is its own transaction. */
const beginImpatiently = "begin; set local lock_timeout = '50ms'"

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
  /** Writes that may share a batch. */
  readonly batch: string
  /** Items of one session stand together and are worked at once; it begins with the agency's id. */
  readonly session: string
  /** Session, user and key: batches are worked in this order, so that two of them cannot lock the same keys crosswise. */
  readonly order: string
  readonly columns: readonly BatchColumn[]
  /** The item's values by column. */
  readonly item: BatchItem
  /** Constraints whose violation is the caller's conflict and not a defect. */
  readonly conflicts: readonly string[]
  /** Asked again when it is sent, and once more where a switch has moved before it commits. */
  readonly stillOn: () => boolean
  /** How often its batch was given up for another's fault or switch before anything of it had happened. */
  putBack?: number
  resolve(result: WriteResult): void
  reject(error: unknown): void
}

export interface CompiledWrites {
  run(write: Omit<PendingWrite, 'resolve' | 'reject'>): Promise<WriteResult>
  /** A switch has moved here: nothing commits any more that was sent before. Resolves when the database knows. */
  switchMoved(): Promise<void>
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

/**
 * The row of an item that met something else than success has its number; a row without one is a new head of the audit chain. An item
 * that has no row went through: the function works all of them, or fails for all.
 */
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
  `select * from ${name}($1, $2, $3::int[], ${columns.map(({ type }, at) => `$${at + 4}::${type}[]`).join(', ')})`

/** Where the items of each session end, counted from one. */
const endsOf = (writes: readonly PendingWrite[]): number[] =>
  writes.flatMap(({ session }, at) => (session === writes[at + 1]?.session ? [] : [at + 1]))

const call = (client: PoolClient, lane: number, moves: string, writes: readonly PendingWrite[]): Promise<QueryResult<ResultRow>> => {
  const { function: name, columns } = writes[0]!
  const arrays = binaryColumns(
    columns,
    writes.map(({ item }) => item),
  )
  return client.query<ResultRow>({ name, text: textOf(name, columns), values: [lane, moves, endsOf(writes), ...arrays] })
}

/** Writes whose switches were on when the database had counted `known` moves. */
interface Sending {
  readonly writes: readonly PendingWrite[]
  readonly known: string
  readonly alone: boolean
}

const switchedOff = (): Refusal => new Refusal('UPSTREAM_UNAVAILABLE', 'disabled')

/** What the failure of a write that was alone means to its caller. */
const causeOf = (write: PendingWrite, error: unknown): unknown => {
  const constraint = (error as { constraint?: unknown } | null)?.constraint
  if (write.conflicts.includes(String(constraint))) return new Refusal('CONFLICT', 'duplicate')
  return refusalOfDatabase(error) ?? error
}

/** How many moves of switches the database has counted, where that is why it has refused. */
const movesOf = (error: unknown): string | null => {
  const { code, detail } = (error ?? {}) as { code?: unknown; detail?: unknown }
  return code === switchMoved ? String(detail) : null
}

const success: WriteResult = { outcome: 'success', reason: null, stored: null }

const resultsOf = (writes: readonly PendingWrite[], rows: readonly ResultRow[]): WriteResult[] => {
  const results = writes.map(() => success)
  for (const { n, outcome, reason, stored } of rows) if (n !== null) results[n] = { outcome, reason, stored }
  return results
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

  // What the database has counted; nothing is known before it has said so once.
  let moves = '-1'

  const work = async (client: PoolClient, lane: number, { writes, known, alone }: Sending): Promise<void> => {
    if (alone) await client.query(beginImpatiently)
    const { rows } = await call(client, lane, known, writes)
    if (alone) {
      // Between the function's end and this commit is a turn of this process, in which a switch may have gone off.
      if (!writes.every((write) => write.stillOn())) throw switchedOff()
      await client.query('commit')
    }
    const results = resultsOf(writes, rows)
    options.committed(headsOf(lane, rows))
    for (const [at, write] of writes.entries()) write.resolve(results[at]!)
  }

  // Nothing of a batch that was given up has happened: those whose switch is on have their first try still before them.
  const putBack = (writes: readonly PendingWrite[]): void => {
    for (const write of writes) {
      write.putBack = (write.putBack ?? 0) + 1
      if (write.putBack > mostPutBack || !batcher.add(write)) write.reject(new Refusal('UPSTREAM_UNAVAILABLE'))
    }
  }

  const attempt = async (slot: number, sending: Sending): Promise<void> => {
    const { writes, alone } = sending
    const client = await pool.connect()
    let broken = true
    try {
      await work(client, options.laneOf(slot), sending)
      broken = false
    } catch (error) {
      broken =
        !blamesOne(error) ||
        // What was its own transaction is over already.
        (alone &&
          (await client.query('rollback').then(
            () => false,
            () => true,
          )))
      const now = movesOf(error)
      if (now === null) throw error
      moves = now
      putBack(writes)
    } finally {
      // A connection in an unknown state is not given back.
      client.release(broken)
    }
  }

  // A batch that failed for one of its items has not happened for any: each goes alone, and only the one at fault fails again.
  const oneByOne = async (slot: number, writes: readonly PendingWrite[]): Promise<void> => {
    for (const write of writes) {
      const known = moves
      if (write.stillOn())
        await attempt(slot, { writes: [write], known, alone: true }).catch((error: unknown) => write.reject(causeOf(write, error)))
      else write.reject(switchedOff())
    }
  }

  const run = async (slot: number, waiting: readonly PendingWrite[]): Promise<void> => {
    // Read in the turn in which the switches are: what is learned of later moves says nothing of what was read before them.
    const known = moves
    const { on: writes = [], off = [] } = Object.groupBy(waiting, (write) => (write.stillOn() ? 'on' : 'off'))
    for (const write of off) write.reject(switchedOff())
    if (writes.length === 0) return
    const ordered = writes.toSorted((a, b) => (a.order < b.order ? -1 : a.order > b.order ? 1 : 0))
    try {
      await attempt(slot, { writes: ordered, known, alone: false })
    } catch (error) {
      if (ordered.length === 1 || !blamesOne(error)) throw error
      await oneByOne(slot, ordered)
    }
  }

  const batcher = createBatcher<PendingWrite>({
    slots: options.slots,
    batchSize: options.batchSize ?? 48,
    capacity: options.capacity ?? 2_000,
    groupOf: (write) => write.batch,
    run,
    reject: (write, cause) => write.reject(causeOf(write, cause)),
  })

  return {
    run: (write) =>
      new Promise((resolve, reject) => {
        const pending = { ...write, resolve, reject }
        if (!batcher.add(pending)) reject(new Refusal('UPSTREAM_UNAVAILABLE'))
      }),
    async switchMoved() {
      const { rows } = await pool.query<{ moves: string }>('select host_move_switch() as moves')
      moves = rows[0]!.moves
    },
    waiting: () => batcher.waiting,
    drain: () => batcher.drain(),
  }
}
