import type { Clock } from '../../domain/shared/clock.ts'

/** Keeps a server that does not answer from being asked by every request. */
export interface Circuit {
  /** May it be asked now? Of the requests after a pause one goes through, to see. */
  admits(): boolean
  worked(): void
  failed(): void
}

export interface CircuitLimits {
  /** Failures in a row that open it. */
  readonly failures: number
  /** How long it then stays open, in milliseconds. */
  readonly pauseMs: number
}

export const createCircuit = (clock: Clock, { failures, pauseMs }: CircuitLimits): Circuit => {
  let inARow = 0
  let opensAgainAt = 0
  return {
    admits: () => {
      if (inARow < failures) return true
      if (clock.now() < opensAgainAt) return false
      // Who comes next waits for the verdict on this one.
      opensAgainAt = clock.now() + pauseMs
      return true
    },
    worked: () => {
      inARow = 0
    },
    failed: () => {
      inARow += 1
      if (inARow >= failures) opensAgainAt = clock.now() + pauseMs
    },
  }
}
