import { flags as declaredFlags } from '../../../config/flags.ts'
import type { FlagDeclaration } from '../../../config/flags.ts'
import type { Clock } from '../../../domain/shared/clock.ts'
import type { FlagContext, FlagPort } from '../ports.ts'
import { createBoard } from './board.ts'
import type { Board } from './board.ts'
import { createEvaluator } from './evaluator.ts'
import { openFileSource } from './file-source.ts'
import type { FlagLog, FlagSource, SourceKind } from './flag-source.ts'
import type { FlagFlip } from './flips.ts'
import { openUnleashSource } from './unleash-source.ts'

export type { FlagEvent, FlagLog, SourceKind } from './flag-source.ts'
export type { FlagFlip, FlagState } from './flips.ts'

/** The kill switches of the host. */
export interface Flags extends FlagPort {
  /**
   * Is the flag on for this caller? See `FlagPort`. An undeclared name is off.
   * @param use what the operation does; without it the stricter half of a flag that governs both decides
   */
  isOn(name: string, context: FlagContext, use?: 'read' | 'write'): boolean
  /** What every declared flag is for this caller now. One that governs both is shown as its reads are. */
  snapshot(context: FlagContext): Readonly<Record<string, boolean>>
  /**
   * Tells each observed change of a declared flag once, for everyone or of its strategies, also that its source fell silent and
   * came back. Listeners run at once and must not wait. @returns a function that ends the subscription
   */
  onFlip(listener: (flip: FlagFlip) => void): () => void
  readonly source: SourceKind
}

const filePollMs = 100
// A flip in Unleash must be obeyed within 1.5 s, and its server looks for changes only once a second. Asking every 500 ms, as the
// design has it, measured 1.47 s at worst and leaves nothing to a busy machine; 300 ms measured 1.05 s, and a 304 costs next to nothing.
const unleashPollMs = 300
const unleashTimeoutMs = 2000

interface CommonOptions {
  readonly clock: Clock
  /** Milliseconds between two looks at the source; 100 for a file and 300 for Unleash unless told. */
  readonly pollMs?: number
  readonly log?: FlagLog
  /** The flags there are; those of `config/flags.ts` unless told. */
  readonly flags?: readonly FlagDeclaration[]
}

export type FlagsOptions = CommonOptions &
  (
    | { readonly file: string; readonly unleash?: never }
    | {
        readonly unleash: { readonly url: string; readonly token: string; readonly appName: string; readonly timeoutMs?: number }
        readonly file?: never
      }
  )

// A log that throws must not stop the looking.
const safely =
  (log: FlagLog = () => {}): FlagLog =>
  (event) => {
    try {
      log(event)
    } catch {}
  }

const openSource = async (options: FlagsOptions, flags: readonly FlagDeclaration[], board: Board, log: FlagLog): Promise<FlagSource> => {
  const { clock } = options
  const { onLook } = board
  if (options.unleash) {
    const known = new Set(flags.map(({ name }) => name))
    return openUnleashSource({
      timeoutMs: unleashTimeoutMs,
      ...options.unleash,
      known,
      clock,
      pollMs: options.pollMs ?? unleashPollMs,
      onLook,
    })
  }
  const defaults = Object.fromEntries(flags.map((flag) => [flag.name, flag.default]))
  const onCreated = (): void => log({ event: 'flags.created', source: 'file' })
  return openFileSource({ path: options.file, defaults, clock, pollMs: options.pollMs ?? filePollMs, onLook, onCreated })
}

/**
 * Opens the kill switches over a file or over Unleash and waits for the first look, whatever it finds: without an answer the
 * service starts with writes off and reads at their defaults.
 * @see design, Kill switches
 */
export const createFlags = async (options: FlagsOptions): Promise<Flags> => {
  const kind: SourceKind = options.unleash ? 'unleash' : 'file'
  const flags = options.flags ?? declaredFlags
  const log = safely(options.log)
  let evaluationFailed = (): void => {}
  const evaluator = createEvaluator({ clock: options.clock, onFailure: () => evaluationFailed() })
  const board = createBoard({ kind, flags, clock: options.clock, evaluator, log })
  evaluationFailed = board.evaluationFailed
  const source = await openSource(options, flags, board, log)
  if (source.look) board.lookWhenOld(source.look)
  return {
    source: kind,
    isOn: board.isOn,
    snapshot: (context) =>
      Object.fromEntries(flags.map(({ name, governs }) => [name, board.isOn(name, context, governs === 'both' ? 'read' : governs)])),
    onFlip: board.onFlip,
    stalenessMs: board.stalenessMs,
    close: async () => {
      await source.close()
      board.close()
      evaluator.close()
    },
  }
}
