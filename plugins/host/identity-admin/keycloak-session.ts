import { boundedPost, type PostAnswer } from '../advice/bounded-post.ts'
import type { DeliveryFailure } from '../jobs/outbox-port.ts'
import { DeliveryError } from '../mail/mail.ts'

export interface KeycloakSettings {
  /** `https://keycloak.example/admin/realms/portals`. */
  readonly url: string
  readonly clientId: string
  readonly clientSecret: string
  /** Of each request; 10 000 unless told. */
  readonly timeoutMs?: number
}

export interface AdminRequest {
  readonly method: 'GET' | 'POST' | 'PUT'
  /** After the realm's administration, with a slash, encoded. */
  readonly path: string
  readonly body?: unknown
}

/** Requests to a realm's administration under a token of client credentials. */
export interface KeycloakSession {
  /** @throws DeliveryError where there is no answer, or one that `accepts` does not list */
  send(request: AdminRequest, accepts: readonly number[]): Promise<PostAnswer>
  close(): void
}

const largestAnswer = 256 * 1024
/** A token is renewed so long before its end, in milliseconds. */
const marginMs = 10_000

const unreachable = new Set(['ECONNREFUSED', 'ECONNRESET', 'ENOTFOUND', 'EAI_AGAIN', 'EHOSTUNREACH', 'ENETUNREACH', 'EPIPE', 'CUT_SHORT'])
const insecure = /^(ERR_TLS|CERT_|DEPTH_ZERO|SELF_SIGNED|UNABLE_TO|ERR_SSL)/

const failureOfError = (error: unknown): DeliveryFailure => {
  const { code } = error as { code?: unknown }
  if (typeof code !== 'string') return 'internal'
  if (code === 'TIMEOUT' || code === 'ABORT_ERR') return 'timeout'
  if (insecure.test(code)) return 'insecure'
  return unreachable.has(code) ? 'unreachable' : 'internal'
}

const failureOfStatus = (status: number): DeliveryFailure => {
  if (status === 401 || status === 403) return 'unauthorized'
  return status === 429 || status >= 500 ? 'deferred' : 'refused'
}

/** The realm's token endpoint stands beside its administration. */
const tokenUrlOf = (url: URL): URL =>
  new URL(`${url.origin}${url.pathname.replace('/admin/realms/', '/realms/').replace(/\/$/, '')}/protocol/openid-connect/token`)

const tokenOf = (body: string): { token: string; seconds: number } => {
  try {
    const { access_token: token, expires_in: seconds } = JSON.parse(body) as { access_token?: unknown; expires_in?: unknown }
    if (typeof token === 'string' && typeof seconds === 'number') return { token, seconds }
  } catch {
    // An answer that is no JSON is none.
  }
  throw new DeliveryError('unauthorized')
}

export const openKeycloakSession = ({ url: text, clientId, clientSecret, timeoutMs = 10_000 }: KeycloakSettings): KeycloakSession => {
  const url = new URL(text.replace(/\/$/, ''))
  const closing = new AbortController()
  let known: { token: string; until: number } | null = null

  const ask = async (target: URL, method: AdminRequest['method'], headers: Record<string, string>, body: string): Promise<PostAnswer> => {
    try {
      return await boundedPost({ url: target, method, headers, body, timeoutMs, maxBytes: largestAnswer, signal: closing.signal })
    } catch (error) {
      throw new DeliveryError(failureOfError(error))
    }
  }

  const token = async (): Promise<string> => {
    if (known && performance.now() < known.until) return known.token
    const form = new URLSearchParams({ grant_type: 'client_credentials', client_id: clientId, client_secret: clientSecret }).toString()
    const answer = await ask(
      tokenUrlOf(url),
      'POST',
      { 'content-type': 'application/x-www-form-urlencoded', accept: 'application/json' },
      form,
    )
    if (answer.status !== 200) throw new DeliveryError(answer.status < 500 ? 'unauthorized' : 'deferred')
    const given = tokenOf(answer.body)
    known = { token: given.token, until: performance.now() + given.seconds * 1_000 - marginMs }
    return given.token
  }

  return {
    async send({ method, path, body }, accepts) {
      const headers = {
        authorization: `Bearer ${await token()}`,
        accept: 'application/json',
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      }
      const answer = await ask(new URL(`${url.href}${path}`), method, headers, body === undefined ? '' : JSON.stringify(body))
      // The realm may have forgotten the token, after a restart of its own: the next attempt asks for another.
      if (answer.status === 401) known = null
      if (!accepts.includes(answer.status)) throw new DeliveryError(failureOfStatus(answer.status))
      return answer
    },
    close: () => closing.abort(),
  }
}
