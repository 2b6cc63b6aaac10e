import type { Clock } from '../../../domain/shared/clock.ts'
import type { SigningKey, SigningKeys } from './fetch-keys.ts'
import { cannotTell, unauthorized } from './unauthorized.ts'

/** How long keys are used without asking again, and how soon after one attempt the next may follow. Milliseconds. */
export const keyTimes = {
  /** Asked again in the background, so that a withdrawn key stops working. */
  refreshMs: 300_000,
  /** The longest that keys are used while the issuer does not answer. */
  usableMs: 3_600_000,
  /** Between two fetches for unknown key ids, and between two attempts while cached keys serve. */
  cooldownMs: 10_000,
  /** Between two attempts while there is no key to serve with. */
  emptyRetryMs: 1_000,
} as const

export interface KeySetOptions {
  readonly clock: Clock
  readonly fetchKeys: () => Promise<SigningKeys>
  /** Called when the keys are not those of before. */
  readonly onRotation: () => void
}

export interface KeySet {
  /** Loads the keys unless usable ones are there. @throws Refusal UPSTREAM_UNAVAILABLE where none can be had */
  load(): Promise<void>
  /** Asks the issuer again for an id that is not there, once for however many ask at a time. Never rejects. */
  seek(kid: string): Promise<void>
  /** The key of an id. @throws Refusal UNAUTHORIZED for one that the issuer does not list */
  get(kid: string): SigningKey
  /** Until when (ms) a remembered token needs no look at the keys' age. */
  checkAtMs(): number
  /** Looks at the keys' age, asks again in the background where due; false where they are too old to trust. */
  touch(): boolean
  ageMs(): number
}

const same = (a: SigningKeys, b: SigningKeys): boolean => a.size === b.size && [...a].every(([kid, key]) => b.get(kid)?.pem === key.pem)

/** What is known of the issuer. Times in milliseconds; -Infinity for never. */
interface State {
  keys: SigningKeys
  loadedAt: number
  attemptedAt: number
  /** The last fetch that an unknown key id caused. */
  soughtAt: number
  running: Promise<void> | null
  failure: unknown
}

/** One fetch at a time; whoever comes while it runs waits for the same. Never rejects: what went wrong is kept in the state. */
const createFetcher = (state: State, { clock, fetchKeys, onRotation }: KeySetOptions) => {
  const run = async (): Promise<void> => {
    try {
      const fetched = await fetchKeys()
      const changed = !same(state.keys, fetched)
      state.keys = fetched
      state.loadedAt = clock.now()
      if (changed) onRotation()
    } catch (error) {
      state.failure = error
    } finally {
      state.running = null
    }
  }
  return (): Promise<void> => {
    if (state.running === null) {
      state.attemptedAt = clock.now()
      state.running = run()
    }
    return state.running
  }
}

/** When a remembered token must look at the keys' age again: when a refresh is due or may be tried again, or trust ends. */
const nextCheck = ({ loadedAt, attemptedAt }: State): number =>
  Math.min(Math.max(loadedAt + keyTimes.refreshMs, attemptedAt + keyTimes.cooldownMs), loadedAt + keyTimes.usableMs)

/** The issuer's keys, kept. Time is the clock's; nothing here sets a timer. */
export const createKeySet = (options: KeySetOptions): KeySet => {
  const { clock } = options
  const state: State = { keys: new Map(), loadedAt: -Infinity, attemptedAt: -Infinity, soughtAt: -Infinity, running: null, failure: null }
  const fetchOnce = createFetcher(state, options)
  const usable = (): boolean => clock.now() - state.loadedAt <= keyTimes.usableMs

  const touch = (): boolean => {
    const now = clock.now()
    if (now - state.loadedAt >= keyTimes.refreshMs && now - state.attemptedAt >= keyTimes.cooldownMs) void fetchOnce()
    return usable()
  }

  const load = async (): Promise<void> => {
    if (usable()) return
    if (state.running !== null || clock.now() - state.attemptedAt >= keyTimes.emptyRetryMs) await fetchOnce()
    if (!usable()) throw cannotTell(state.failure)
  }

  const seek = async (kid: string): Promise<void> => {
    touch()
    if (state.keys.has(kid)) return
    if (state.running === null) {
      if (clock.now() - state.soughtAt < keyTimes.cooldownMs) return
      state.soughtAt = clock.now()
    }
    await fetchOnce()
  }

  const get = (kid: string): SigningKey => {
    const key = state.keys.get(kid)
    if (key === undefined) throw unauthorized('key id')
    return key
  }

  const checkAtMs = () => nextCheck(state)
  return { load, seek, get, touch, checkAtMs, ageMs: () => clock.now() - state.loadedAt }
}
