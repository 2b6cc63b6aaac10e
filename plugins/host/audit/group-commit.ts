import type { Pool } from 'pg'
import { Refusal } from '../../../domain/shared/refusal.ts'
import { createBatcher } from '../database/batcher.ts'
import { appendBatch, sizeOf, type JudgedEvent } from './append-batch.ts'
import type { AuditHead } from './chain-head.ts'

export interface GroupCommitOptions {
  readonly pool: Pool
  readonly lanes: () => readonly number[]
  /** Events that may wait. */
  readonly queueLimit: number
  readonly committed: (heads: readonly AuditHead[]) => void
  readonly onProblem: (error: unknown) => void
}

export interface GroupCommit {
  /** Resolves when the event is durable; else rejects with `Refusal('UPSTREAM_UNAVAILABLE')`. */
  append(event: JudgedEvent): Promise<void>
  readonly waiting: number
  drain(): Promise<void>
}

interface Pending {
  readonly event: JudgedEvent
  readonly agencyId: string
  readonly size: number
  readonly resolve: () => void
  readonly reject: (cause: unknown) => void
}

const batchSize = 64
const batchBytes = 4 * 1024 * 1024
const queueBytes = 64 * 1024 * 1024
const timeoutMs = 2_000

/** Errors that say that nothing of the statement happened and that the data is to blame: the rest of the batch may go without it. */
const blamesData = (error: unknown): boolean => /^(22|23|42|54|PT)/.test((error as { code?: string } | null)?.code ?? '')

const unavailable = (cause: unknown): Refusal => new Refusal('UPSTREAM_UNAVAILABLE', 'default', { cause })

const byAgency = (left: Pending, right: Pending): number => (left.agencyId < right.agencyId ? -1 : left.agencyId > right.agencyId ? 1 : 0)

const chunks = (batch: readonly Pending[]): Pending[][] => {
  const cut: Pending[][] = []
  let bytes = Infinity
  for (const pending of [...batch].sort(byAgency)) {
    bytes += pending.size
    if (bytes > batchBytes) {
      cut.push([])
      bytes = pending.size
    }
    cut.at(-1)!.push(pending)
  }
  return cut
}

/**
 * Commits events in groups without a timer: a lane that is idle takes what waits, up to 64, in one durable statement. A batch takes
 * two seconds at most; then its connection is thrown away with it.
 */
export const createGroupCommit = (options: GroupCommitOptions): GroupCommit => {
  const { pool } = options
  let bytes = 0

  const write = async (lane: number, events: readonly Pending[]): Promise<void> => {
    const client = await pool.connect()
    let broken = true
    try {
      const judged = events.map(({ event }) => event)
      const heads = await appendBatch(client, lane, judged, timeoutMs).catch((error: unknown) => {
        broken = !blamesData(error)
        throw error
      })
      broken = false
      options.committed(heads)
    } finally {
      client.release(broken)
    }
  }

  const commit = async (lane: number, events: readonly Pending[]): Promise<void> => {
    try {
      await write(lane, events)
      for (const { resolve } of events) resolve()
    } catch (error) {
      options.onProblem(error)
      if (events.length > 1 && blamesData(error)) {
        for (const event of events) await commit(lane, [event])
      } else {
        for (const { reject } of events) reject(error)
      }
    }
  }

  const batcher = createBatcher<Pending>({
    slots: options.lanes().length,
    batchSize,
    capacity: options.queueLimit,
    groupOf: () => '',
    run: async (slot, batch) => {
      for (const chunk of chunks(batch)) await commit(options.lanes()[slot] ?? slot, chunk)
    },
    reject: (pending, cause) => pending.reject(cause),
  })

  return {
    append: (event) =>
      new Promise((resolve, reject) => {
        const size = sizeOf(event)
        const settle = (): void => {
          bytes -= size
        }
        const pending: Pending = {
          event,
          agencyId: String(event.agency_id),
          size,
          resolve: () => (settle(), resolve()),
          reject: (cause) => (settle(), reject(unavailable(cause))),
        }
        bytes += size
        if (bytes > queueBytes || !batcher.add(pending)) pending.reject(new Error('the audit queue is full'))
      }),
    get waiting() {
      return batcher.waiting
    },
    drain: () => batcher.drain(),
  }
}
