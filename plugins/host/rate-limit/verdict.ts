import type { Verdict, Window } from '../ports.ts'

/** What one window counted: attempts so far, this one included, and milliseconds until it starts anew. */
export interface Count {
  readonly window: Window
  readonly count: number
  readonly leftMs: number
}

const remainingOf = ({ window, count }: Count): number => Math.max(0, window.max - count)

/** Refused before allowed; of refused ones the one that lasts longest; else the one with the fewest attempts left. */
export const isNearer = (one: Count, other: Count): boolean => {
  const [oneOver, otherOver] = [one.count > one.window.max, other.count > other.window.max]
  if (oneOver !== otherOver) return oneOver
  if (oneOver) return one.leftMs > other.leftMs
  const difference = remainingOf(one) - remainingOf(other)
  return difference === 0 ? one.leftMs > other.leftMs : difference < 0
}

/** The verdict of the window that is nearest to refusing. */
export const verdictOf = (count: Count): Verdict => ({
  allowed: count.count <= count.window.max,
  window: count.window,
  remaining: remainingOf(count),
  resetSeconds: Math.max(1, Math.ceil(count.leftMs / 1000)),
})
