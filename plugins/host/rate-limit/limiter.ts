import type { Clock } from '../../../domain/shared/clock.ts'
import { Refusal } from '../../../domain/shared/refusal.ts'
import type { LimiterPort } from '../ports.ts'
import { createMemoryLimiter, type MemoryLimiter } from './memory-limiter.ts'
import type { RedisLimiter } from './redis-limiter.ts'

export interface LimiterOptions {
  /** `null`: limits live in the process. */
  readonly redisUrl: string | null
  readonly clock: Clock
  /** Most counters the process holds for each window; 100 000 unless told. */
  readonly maxKeys?: number
  /** Longest wait for the store, in milliseconds; 250 unless told. */
  readonly timeoutMs?: number
  /** Told once when the store is lost (`true`) and once when it answers again (`false`). */
  readonly onFallback?: (down: boolean) => void
}

export interface Limiter extends LimiterPort {
  /** `fallback`: the store is down and the process counts on its own. */
  mode(): 'memory' | 'redis' | 'fallback'
  /** Waits for the store at start, up to `timeoutMs`. A start without the store is a start in fallback. */
  ready(timeoutMs: number): Promise<boolean>
}

/** A lost store is asked again at most this often, so that requests do not each wait for the timeout. */
const retryAfterMs = 1000

const withMemory = (memory: MemoryLimiter): Limiter => ({
  ...memory,
  mode: () => 'memory',
  ready: () => Promise.resolve(true),
})

const withRedis = (redis: RedisLimiter, memory: MemoryLimiter, clock: Clock, onFallback: (down: boolean) => void): Limiter => {
  let down = false
  let askAgainMs = 0

  const lost = (): void => {
    askAgainMs = clock.now() + retryAfterMs
    if (down) return
    down = true
    onFallback(true)
  }
  const found = (): void => {
    if (!down) return
    down = false
    onFallback(false)
  }
  const mayAsk = (): boolean => {
    const nowMs = clock.now()
    // A clock that was set back must not keep the store unasked.
    if (down && nowMs < askAgainMs && askAgainMs - nowMs <= retryAfterMs) return false
    // While the store is lost one request at a time tries it, and the others do not wait for the outcome.
    if (down) askAgainMs = nowMs + retryAfterMs
    return true
  }
  const refused = (cause?: unknown): Refusal => new Refusal('UPSTREAM_UNAVAILABLE', 'default', { cause })

  return {
    take: async (key, windows, { strict = false } = {}) => {
      let cause: unknown
      if (mayAsk()) {
        try {
          const verdict = await redis.take(key, windows)
          found()
          return verdict
        } catch (error) {
          cause = error
          lost()
        }
      }
      if (strict) throw refused(cause)
      return memory.take(key, windows)
    },
    giveBack: (key, windows) => {
      if (down) memory.giveBack(key, windows)
      // An attempt that could not be given back is one attempt less for its caller, no more.
      else redis.giveBack(key, windows).catch(lost)
    },
    mode: () => (down ? 'fallback' : 'redis'),
    ready: async (timeoutMs) => {
      const isReady = await redis.ready(timeoutMs)
      if (!isReady) lost()
      return isReady
    },
    close: async () => {
      await redis.close()
      await memory.close()
    },
  }
}

/**
 * Counts attempts: in the process, or in Redis where several instances share limits. With Redis down, `strict` attempts
 * (messaging writes) are refused with UPSTREAM_UNAVAILABLE and all others are counted in the process.
 * @see design, section 2
 */
export const createLimiter = async (options: LimiterOptions): Promise<Limiter> => {
  const { redisUrl, clock, maxKeys, timeoutMs = 250, onFallback = () => {} } = options
  const memory = createMemoryLimiter({ clock, maxKeys })
  if (redisUrl === null) return withMemory(memory)
  // Its package loads where it is needed: a service without Redis does not pay for it at every start.
  const { createRedisLimiter } = await import('./redis-limiter.ts')
  return withRedis(createRedisLimiter({ url: redisUrl, timeoutMs }), memory, clock, onFallback)
}
