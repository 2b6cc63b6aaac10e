import type { CompiledWrites } from './database/compiled-writes.ts'
import type { Flags } from './flags/flags.ts'

/** Longer than a write that was sent can be under way, and how long a move that could not be counted waits for the next try. */
const triedForMs = 10_000
const retryMs = 250

/**
 * The database counts each move of a switch that is observed here; several of one look are one move. Until it knows, what was sent before
 * could still commit, so it is told again for as long as such a write can be under way.
 * @returns what ends the watch
 */
export const countMoves = (
  flags: Pick<Flags, 'onFlip'>,
  writes: Pick<CompiledWrites, 'switchMoved'>,
  report: (event: string, error: unknown) => void,
): (() => void) => {
  let told = true
  let retry: NodeJS.Timeout | undefined
  const tell = (until: number): void => {
    writes.switchMoved().catch((error: unknown) => {
      report('database.switch', error)
      if (performance.now() < until) retry = setTimeout(tell, retryMs, until).unref()
    })
  }
  const stop = flags.onFlip(() => {
    if (!told) return
    told = false
    queueMicrotask(() => {
      told = true
      clearTimeout(retry)
      tell(performance.now() + triedForMs)
    })
  })
  return () => {
    stop()
    clearTimeout(retry)
  }
}
