import { Redis } from 'ioredis'
import type { Verdict, Window } from '../ports.ts'
import { isNearer, verdictOf } from './verdict.ts'

/**
 * Counts one attempt in every window at once. A counter lives as long as its window, by the clock of the store;
 * one that lost its end is given a new one.
 */
const takeScript = `
local answer = {}
for index = 1, #KEYS do
  local count = redis.call('INCR', KEYS[index])
  local left = redis.call('PTTL', KEYS[index])
  if left < 0 then
    redis.call('PEXPIRE', KEYS[index], ARGV[index])
    left = tonumber(ARGV[index])
  end
  answer[2 * index - 1] = count
  answer[2 * index] = left
end
return answer`

/** Takes one attempt back, never below none, and never brings an ended window back. */
const giveBackScript = `
for index = 1, #KEYS do
  if tonumber(redis.call('GET', KEYS[index]) or '0') > 0 then redis.call('DECR', KEYS[index]) end
end
return 1`

interface Scripted extends Redis {
  takeAttempt(count: number, ...keysAndWindows: (string | number)[]): Promise<number[]>
  giveAttemptBack(count: number, ...keys: string[]): Promise<number>
}

export interface RedisLimiter {
  /** Rejects where the store does not answer in time. */
  take(key: string, windows: readonly Window[]): Promise<Verdict>
  giveBack(key: string, windows: readonly Window[]): Promise<void>
  /** Resolves once the store answers, or after `timeoutMs` without. */
  ready(timeoutMs: number): Promise<boolean>
  close(): Promise<void>
}

const longestRetryMs = 2000

/** The braces keep all windows of a key in one slot of a cluster. */
const keysOf = (key: string, windows: readonly Window[]): string[] => windows.map(({ name }) => `postern:limit:{${key}}:${name}`)

/** Limits that several instances share. @see https://redis.io/docs/latest/commands/incr/, pattern: rate limiter */
export const createRedisLimiter = ({ url, timeoutMs }: { readonly url: string; readonly timeoutMs: number }): RedisLimiter => {
  const redis = new Redis(url, {
    commandTimeout: timeoutMs,
    connectTimeout: timeoutMs * 4,
    // A connection that lost an answer never finds its place again, and a partition sends no word: open a new one.
    socketTimeout: timeoutMs * 2,
    disconnectTimeout: timeoutMs,
    // What cannot be sent now is answered now: a request must not wait for a store that is down.
    enableOfflineQueue: false,
    autoResendUnfulfilledCommands: false,
    maxRetriesPerRequest: 0,
    retryStrategy: (attempt) => Math.min(50 * 2 ** attempt, longestRetryMs),
    scripts: { takeAttempt: { lua: takeScript }, giveAttemptBack: { lua: giveBackScript } },
  }) as Scripted
  // Each failed command tells its caller; without a listener a lost connection would end the process.
  redis.on('error', () => {})

  return {
    take: async (key, windows) => {
      const answer = await redis.takeAttempt(windows.length, ...keysOf(key, windows), ...windows.map(({ windowMs }) => windowMs))
      const counts = windows.map((window, index) => ({ window, count: answer[2 * index]!, leftMs: answer[2 * index + 1]! }))
      return verdictOf(counts.reduce((nearest, next) => (isNearer(next, nearest) ? next : nearest)))
    },
    giveBack: async (key, windows) => {
      await redis.giveAttemptBack(windows.length, ...keysOf(key, windows))
    },
    ready: (waitMs) =>
      new Promise((resolve) => {
        if (redis.status === 'ready') return resolve(true)
        const settle = (isReady: boolean) => () => {
          clearTimeout(timer)
          redis.off('ready', onReady)
          resolve(isReady)
        }
        const timer = setTimeout(() => settle(false)(), waitMs).unref()
        const onReady = settle(true)
        redis.once('ready', onReady)
      }),
    close: async () => redis.disconnect(),
  }
}
