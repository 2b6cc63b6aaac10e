import rateLimit, { type FastifyRateLimitStore, normalizeIP, type RateLimitOptions } from '@fastify/rate-limit'
import type { FastifyInstance, FastifyRequest } from 'fastify'
import type { LimiterPort, Verdict, Window } from '../ports.ts'
import { rateLimited } from './headers.ts'

export interface IpLimitOptions {
  readonly limiter: LimiterPort
  readonly limits: { readonly all: Window; readonly anonymous: Window }
}

export interface IpLimit {
  /**
   * Counts a request against its address: `all` for every one, `anonymous` for one without a good token.
   * @throws Refusal RATE_LIMITED with the seconds until the window starts anew
   */
  take(request: FastifyRequest, which: Which): Promise<void>
}

type Which = keyof IpLimitOptions['limits']

/** Passes the plugin's counting on to the limiter, so that addresses and users share one store and one fallback. */
const storeOver = (limiter: LimiterPort, limits: IpLimitOptions['limits'], which: Which): FastifyRateLimitStore => {
  const window = limits[which]
  const windows = [window]
  const told = (verdict: Verdict): { current: number; ttl: number } => ({
    current: verdict.allowed ? window.max - verdict.remaining : window.max + 1,
    ttl: verdict.resetSeconds * 1000,
  })
  return {
    incr: (key, callback) => {
      const verdict = limiter.take(key, windows)
      if (verdict instanceof Promise) verdict.then((taken) => callback(null, told(taken)), callback)
      else callback(null, told(verdict))
    },
    // The plugin asks for a child with the options of each limit; its group tells which one that is.
    child: (options: object) => storeOver(limiter, limits, 'groupId' in options && options.groupId === 'anonymous' ? 'anonymous' : 'all'),
  }
}

/** Most addresses whose normal form is remembered; beyond that the memory starts anew. */
const rememberedAddresses = 10_000

/** IPv6 addresses count by their /64, which one subscriber holds whole. Working that out is dear, so it is remembered. */
const createNormalise = (): ((ip: string) => string) => {
  const normal = new Map<string, string>()
  return (ip) => {
    const known = normal.get(ip)
    if (known !== undefined) return known
    if (normal.size >= rememberedAddresses) normal.clear()
    const found = normalizeIP(ip, 64)
    normal.set(ip, found)
    return found
  }
}

/** Limits by address, on @fastify/rate-limit. Its own headers and hooks stay off: the host writes one kind of header for all limits. */
export const createIpLimit = async (app: FastifyInstance, { limiter, limits }: IpLimitOptions): Promise<IpLimit> => {
  const root = storeOver(limiter, limits, 'all')
  await app.register(rateLimit, {
    global: false,
    store: class {
      readonly incr = root.incr
      readonly child = root.child
    },
  })
  const normalise = createNormalise()
  const checkOf = (which: Which): ReturnType<FastifyInstance['createRateLimit']> => {
    const { max, windowMs } = limits[which]
    const options: RateLimitOptions = { groupId: which, max, timeWindow: windowMs, keyGenerator: ({ ip }) => normalise(ip) }
    return app.createRateLimit(options)
  }
  const checks = { all: checkOf('all'), anonymous: checkOf('anonymous') }

  return {
    take: async (request, which) => {
      const answer = await checks[which](request)
      if (answer.isAllowed || !answer.isExceeded) return
      throw rateLimited({ allowed: false, window: limits[which], remaining: 0, resetSeconds: Math.max(1, answer.ttlInSeconds) })
    },
  }
}
