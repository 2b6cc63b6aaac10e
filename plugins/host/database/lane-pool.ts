import { Refusal } from '../../../domain/shared/refusal.ts'

/** Places on the audit chain, lent to one transaction at a time so that commits do not queue behind one another's head. */
export interface LanePool {
  /** Waits at most two seconds. */
  take(): Promise<number>
  giveBack(slot: number): void
}

const patienceMs = 2_000

export const createLanePool = (slots: number): LanePool => {
  const free = Array.from({ length: slots }, (_, slot) => slot)
  const waiting: { resolve: (slot: number) => void; timer: NodeJS.Timeout }[] = []
  return {
    take() {
      const slot = free.pop()
      if (slot !== undefined) return Promise.resolve(slot)
      return new Promise((resolve, reject) => {
        const timer = setTimeout(() => {
          waiting.splice(waiting.indexOf(entry), 1)
          reject(new Refusal('UPSTREAM_UNAVAILABLE'))
        }, patienceMs)
        const entry = { resolve, timer }
        waiting.push(entry)
      })
    },
    giveBack(slot) {
      const next = waiting.shift()
      if (!next) return void free.push(slot)
      clearTimeout(next.timer)
      next.resolve(slot)
    },
  }
}
