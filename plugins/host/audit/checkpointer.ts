import type { Clock } from '../../../domain/shared/clock.ts'
import type { Signer } from '../crypto/index.ts'
import { chainHead, chainName, type AuditHead, type ChainHead } from './chain-head.ts'
import { writeCheckpoint } from './checkpoint.ts'
import type { CheckpointStore } from './checkpoint-store.ts'

export interface CheckpointerOptions {
  readonly signer: Signer
  readonly store: CheckpointStore
  readonly instance: string
  readonly clock: Clock
  /** 200 ms unless told. */
  readonly intervalMs?: number
  readonly onProblem: (error: unknown) => void
}

export interface Checkpointer {
  /** Notes heads that have been committed. */
  committed(heads: readonly AuditHead[]): void
  /** Signs what is unsigned, now; waits for a signing that is under way. Never rejects. */
  checkpoint(): Promise<void>
  stats(): { readonly checkpoints: number; readonly checkpointFailures: number; readonly unsigned: number }
  close(): Promise<void>
}

const headsPerLine = 1_000
const longestWaitMs = 5_000

/**
 * Signs the heads that have moved and hands the line to a store that the database's owner cannot write. A store that fails is asked
 * again, ever more slowly, and costs no write anything: what waits is one head per chain, however long it takes.
 */
export const createCheckpointer = (options: CheckpointerOptions): Checkpointer => {
  const { signer, store, instance, clock, intervalMs = 200 } = options
  const unsigned = new Map<string, ChainHead>()
  let timer: NodeJS.Timeout | undefined
  let running: Promise<void> | undefined
  let waitMs = intervalMs
  let checkpoints = 0
  let checkpointFailures = 0
  let closed = false

  const signSome = async (): Promise<void> => {
    const heads = [...unsigned.values()].slice(0, headsPerLine)
    await store.append(writeCheckpoint(signer, { instance, at: new Date(clock.now()).toISOString(), heads }))
    checkpoints += 1
    // A head that moved meanwhile stays; the one that was signed is gone.
    for (const head of heads) if (unsigned.get(chainName(head)) === head) unsigned.delete(chainName(head))
  }

  const signAll = async (): Promise<void> => {
    try {
      for (let lines = Math.ceil(unsigned.size / headsPerLine); lines > 0; lines -= 1) await signSome()
      waitMs = intervalMs
    } catch (error) {
      checkpointFailures += 1
      waitMs = Math.min(waitMs * 2, longestWaitMs)
      options.onProblem(error)
    }
  }

  const schedule = (): void => {
    if (timer || closed || unsigned.size === 0) return
    timer = setTimeout(() => {
      timer = undefined
      void checkpoint().then(schedule)
    }, waitMs).unref()
  }

  const checkpoint = async (): Promise<void> => {
    if (running) await running
    if (unsigned.size === 0) return
    running = signAll()
    await running
    running = undefined
  }

  return {
    committed(heads) {
      for (const given of heads) {
        const head = chainHead(given)
        const known = unsigned.get(chainName(head))
        if (!known || known.seq < head.seq) unsigned.set(chainName(head), head)
      }
      schedule()
    },
    checkpoint,
    stats: () => ({ checkpoints, checkpointFailures, unsigned: unsigned.size }),
    async close() {
      closed = true
      clearTimeout(timer)
      await checkpoint()
      await store.close()
    },
  }
}
