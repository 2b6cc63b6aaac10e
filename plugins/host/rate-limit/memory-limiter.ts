import type { Clock } from '../../../domain/shared/clock.ts'
import type { LimiterPort, Verdict, Window } from '../ports.ts'
import { type Count, decide, verdictOf } from './verdict.ts'

interface Counter {
  count: number
  startedMs: number
}

interface Table {
  readonly windowMs: number
  /** In the order in which windows started, so that the first is also the first to end. */
  readonly counters: Map<string, Counter>
}

export interface MemoryLimiter extends LimiterPort {
  take(key: string, windows: readonly Window[]): Verdict
  /** Counters that are held at the moment. */
  size(): number
}

/** More than one, so that a flood of new keys also clears what has ended. */
const sweptPerInsert = 2

/**
 * Fixed windows in the process. A window starts with the first attempt of a key and counts refused attempts too.
 * @param options.maxKeys most counters held for each window; when a flood of new keys fills it, the counter that would
 *   end first makes room, so memory is bounded and the price is a window that may start anew early
 */
export const createMemoryLimiter = ({ clock, maxKeys = 100_000 }: { readonly clock: Clock; readonly maxKeys?: number }): MemoryLimiter => {
  const tables = new Map<string, Table>()

  const tableOf = (window: Window): Table => {
    let table = tables.get(window.name)
    if (!table) {
      table = { windowMs: window.windowMs, counters: new Map() }
      tables.set(window.name, table)
    }
    if (table.windowMs !== window.windowMs) throw new Error(`Two limits share the name ${window.name}.`)
    return table
  }

  const makeRoom = ({ windowMs, counters }: Table, nowMs: number): void => {
    let looked = 0
    for (const [key, counter] of counters) {
      if (looked++ === sweptPerInsert || nowMs - counter.startedMs < windowMs) break
      counters.delete(key)
    }
    if (counters.size >= maxKeys) counters.delete(counters.keys().next().value!)
  }

  const counterOf = (table: Table, key: string, nowMs: number): Counter => {
    const held = table.counters.get(key)
    // A clock that was set back must not lock anybody out: the window starts anew.
    if (held && nowMs - held.startedMs < table.windowMs && nowMs >= held.startedMs) return held
    if (held) table.counters.delete(key)
    else makeRoom(table, nowMs)
    const fresh = { count: 0, startedMs: nowMs }
    table.counters.set(key, fresh)
    return fresh
  }

  const countOne = (key: string, window: Window, nowMs: number): Count => {
    const counter = counterOf(tableOf(window), key, nowMs)
    counter.count += 1
    return { window, count: counter.count, leftMs: counter.startedMs + window.windowMs - nowMs }
  }

  return {
    take: (key, windows) => {
      const nowMs = clock.now()
      if (windows.length === 1) return verdictOf(countOne(key, windows[0]!, nowMs))
      return decide(windows.map((window) => countOne(key, window, nowMs)))
    },
    giveBack: (key, windows) => {
      const nowMs = clock.now()
      for (const window of windows) {
        const held = tables.get(window.name)?.counters.get(key)
        if (held && held.count > 0 && nowMs - held.startedMs < window.windowMs) held.count -= 1
      }
    },
    size: () => [...tables.values()].reduce((sum, { counters }) => sum + counters.size, 0),
    close: async () => tables.clear(),
  }
}
