import { availableParallelism } from 'node:os'
import type { EntitySchema } from '@mikro-orm/core'
import type pg from 'pg'
import type { AuditHead } from './audit/index.ts'
import { leaseLanes } from './audit/index.ts'
import { createCompiledReads, type CompiledReads } from './database/compiled-reads.ts'
import { createCompiledWrites, type CompiledWrites } from './database/compiled-writes.ts'
import { createHotPool } from './database/hot-pool.ts'
import { createLanePool } from './database/lane-pool.ts'
import { createOrm } from './database/orm.ts'
import { createTransactions, type Transactions } from './database/transactions.ts'
import type { Transaction } from './service.ts'

export interface DatabaseOptions {
  readonly appUrl: string
  /** Null: reads across agencies answer 503. */
  readonly bypassUrl: string | null
  readonly entities: readonly EntitySchema[]
  readonly committed: (heads: readonly AuditHead[]) => void
  /** Told after each commit of a domain transaction. */
  readonly afterCommit?: (tx: Transaction) => void
  readonly report: (event: string, error: unknown) => void
}

export interface Database {
  /** Compiled statements and the audit's own writes. */
  readonly pool: pg.Pool
  /** The founder's reads across agencies. */
  readonly bypass: pg.Pool | null
  readonly reads: CompiledReads
  readonly writes: CompiledWrites
  readonly transactions: Transactions
  /** The lanes of the audit chain that belong to the audit trail. */
  readonly auditLanes: () => readonly number[]
  close(): Promise<void>
}

/** Two at least, so that one works while the other commits; the more share a batch, the less each costs. */
const pairs = Math.min(4, Math.max(2, Math.floor(availableParallelism() / 2)))

/** Slots that work at once: compiled writes, the audit trail's groups, and domain transactions. */
const slots = { writes: pairs, reads: pairs, audit: 2, transactions: 6 } as const

const statementTimeoutMs = 5_000
/** How long a duplicate waits for its twin. */
const lockTimeoutMs = 2_000

/** Opens everything that speaks to PostgreSQL: the runtime pools, the entity manager, and the lanes of the audit chain. */
export const openDatabase = async (options: DatabaseOptions): Promise<Database> => {
  const { appUrl, bypassUrl, committed, report } = options
  const bounds = { statementTimeoutMs, lockTimeoutMs }
  const onError = (error: Error): void => report('database.connection', error)
  const pool = createHotPool({ url: appUrl, size: 10, ...bounds, onError })
  const bypass = bypassUrl ? createHotPool({ url: bypassUrl, size: 2, ...bounds, onError }) : null
  const [orm, lease] = await Promise.all([
    createOrm({ url: appUrl, entities: options.entities, poolSize: slots.transactions, ...bounds }),
    leaseLanes({
      connectionString: appUrl,
      count: slots.writes + slots.audit + slots.transactions,
      onProblem: (error) => report('audit.lanes', error),
    }),
  ])
  const lanesFrom = (start: number, count: number): readonly number[] => lease.lanes().slice(start, start + count)
  const writes = createCompiledWrites({ pool, slots: slots.writes, laneOf: (slot) => lease.lanes()[slot]!, committed })
  return {
    pool,
    bypass,
    writes,
    reads: createCompiledReads({ pool, bypass, slots: slots.reads }),
    transactions: createTransactions({
      orm,
      lanes: createLanePool(slots.transactions),
      laneOf: (slot) => lease.lanes()[slots.writes + slots.audit + slot]!,
      committed,
      ...(options.afterCommit ? { afterCommit: options.afterCommit } : {}),
    }),
    auditLanes: () => lanesFrom(slots.writes, slots.audit),
    async close() {
      await writes.drain()
      await Promise.allSettled([orm.close(true), lease.close(), pool.end(), bypass?.end()])
    },
  }
}
