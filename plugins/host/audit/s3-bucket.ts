import { createHash } from 'node:crypto'
import { setTimeout as delay } from 'node:timers/promises'
import { AwsClient } from 'aws4fetch'

/** A bucket of an S3-compatible store and the key that opens it. */
export interface S3Place {
  readonly endpoint: string
  readonly bucket: string
  readonly region: string
  readonly accessKeyId: string
  readonly secretAccessKey: string
  /** Whether the bucket stands in the path instead of the host's name. */
  readonly forcePathStyle: boolean
}

export interface S3Request {
  readonly method: 'GET' | 'PUT' | 'DELETE'
  /** Without a leading slash; none for the bucket itself. */
  readonly key?: string
  readonly query?: Readonly<Record<string, string>>
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: string
  /** Once instead of three times. */
  readonly once?: boolean
}

export interface S3Answer {
  readonly status: number
  readonly body: string
}

export interface S3Bucket {
  /**
   * Sends a signed request and reads the whole answer, whatever its status. What fails in passing is asked again, twice.
   * @throws Error with a `code` where there is no answer, it takes too long or it is larger than 8 MiB
   */
  send(request: S3Request): Promise<S3Answer>
  /** Ends every request that is under way; it and each later one rejects. */
  abort(): void
}

const tries = 3
const requestMs = 5_000
const largestAnswer = 8 * 1024 * 1024
const passing: ReadonlySet<number> = new Set([408, 409, 429, 500, 502, 503, 504])

/** An error that the log can tell apart: messages are not written there, codes are. */
export const s3Error = (message: string, code: string, cause?: unknown): Error => Object.assign(new Error(message, { cause }), { code })

/** The error of an answer that is not what was asked for. */
export const refusedBy = ({ status, body }: S3Answer): Error => {
  const [, reason = ''] = /<Code>([A-Za-z]{1,64})<\/Code>/.exec(body) ?? []
  return s3Error(`The checkpoint store answered ${status} ${reason}`.trimEnd(), `ERR_S3_${status}`)
}

/** The address of an object, or of the bucket itself. */
export const addressOf = ({ endpoint, bucket, forcePathStyle }: S3Place, { key = '', query = {} }: S3Request): URL => {
  const url = new URL(endpoint)
  // A dot in the bucket's name fits no certificate of the store.
  const inPath = forcePathStyle || bucket.includes('.')
  if (!inPath) url.hostname = `${bucket}.${url.hostname}`
  url.pathname = `${url.pathname.replace(/\/$/, '')}${inPath ? `/${bucket}` : ''}/${key}`
  url.search = new URLSearchParams(query).toString()
  return url
}

const textOf = async (response: Response): Promise<string> => {
  const chunks: Uint8Array[] = []
  let size = 0
  for await (const chunk of response.body ?? []) {
    size += chunk.length
    if (size > largestAnswer) throw s3Error('The checkpoint store answered too much', 'ERR_S3_TOO_LARGE')
    chunks.push(chunk)
  }
  return Buffer.concat(chunks).toString('utf8')
}

const isOwn = (error: unknown): boolean => codeOf(error)?.startsWith('ERR_S3_') === true

const codeOf = (error: unknown): string | undefined => {
  const { code, cause } = error as { code?: unknown; cause?: { code?: unknown } }
  const told = code ?? cause?.code
  return typeof told === 'string' ? told : undefined
}

/** Opens a bucket: requests signed with version 4, each with five seconds' time. Nothing is sent before the first request. */
export const openBucket = (place: S3Place, fetcher: typeof fetch = fetch): S3Bucket => {
  const { accessKeyId, secretAccessKey, region } = place
  const aws = new AwsClient({ accessKeyId, secretAccessKey, region, service: 's3' })
  const underWay = new Set<AbortController>()
  let aborted = false

  const sendOnce = async (request: S3Request): Promise<S3Answer> => {
    const abort = new AbortController()
    const timer = setTimeout(() => abort.abort(s3Error('It took too long', 'ERR_S3_TIMEOUT')), requestMs)
    underWay.add(abort)
    try {
      const { method, body } = request
      const headers = {
        ...request.headers,
        'x-amz-content-sha256': createHash('sha256')
          .update(body ?? '')
          .digest('hex'),
      }
      const signed = await aws.sign(addressOf(place, request), { method, headers, body })
      // Followed, a redirect would carry the signed request to a place that nobody configured.
      const response = await fetcher(signed, { signal: abort.signal, redirect: 'manual' })
      return { status: response.status, body: await textOf(response) }
    } catch (error) {
      throw isOwn(error) ? error : s3Error('The checkpoint store gave no answer', codeOf(error) ?? 'ERR_S3_NETWORK', error)
    } finally {
      clearTimeout(timer)
      underWay.delete(abort)
    }
  }

  return {
    async send(request) {
      for (let attempt = 1; ; attempt += 1) {
        if (aborted) throw s3Error('The checkpoint store is closed', 'ERR_S3_CLOSED')
        const last = attempt === tries || request.once === true
        try {
          const answer = await sendOnce(request)
          if (last || !passing.has(answer.status)) return answer
        } catch (error) {
          if (last || aborted || codeOf(error) === 'ERR_S3_TOO_LARGE') throw error
        }
        await delay(100 * 3 ** (attempt - 1) * (0.5 + Math.random()))
      }
    },
    abort() {
      aborted = true
      for (const abort of underWay) abort.abort(s3Error('The checkpoint store is closed', 'ERR_S3_CLOSED'))
    },
  }
}
