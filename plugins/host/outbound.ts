import http from 'node:http'
import https from 'node:https'
import { setTimeout as delay } from 'node:timers/promises'
import type { Clock } from '../../domain/shared/clock.ts'
import { Refusal } from '../../domain/shared/refusal.ts'
import { boundedGet, type Answer } from './flags/bounded-get.ts'
import { createCircuit, type Circuit, type CircuitLimits } from './outbound-circuit.ts'

/** What a server said, of a bounded size. */
export interface OutboundAnswer {
  readonly status: number
  /** Without parameters, in lower case; empty where there is none. */
  readonly contentType: string
  readonly body: string
}

/** Why an answer is not believed. The first two are events that security staff want to hear of. */
export type Distrust = 'foreign-host' | 'foreign-resource' | 'nonsense'

/** The server of one agency, for the length of one request. It can be asked; nothing here could change anything there. */
export interface OutboundServer {
  readonly baseUrl: string
  /**
   * GET of an address below the base URL, with its credential. Redirects are followed below the base URL alone.
   * @param target absolute, or relative to the base URL
   * @throws Refusal UPSTREAM_UNAVAILABLE; `timeout` where it took too long. Whatever leads elsewhere leaves a security event.
   */
  get(target: string, accept: string): Promise<OutboundAnswer>
  /** The refusal for an answer that cannot be believed, recorded. */
  distrust(cause: Distrust): Promise<Refusal>
}

/** The way out of the process, for reading. A context sees the servers that its manifest was approved for and no others. */
export interface OutboundPort {
  /** Null where the agency has no server. */
  serverOf(call: { readonly agencyId: string; readonly requestId: string }): OutboundServer | null
}

export interface OutboundLimits extends CircuitLimits {
  /** For one try, in milliseconds. */
  readonly timeoutMs: number
  /** For everything that one request asks, in milliseconds. */
  readonly patienceMs: number
  readonly maxBytes: number
  readonly tries: number
  /** Before the second try; doubled before each further one, give or take half. Milliseconds. */
  readonly retryMs: number
  readonly redirects: number
}

export const defaultOutboundLimits: OutboundLimits = {
  timeoutMs: 3_000, patienceMs: 8_000, maxBytes: 4 * 1024 * 1024, tries: 3, retryMs: 100, redirects: 3, failures: 5, pauseMs: 10_000,
} // prettier-ignore

/** Something that an upstream did and security staff want to hear of. */
export interface SecurityEvent {
  readonly context: string
  readonly agencyId: string
  readonly requestId: string
  readonly cause: Distrust
}

export interface OutboundOptions {
  readonly context: string
  /** Agency → server. The hosts in it are all that can be reached. */
  readonly servers: Readonly<Record<string, { readonly baseUrl: string; readonly token: string | null }>>
  readonly clock: Clock
  readonly limits?: Partial<OutboundLimits>
  readonly report: (event: string, facts: Readonly<Record<string, string | number | boolean | null>>) => void
  /** Resolves when it is recorded. */
  readonly alarm: (event: SecurityEvent) => Promise<void>
}

/** The port with what ends it. */
export interface Outbound extends OutboundPort {
  close(): void
}

const below = (url: URL, base: URL): boolean =>
  url.origin === base.origin &&
  !url.username &&
  !url.password &&
  (url.pathname === base.pathname || url.pathname.startsWith(base.pathname.endsWith('/') ? base.pathname : `${base.pathname}/`))

const again = (status: number): boolean => status === 429 || status >= 500
const codeOf = (error: unknown): string => ((error as { code?: string } | null)?.code ?? 'UNKNOWN').slice(0, 40)
const unavailable = (timedOut: boolean): Refusal => new Refusal('UPSTREAM_UNAVAILABLE', timedOut ? 'timeout' : 'default')
const plainType = (contentType: string | null): string => (contentType ?? '').split(';')[0]!.trim().toLowerCase()

interface Server {
  readonly base: URL
  readonly baseUrl: string
  readonly headers: Readonly<Record<string, string>>
  readonly agent: http.Agent
  readonly circuit: Circuit
}

