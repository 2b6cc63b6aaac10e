import type { Reading } from './reading.ts'

export type SourceKind = 'file' | 'unleash'

/** What one look at the source found. */
export type Look =
  /** The source answered. `reading` is what it says now; `null` where it says what it said before. `at` is the clock's time. */
  | { readonly fresh: true; readonly at: number; readonly reading: Reading | null }
  /** It did not, or what it said cannot be believed. `reason` is a fixed word, an errno or a status; never content. */
  | { readonly fresh: false; readonly reason: string }

/** Where the flags come from. It looks by itself until closed and tells each look to the `onLook` it was opened with. */
export interface FlagSource {
  readonly kind: SourceKind
  /** Looks at once, where that takes no waiting. */
  look?(): void
  /** Releases timers, watchers and sockets; resolves when nothing is under way any more. */
  close(): Promise<void>
}

/** For the operator's log: transitions only, and nothing of what a source or a caller said. */
export interface FlagEvent {
  readonly event:
    | 'flags.created'
    | 'flags.fresh'
    | 'flags.not-fresh'
    | 'flags.unknown-names'
    | 'flags.evaluation-failed'
    | 'flags.listener-failed'
  readonly source: SourceKind
  readonly reason?: string
  readonly count?: number
}

export type FlagLog = (event: FlagEvent) => void

/** A failure's errno, or a fixed word: messages of errors quote paths, addresses and content. */
export const reasonOf = (error: unknown): string => {
  const code = (error as { code?: unknown } | null)?.code
  return typeof code === 'string' && /^[A-Z][A-Z0-9_]{1,40}$/.test(code) ? code : 'failed'
}
