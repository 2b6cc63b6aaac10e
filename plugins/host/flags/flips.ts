import type { Feature } from './feature.ts'
import type { SourceKind } from './flag-source.ts'

/** What a flag is worth at one moment. For a flag that governs writes this is what its writes get. */
export interface FlagState {
  /** `some`: strategies decide for each caller. */
  readonly value: 'on' | 'off' | 'some'
  /** Who says so: the source; the default, which holds where a fresh source does not know the flag; or the source's silence. */
  readonly because: 'source' | 'default' | 'stale'
  /** What decides where `value` is `some`, as the source told it. */
  readonly strategies?: Feature['strategies']
}

/** One observed change of what a flag is worth, for the audit trail. */
export interface FlagFlip {
  readonly name: string
  readonly from: FlagState
  readonly to: FlagState
  /** The clock's time at which it was observed, in milliseconds since the Unix epoch. */
  readonly at: number
  readonly source: SourceKind
}

/** A state, and a text that differs between any two states that callers could tell apart. */
export interface Observation {
  readonly state: FlagState
  readonly fingerprint: string
}

export interface FlipReporter {
  /** Compares with what was seen before and tells the listeners each difference once. The first time there is nothing to tell. */
  observe(now: ReadonlyMap<string, Observation>, at: number): void
  /** @returns a function that ends the subscription */
  onFlip(listener: (flip: FlagFlip) => void): () => void
}

/** Reports flips. A listener that throws silences neither the others nor the flags. */
export const createFlipReporter = (source: SourceKind, onListenerFailure: () => void): FlipReporter => {
  const listeners = new Set<(flip: FlagFlip) => void>()
  let last: ReadonlyMap<string, Observation> = new Map()

  const tell = (flip: FlagFlip): void => {
    for (const listener of listeners) {
      try {
        listener(flip)
      } catch {
        onListenerFailure()
      }
    }
  }
  return {
    observe: (now, at) => {
      const before = last
      last = now
      for (const [name, { state, fingerprint }] of now) {
        const was = before.get(name)
        if (was && was.fingerprint !== fingerprint) tell({ name, from: was.state, to: state, at, source })
      }
    },
    onFlip: (listener) => {
      listeners.add(listener)
      return () => void listeners.delete(listener)
    },
  }
}
