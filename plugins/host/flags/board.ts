import type { FlagDeclaration } from '../../../config/flags.ts'
import type { Clock } from '../../../domain/shared/clock.ts'
import type { FlagContext } from '../ports.ts'
import type { Constant, Evaluator } from './evaluator.ts'
import type { FlagLog, Look, SourceKind } from './flag-source.ts'
import { createFlipReporter } from './flips.ts'
import type { FlipReporter, FlagState, Observation } from './flips.ts'

/** From here on a source that was not seen fresh has fallen silent. @see design, Kill switches */
export const freshForMs = 15_000

/** What the source said last, how long ago, and what follows from both for each flag. */
export interface Board {
  isOn(name: string, context: FlagContext, use?: 'read' | 'write'): boolean
  stalenessMs(): number
  onFlip: FlipReporter['onFlip']
  /** Takes in one look at the source. */
  onLook(look: Look): void
  /** How to look again at once when a good look has grown old, as after the clock was set or the machine slept. */
  lookWhenOld(look: () => void): void
  evaluationFailed(): void
  /** Nothing is observed from here on. */
  close(): void
}

export interface BoardOptions {
  readonly kind: SourceKind
  readonly flags: readonly FlagDeclaration[]
  readonly clock: Clock
  readonly evaluator: Evaluator
  readonly log: FlagLog
}

interface Slot {
  readonly declared: FlagDeclaration
  /** The answer for everyone, where there is one; kept ready because every request asks. */
  constant: Constant
  /** What callers get while the source is fresh, and reads of a silent one. */
  told: Observation
}

const silent: FlagState = { value: 'off', because: 'stale' }

const defaultOf = ({ default: on }: FlagDeclaration): FlagState => ({ value: on ? 'on' : 'off', because: 'default' })

const told = (slot: { readonly declared: FlagDeclaration }, evaluator: Evaluator): Pick<Slot, 'constant' | 'told'> => {
  const feature = evaluator.feature(slot.declared.name)
  if (!feature) {
    const state = defaultOf(slot.declared)
    return { constant: slot.declared.default, told: { state, fingerprint: state.value } }
  }
  const constant = evaluator.constant(feature)
  if (constant === null) {
    const state: FlagState = { value: 'some', because: 'source', strategies: feature.strategies }
    return { constant, told: { state, fingerprint: `some ${evaluator.fingerprint(feature)}` } }
  }
  const state: FlagState = { value: constant ? 'on' : 'off', because: 'source' }
  return { constant, told: { state, fingerprint: state.value } }
}

/** Holds the flags' answers in memory; see `Board`. */
export const createBoard = ({ kind, flags, clock, evaluator, log }: BoardOptions): Board => {
  const slots = new Map<string, Slot>(flags.map((declared) => [declared.name, { declared, ...told({ declared }, evaluator) }]))
  const reporter = createFlipReporter(kind, () => log({ event: 'flags.listener-failed', source: kind }))
  let freshAt = Number.NEGATIVE_INFINITY
  let lastLook: string | null = null
  let lookAgain: (() => void) | null = null
  let failureLogged = false
  let silence: NodeJS.Timeout | undefined

  // A clock that was set back says nothing about how long the source has been silent, so that counts as silence too.
  const isFresh = (): boolean => {
    const age = clock.now() - freshAt
    return age >= 0 && age < freshForMs
  }
  const isFreshAfterLooking = (): boolean => {
    if (isFresh()) return true
    if (lookAgain === null || lastLook !== 'fresh') return false
    lookAgain()
    return isFresh()
  }
  const observe = (): void => {
    const fresh = isFresh()
    const seen = new Map<string, Observation>()
    for (const [name, slot] of slots) {
      const off = !fresh && slot.declared.governs !== 'read'
      seen.set(name, off ? { state: silent, fingerprint: silent.value } : slot.told)
    }
    reporter.observe(seen, clock.now())
  }
  const note = (outcome: string): void => {
    if (outcome === lastLook) return
    lastLook = outcome
    log(outcome === 'fresh' ? { event: 'flags.fresh', source: kind } : { event: 'flags.not-fresh', source: kind, reason: outcome })
  }
  // Noticed when it begins, not with the next look: that one may be waiting for its answer.
  const listenForSilence = (): void => {
    clearTimeout(silence)
    silence = setTimeout(onSilence, freshForMs - (clock.now() - freshAt)).unref()
  }
  const onSilence = (): void => {
    if (isFreshAfterLooking()) listenForSilence()
    else observe()
  }
  const take = (look: Look & { fresh: true }): void => {
    freshAt = look.at
    listenForSilence()
    if (look.reading === null) return
    failureLogged = false
    evaluator.obey(look.reading)
    for (const slot of slots.values()) Object.assign(slot, told(slot, evaluator))
    const unknown = [...look.reading.features.keys()].filter((name) => !slots.has(name)).length
    if (kind === 'file' && unknown > 0) log({ event: 'flags.unknown-names', source: kind, count: unknown })
  }
  return {
    isOn: (name, context, use) => {
      const slot = slots.get(name)
      if (slot === undefined) return false
      const writes = use === undefined ? slot.declared.governs !== 'read' : use === 'write'
      if (!isFreshAfterLooking() && writes) return false
      return slot.constant ?? evaluator.ask(name, context)
    },
    stalenessMs: () => Math.max(0, clock.now() - freshAt),
    onFlip: reporter.onFlip,
    onLook: (look) => {
      note(look.fresh ? 'fresh' : look.reason)
      if (look.fresh) take(look)
      observe()
    },
    lookWhenOld: (look) => {
      lookAgain = look
    },
    evaluationFailed: () => {
      if (failureLogged) return
      failureLogged = true
      log({ event: 'flags.evaluation-failed', source: kind })
    },
    close: () => clearTimeout(silence),
  }
}
