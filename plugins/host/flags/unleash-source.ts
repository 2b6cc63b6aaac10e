import type { Clock } from '../../../domain/shared/clock.ts'
import { boundedGet, oneConnection } from './bounded-get.ts'
import type { Answer } from './bounded-get.ts'
import type { FlagSource, Look } from './flag-source.ts'
import { reasonOf } from './flag-source.ts'
import { readClientFeatures } from './reading.ts'

// What the evaluating client, unleash-client 6.12.1, tells a server that it understands: segments by reference, among others.
const understoodSpecification = '5.2.0'

export interface UnleashSourceOptions {
  /** The server's API, as `UNLEASH_URL` gives it: `https://unleash.example/api`. */
  readonly url: string
  readonly token: string
  readonly appName: string
  /** The flags of which a malformed definition spoils the whole answer. */
  readonly known: ReadonlySet<string>
  readonly clock: Clock
  /** Milliseconds from one question to the next. */
  readonly pollMs: number
  /** Milliseconds that one answer may take, its body included. */
  readonly timeoutMs: number
  readonly onLook: (look: Look) => void
}

const featuresUrl = (url: string): URL => new URL('client/features', url.endsWith('/') ? url : `${url}/`)

/**
 * Flags from Unleash, asked every `pollMs` with the ETag of the last answer that was believed. Nothing is kept on disk.
 *
 * The asking is not left to unleash-client, which evaluates what is found here. Its poller stops for good at the first 401 or 403,
 * waits up to eleven intervals after failures, keeps the ETag of an answer that it could not use (so that the next 304 passes for
 * fresh), changes over to streaming when a header says so, and goes on retrying after it was stopped: with any of these a switch
 * could not be flipped within its bound, or would stay on after its source had gone.
 */
export const openUnleashSource = async (options: UnleashSourceOptions): Promise<FlagSource> => {
  const { clock, pollMs, timeoutMs, onLook } = options
  const url = featuresUrl(options.url)
  const agent = oneConnection(url)
  const stop = new AbortController()
  const headers = {
    accept: 'application/json',
    'accept-encoding': 'identity',
    authorization: options.token,
    'cache-control': 'no-cache',
    'unleash-appname': options.appName,
    'unleash-client-spec': understoodSpecification,
  }
  let etag: string | null = null
  let timer: NodeJS.Timeout | null = null

  const understand = (answer: Answer, at: number): Look => {
    if (answer.status === 304 && etag !== null) return { fresh: true, at, reading: null }
    if (answer.status !== 200) return { fresh: false, reason: `STATUS_${answer.status}` }
    const reading = readClientFeatures(answer.body, options.known)
    etag = answer.etag
    return { fresh: true, at, reading }
  }
  const ask = async (): Promise<Look> => {
    // An answer is as old as its question.
    const at = clock.now()
    const asked = etag === null ? headers : { ...headers, 'if-none-match': etag }
    try {
      const answer = await boundedGet({ url, agent, headers: asked, timeoutMs, maxBytes: 4 * 1024 * 1024, signal: stop.signal })
      return understand(answer, at)
    } catch (error) {
      return { fresh: false, reason: reasonOf(error) }
    }
  }
  const poll = async (): Promise<void> => {
    const began = performance.now()
    const look = await ask()
    if (stop.signal.aborted) return
    onLook(look)
    const rest = Math.max(pollMs - (performance.now() - began), pollMs / 5)
    timer = setTimeout(() => {
      underWay = poll()
    }, rest).unref()
  }

  let underWay = poll()
  await underWay
  return {
    kind: 'unleash',
    close: async () => {
      stop.abort()
      if (timer) clearTimeout(timer)
      agent.destroy()
      await underWay
    },
  }
}
