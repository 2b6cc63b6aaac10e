import type { Pool } from 'pg'
import type { Clock } from '../../../domain/shared/clock.ts'
import type { Code } from '../../../domain/shared/codes.ts'
import { createPayloadCipher, type KeySet, type Signer } from '../crypto/index.ts'
import type { AuditInputRow } from './audit-input.ts'
import type { AuditHead } from './chain-head.ts'
import { createCheckpointer } from './checkpointer.ts'
import type { CheckpointStore } from './checkpoint-store.ts'
import { auditColumns, type AuditFacts } from './facts.ts'
import { createFloodGate, type Summary } from './flood-gate.ts'
import { createGroupCommit } from './group-commit.ts'

export interface AuditTrailOptions {
  /** As the service's login, with a connection for every lane. */
  readonly pool: Pool
  /** The trail's own lanes; at least one. Nothing else appends to them. */
  readonly lanes: readonly number[] | (() => readonly number[])
  /** `AUDIT_KEYS`. */
  readonly keys: KeySet
  readonly clock: Clock
  /** `AUDIT_SIGNING_KEY`; without signer and store, heads go unsigned. */
  readonly signer?: Signer
  readonly checkpoints?: CheckpointStore
  /** This process in its checkpoints. */
  readonly instance?: string
  /** Events that may wait to be committed; 10 000 unless told. */
  readonly queueLimit?: number
  /** Told of what failed without anybody waiting for it, and of failed batches. Errors hold no payload; driver errors may hold values. */
  readonly onProblem?: (kind: 'checkpoint' | 'flood' | 'batch', error: unknown) => void
}

export interface AuditStats {
  readonly queued: number
  readonly recorded: number
  readonly failed: number
  /** Refusals that were counted instead of being given rows of their own. */
  readonly suppressed: number
  readonly checkpoints: number
  readonly checkpointFailures: number
  /** Chains whose head has moved since it was last signed. */
  readonly unsigned: number
}

/** The audit trail of one process. @see design, section 5: audit and logs */
export interface AuditTrail {
  /** The columns of an event by the names of `auditInput`, for statements that append it in their own transaction. */
  input(facts: AuditFacts): AuditInputRow
  /**
   * Appends an event on its own, committed in a group with concurrent ones; durable when it resolves.
   * @throws Refusal UPSTREAM_UNAVAILABLE where it could not be stored, or the queue is full
   */
  record(facts: AuditFacts, outcome: string, reason?: string | null): Promise<void>
  /**
   * As `record`, for a refused attempt. Of UNAUTHORIZED and RATE_LIMITED each source has ten rows a minute; what goes beyond is counted
   * and becomes one row when the minute ends.
   * @param source what a flood comes from, such as an address or a user
   */
  refuse(facts: AuditFacts, code: Code, reason: string | null, source: string): Promise<void>
  /** Notes heads of transactions that have committed, to be signed within 200 ms. */
  committed(heads: readonly AuditHead[]): void
  /** Ends the flood windows that are over by the clock; runs by itself every second. */
  sweep(): Promise<void>
  /** Signs heads that moved; runs by itself. Never rejects. */
  checkpoint(): Promise<void>
  stats(): AuditStats
  /** Stores what waits and what was counted, and signs the last heads: at most five seconds. */
  close(): Promise<void>
}

const flooding: ReadonlySet<Code> = new Set(['UNAUTHORIZED', 'RATE_LIMITED'])
const mostUnsaved = 1_000
const closeMs = 5_000

const within = (ms: number, work: Promise<unknown>): Promise<void> =>
  new Promise((resolve) => {
    const timer = setTimeout(resolve, ms)
    const done = (): void => {
      clearTimeout(timer)
      resolve()
    }
    work.then(done, done)
  })

/** Opens the audit trail. Everything that it starts ends with `close`. */
export const createAuditTrail = (options: AuditTrailOptions): AuditTrail => {
  const { pool, clock, signer, checkpoints, queueLimit = 10_000, onProblem = () => {} } = options
  const { lanes } = options
  const cipher = createPayloadCipher(options.keys)
  const gate = createFloodGate({ clock })
  const signing =
    signer && checkpoints
      ? createCheckpointer({
          signer,
          store: checkpoints,
          instance: options.instance ?? 'postern',
          clock,
          onProblem: (error) => onProblem('checkpoint', error),
        })
      : null
  const committed = (heads: readonly AuditHead[]): void => signing?.committed(heads)
  const commits = createGroupCommit({
    pool,
    lanes: typeof lanes === 'function' ? lanes : () => lanes,
    queueLimit,
    committed,
    onProblem: (error) => onProblem('batch', error),
  })
  let recorded = 0
  let failed = 0
  let unsaved: Summary[] = []

  const input = (facts: AuditFacts): AuditInputRow => auditColumns(cipher, facts)

  const record = async (facts: AuditFacts, outcome: string, reason: string | null = null): Promise<void> => {
    try {
      await commits.append({ outcome, reason, ...input(facts) })
      recorded += 1
    } catch (error) {
      failed += 1
      throw error
    }
  }

  const store = async (summaries: readonly Summary[]): Promise<void> => {
    const stored = summaries.map(async (summary) => {
      try {
        await record(summary.facts, summary.code, 'repeated')
      } catch (error) {
        if (unsaved.length < mostUnsaved) unsaved.push(summary)
        onProblem('flood', error)
      }
    })
    await Promise.all(stored)
  }

  const sweep = async (all = false): Promise<void> => {
    const again = unsaved
    unsaved = []
    await store([...again, ...gate.sweep(all)])
  }

  const timer = setInterval(() => void sweep(), 1_000).unref()

  return {
    input,
    record,
    async refuse(facts, code, reason, source) {
      if (!flooding.has(code)) return record(facts, code, reason)
      const { row, ended } = gate.admit(source, facts, code, commits.waiting * 2 > queueLimit)
      if (ended.length > 0) void store(ended)
      if (row) await record(facts, code, reason)
    },
    committed,
    sweep: () => sweep(),
    checkpoint: async () => signing?.checkpoint(),
    stats: () => ({
      queued: commits.waiting,
      recorded,
      failed,
      suppressed: gate.suppressed,
      ...(signing?.stats() ?? { checkpoints: 0, checkpointFailures: 0, unsigned: 0 }),
    }),
    async close() {
      clearInterval(timer)
      const finish = async (): Promise<void> => {
        await sweep(true)
        await commits.drain()
        await signing?.close()
      }
      await within(closeMs, finish())
    },
  }
}