/** Opens the way out for one context. Nothing is connected before it is asked for. */
export const createOutbound = (options: OutboundOptions): Outbound => {
  const { context, clock, report, alarm } = options
  const limits: OutboundLimits = { ...defaultOutboundLimits, ...options.limits }
  const stop = new AbortController()
  const servers = new Map<string, Server>(
    Object.entries(options.servers).map(([agencyId, { baseUrl, token }]) => {
      const base = new URL(baseUrl)
      const agent = new (base.protocol === 'https:' ? https.Agent : http.Agent)({ keepAlive: true, maxSockets: 16 })
      const headers = { 'accept-encoding': 'identity', ...(token === null ? {} : { authorization: `Bearer ${token}` }) }
      return [agencyId, { base, baseUrl, headers, agent, circuit: createCircuit(clock, limits) }]
    }),
  )

  const visit = (server: Server, agencyId: string, requestId: string): OutboundServer => {
    const until = performance.now() + limits.patienceMs

    const distrust = async (cause: Distrust): Promise<Refusal> => {
      report(cause === 'nonsense' ? 'upstream.nonsense' : 'security.upstream', { context, cause, tenantId: agencyId, commandId: requestId })
      if (cause !== 'nonsense') await alarm({ context, agencyId, requestId, cause }).catch(() => undefined)
      return unavailable(false)
    }

    const addressOf = async (target: string, from: string): Promise<URL> => {
      const url = target.length <= 8_192 && URL.canParse(target, from) ? new URL(target, from) : null
      if (url === null || !below(url, server.base)) throw await distrust('foreign-host')
      url.hash = ''
      return url
    }

    const once = async (url: URL, accept: string): Promise<Answer> => {
      const timeoutMs = Math.min(limits.timeoutMs, until - performance.now())
      if (timeoutMs <= 0) throw Object.assign(new Error('TIMEOUT'), { code: 'TIMEOUT' })
      const asked = { ...server.headers, accept }
      return boundedGet({ url, agent: server.agent, headers: asked, timeoutMs, maxBytes: limits.maxBytes, signal: stop.signal })
    }

    /** One try, its redirects included. */
    const follow = async (url: URL, accept: string): Promise<Answer> => {
      let at = url
      for (let hops = 0; ; hops += 1) {
        const answer = await once(at, accept)
        if (answer.status < 300 || answer.status > 399 || answer.location === null) return answer
        if (hops === limits.redirects) throw await distrust('nonsense')
        at = await addressOf(answer.location, at.href)
      }
    }

    const attempt = async (url: URL, accept: string): Promise<Answer | string> => {
      if (!server.circuit.admits()) throw unavailable(false)
      const answer = await follow(url, accept).catch((error: unknown) => {
        if (error instanceof Refusal) throw error
        return codeOf(error)
      })
      if (typeof answer !== 'string' && !again(answer.status)) {
        server.circuit.worked()
        return answer
      }
      server.circuit.failed()
      return typeof answer === 'string' ? answer : `STATUS_${answer.status}`
    }

    const get = async (target: string, accept: string): Promise<OutboundAnswer> => {
      const url = await addressOf(target, `${server.baseUrl}/`)
      let code = ''
      for (let tried = 1; tried <= limits.tries; tried += 1) {
        const answer = await attempt(url, accept)
        if (typeof answer !== 'string') return { status: answer.status, contentType: plainType(answer.contentType), body: answer.body }
        code = answer
        const pause = limits.retryMs * 2 ** (tried - 1) * (0.5 + Math.random())
        // What is too large stays too large.
        if (code === 'TOO_LARGE' || tried === limits.tries || performance.now() + pause >= until) break
        await delay(pause, undefined, { signal: stop.signal }).catch(() => undefined)
      }
      report('upstream.failed', { context, cause: code, tenantId: agencyId, commandId: requestId })
      throw unavailable(code === 'TIMEOUT')
    }

    return { baseUrl: server.baseUrl, get, distrust }
  }

  return {
    serverOf({ agencyId, requestId }) {
      const server = servers.get(agencyId)
      return server ? visit(server, agencyId, requestId) : null
    },
    close() {
      stop.abort()
      for (const { agent } of servers.values()) agent.destroy()
    },
  }
}
