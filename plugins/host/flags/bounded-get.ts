import http from 'node:http'
import https from 'node:https'

export interface BoundedGet {
  readonly url: URL
  readonly agent: http.Agent
  readonly headers: Readonly<Record<string, string>>
  /** From the call to the last byte of the answer. */
  readonly timeoutMs: number
  readonly maxBytes: number
  readonly signal: AbortSignal
}

export interface Answer {
  readonly status: number
  readonly etag: string | null
  readonly contentType: string | null
  readonly location: string | null
  readonly body: string
}

const failure = (code: string): Error => Object.assign(new Error(code), { code })

/** An agent with one kept connection, for the address's protocol. */
export const oneConnection = (url: URL): http.Agent =>
  new (url.protocol === 'https:' ? https.Agent : http.Agent)({ keepAlive: true, maxSockets: 1 })

/**
 * GET with a bound on time and on size, redirects not followed.
 * @throws an error whose `code` says what went wrong: an errno, `TIMEOUT`, `TOO_LARGE`
 */
export const boundedGet = ({ url, agent, headers, timeoutMs, maxBytes, signal }: BoundedGet): Promise<Answer> =>
  new Promise((resolve, reject) => {
    const request = (url.protocol === 'https:' ? https : http).get(url, { agent, headers, signal })
    const deadline = setTimeout(() => request.destroy(failure('TIMEOUT')), timeoutMs)
    const fail = (error: Error): void => {
      clearTimeout(deadline)
      reject(error)
    }
    request.on('error', fail)
    request.on('response', (response) => {
      const chunks: Buffer[] = []
      let size = 0
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
        const { etag = null, location = null, 'content-type': contentType = null } = response.headers
        resolve({ status: response.statusCode ?? 0, etag, contentType, location, body: Buffer.concat(chunks).toString('utf8') })
      })
    })
  })
