import type { Clock } from '../../../domain/shared/clock.ts'
import type { LimiterPort, Verdict, Window } from '../ports.ts'
import { type Count, isNearer, verdictOf } from './verdict.ts'

interface Counter {
  count: number
  startedMs: number
}

/**
 * The counters of one window in two generations. A generation ends when it is full or a window old; the older one is then
 * dropped whole. What was used since is in the younger one, so time alone drops only what has ended.
 * (One map in order of age would be simpler, but taking its first entry gets slow after many deletions.)
 */
interface Table {
  readonly windowMs: number
  younger: Map<string, Counter>
  older: Map<string, Counter>
  bornMs: number
}

export interface MemoryLimiter extends LimiterPort {
  take(key: string, windows: readonly Window[]): Verdict
  /** Counters that are held at the moment. */
  size(): number
}

/**
 * Fixed windows in the process. A window starts with the first attempt of a key and counts refused attempts too.
 * @param options.maxKeys most counters held for each window; a flood of new keys beyond that makes the windows of keys that
 *   were not used lately start anew early: the price of bounded memory
 */
export const createMemoryLimiter = ({ clock, maxKeys = 100_000 }: { readonly clock: Clock; readonly maxKeys?: number }): MemoryLimiter => {
  const tables = new Map<string, Table>()
  const generation = Math.max(1, Math.floor(maxKeys / 2))

  const tableOf = (window: Window, nowMs: number): Table => {
    let table = tables.get(window.name)
    if (!table) {
      table = { windowMs: window.windowMs, younger: new Map(), older: new Map(), bornMs: nowMs }
      tables.set(window.name, table)
    }
    if (table.windowMs !== window.windowMs) throw new Error(`Two limits share the name ${window.name}.`)
    return table
  }

  const ageOf = (sinceMs: number, nowMs: number): number => (nowMs < sinceMs ? Number.POSITIVE_INFINITY : nowMs - sinceMs)

  const turnOver = (table: Table, nowMs: number): void => {
    const age = ageOf(table.bornMs, nowMs)
    if (table.younger.size < generation && age < table.windowMs) return
    // Nothing was looked at for two windows: both generations have ended.
    table.older = age >= 2 * table.windowMs ? new Map() : table.younger
    table.younger = new Map()
    table.bornMs = nowMs
  }

  const counterOf = (table: Table, key: string, nowMs: number): Counter => {
    turnOver(table, nowMs)
    const young = table.younger.get(key)
    const held = young ?? table.older.get(key)
    // A clock that was set back must not lock anybody out: the window starts anew.
    const alive = held !== undefined && ageOf(held.startedMs, nowMs) < table.windowMs
    const counter = alive ? held : { count: 0, startedMs: nowMs }
    if (counter !== young) table.younger.set(key, counter)
    return counter
  }

  const countOne = (key: string, window: Window, nowMs: number): Count => {
    const counter = counterOf(tableOf(window, nowMs), key, nowMs)
    counter.count += 1
    return { window, count: counter.count, leftMs: counter.startedMs + window.windowMs - nowMs }
  }

  return {
    take: (key, windows) => {
      const nowMs = clock.now()
      let nearest = countOne(key, windows[0]!, nowMs)
      for (let index = 1; index < windows.length; index++) {
        const next = countOne(key, windows[index]!, nowMs)
        if (isNearer(next, nearest)) nearest = next
      }
      return verdictOf(nearest)
    },
    giveBack: (key, windows) => {
      const nowMs = clock.now()
      for (const window of windows) {
        const table = tables.get(window.name)
        const held = table?.younger.get(key) ?? table?.older.get(key)
        if (held && held.count > 0 && ageOf(held.startedMs, nowMs) < window.windowMs) held.count -= 1
      }
    },
    size: () => [...tables.values()].reduce((sum, { younger, older }) => sum + younger.size + older.size, 0),
    close: async () => tables.clear(),
  }
}
