import { Refusal } from '../../../domain/shared/refusal.ts'
import type { AdvicePassage, AdvicePort } from './advice-port.ts'
import { boundedPost, type PostAnswer } from './bounded-post.ts'
import { completionRequest, completionText } from './completion.ts'

export interface AdviceOptions {
  /** An OpenAI-compatible endpoint; null: none. */
  readonly upstream: { readonly url: string; readonly apiKey: string | null; readonly model: string } | null
  readonly phiAllowed: boolean
  readonly policyVersion: string
  /** 20 s unless told. */
  readonly timeoutMs?: number | undefined
  /** What failed, by a code that holds nothing of question or answer. */
  readonly report: (code: string) => void
}

/** The port, and its end. */
export interface Advice extends AdvicePort {
  /** Gives up what is being asked. */
  close(): Promise<void>
}

const defaultTimeoutMs = 20_000
/** Most bytes of an endpoint's whole answer; the text in it is bounded by the domain. */
const maxBytes = 65_536
/** Questions that may wait for the endpoint at once: a slow one must not gather what it will never answer. */
const mostAtOnce = 16

/** Where completions are asked for, below the address or as it stands. */
export const completionsUrl = (base: string): URL => new URL(base.endsWith('/chat/completions') ? base : `${base}/chat/completions`)

/** Only a loopback address, in development, may be asked without TLS; production refuses that by itself. */
const isSafe = ({ protocol, hostname }: URL): boolean =>
  protocol === 'https:' || hostname === 'localhost' || hostname === '127.0.0.1' || hostname === '[::1]'

const textOf = ({ status, contentType, body }: PostAnswer): string | null =>
  status === 200 && /^application\/json\b/i.test(contentType) ? completionText(body) : null

const codeOf = (error: unknown): string => {
  const code = (error as { code?: unknown } | null)?.code
  return typeof code === 'string' && /^[A-Z0-9_]{1,40}$/.test(code) ? code : 'FAILED'
}

/**
 * Opens the advisor's source: the endpoint of the configuration, or none.
 * @throws Error where the endpoint is another machine's and not https
 */
export const createAdvice = ({ upstream, phiAllowed, policyVersion, timeoutMs = defaultTimeoutMs, report }: AdviceOptions): Advice => {
  const closing = new AbortController()
  const common = { policyVersionId: policyVersion, close: async () => closing.abort() }
  if (upstream === null) return { ...common, mayConcernPatients: true, ask: null }

  const url = completionsUrl(upstream.url)
  if (!isSafe(url)) throw new Error('ADVISOR_URL must be https: only an endpoint on this machine may be asked without.')
  const headers = {
    accept: 'application/json',
    'content-type': 'application/json',
    ...(upstream.apiKey === null ? {} : { authorization: `Bearer ${upstream.apiKey}` }),
  }
  const failed = (code: string): Refusal => {
    report(code)
    return new Refusal('UPSTREAM_UNAVAILABLE', code === 'TIMEOUT' ? 'timeout' : 'default')
  }
  let waiting = 0
  const ask = async (question: string, passages: readonly AdvicePassage[]): Promise<string> => {
    if (waiting >= mostAtOnce) throw failed('BUSY')
    waiting += 1
    try {
      const body = completionRequest(upstream.model, question, passages)
      const answer = await boundedPost({ url, headers, body, timeoutMs, maxBytes, signal: closing.signal })
      const text = textOf(answer)
      if (text === null) throw failed(answer.status === 200 ? 'NO_TEXT' : `STATUS_${answer.status}`)
      return text
    } catch (error) {
      throw error instanceof Refusal ? error : failed(codeOf(error))
    } finally {
      waiting -= 1
    }
  }
  return { ...common, mayConcernPatients: phiAllowed, ask }
}
