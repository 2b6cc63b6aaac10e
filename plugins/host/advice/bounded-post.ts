import http from 'node:http'
import https from 'node:https'

export interface BoundedPost {
  /** POST unless told. */
  readonly method?: 'GET' | 'POST' | 'PUT'
  readonly url: URL
  readonly headers: Readonly<Record<string, string>>
  readonly body: string
  /** From the call to the last byte of the answer. */
  readonly timeoutMs: number
  readonly maxBytes: number
  readonly signal: AbortSignal
}

export interface PostAnswer {
  readonly status: number
  readonly contentType: string
  readonly location: string | null
  readonly body: string
}

const failure = (code: string): Error => Object.assign(new Error(code), { code })

/**
 * One request, POST unless told, with a bound on time and on size, tried once, redirects not followed, on a connection of its own.
 * @throws an error whose `code` says what went wrong: an errno, `TIMEOUT`, `TOO_LARGE`, `CUT_SHORT`, `ENCODED`
 */
export const boundedPost = ({ url, method = 'POST', headers, body, timeoutMs, maxBytes, signal }: BoundedPost): Promise<PostAnswer> =>
  new Promise((resolve, reject) => {
    const length = String(Buffer.byteLength(body))
    const request = (url.protocol === 'https:' ? https : http).request(url, {
      method,
      agent: false,
      signal,
      headers: { ...headers, 'accept-encoding': 'identity', 'content-length': length },
    })
    const deadline = setTimeout(() => request.destroy(failure('TIMEOUT')), timeoutMs)
    const fail = (error: Error): void => {
      clearTimeout(deadline)
      reject(error)
    }
    request.on('error', fail)
    request.on('response', (response) => {
      const chunks: Buffer[] = []
      let size = 0
      if ((response.headers['content-encoding'] ?? 'identity') !== 'identity') request.destroy(failure('ENCODED'))
      response.on('data', (chunk: Buffer) => {
        size += chunk.length
        if (size > maxBytes) request.destroy(failure('TOO_LARGE'))
        else chunks.push(chunk)
      })
      // A request that is destroyed after its answer began speaks through the answer, or only closes it.
      response.on('error', fail)
      response.on('close', () => {
        if (!response.complete) fail(failure('CUT_SHORT'))
      })
      response.on('end', () => {
        clearTimeout(deadline)
        const contentType = response.headers['content-type'] ?? ''
        const location = response.headers.location ?? null
        resolve({ status: response.statusCode ?? 0, contentType, location, body: Buffer.concat(chunks).toString('utf8') })
      })
    })
    request.end(body)
  })
