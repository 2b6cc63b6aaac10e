import { createReadStream } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import http from 'node:http'
import https from 'node:https'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { setTimeout as delay } from 'node:timers/promises'
import { AwsClient } from 'aws4fetch'
import { addressOf, openBucket, s3Error, type S3Place } from '../audit/s3-bucket.ts'
import { checkedKey, type ObjectStore, type Spooled } from './object-store.ts'
import { removeForgotten } from './spool.ts'

/** Without a byte in either direction for this long, a transfer is given up. Milliseconds. */
const idleMs = 10_000
/** From the request to the head of its answer, a whole upload included. */
const answerMs = 120_000
const tries = 3
const incomingPrefix = 'postern-incoming-'

const passing = (status: number): boolean => status === 429 || status >= 500

/** Objects in a bucket of an S3-compatible store. Each is sent in one request of known length and hash; the store keeps it whole or not at all. */
export const s3Store = async (place: S3Place): Promise<ObjectStore> => {
  const { accessKeyId, secretAccessKey, region } = place
  const aws = new AwsClient({ accessKeyId, secretAccessKey, region, service: 's3' })
  const bucket = openBucket(place)
  const secure = new URL(place.endpoint).protocol === 'https:'
  const agent = new (secure ? https.Agent : http.Agent)({ keepAlive: true, maxSockets: 16 })
  const stop = new AbortController()
  await removeForgotten(tmpdir(), incomingPrefix)
  const incoming = await mkdtemp(join(tmpdir(), incomingPrefix))
  const nameOf = (key: string): string => `documents/${checkedKey(key)}`

  /** Sends one signed request; the answer's body is the caller's to read or to end. */
  const send = async (method: 'GET' | 'PUT', key: string, spooled: Spooled | null): Promise<http.IncomingMessage> => {
    const url = addressOf(place, { method, key: nameOf(key) })
    const headers = {
      'x-amz-content-sha256': spooled?.sha256 ?? 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855',
      ...(spooled ? { 'content-type': 'application/octet-stream' } : {}),
    }
    const signed = await aws.sign(url, { method, headers })
    const request = (secure ? https : http).request(url, {
      method,
      agent,
      signal: stop.signal,
      headers: { ...Object.fromEntries(signed.headers), ...(spooled ? { 'content-length': spooled.size } : {}) },
    })
    request.setTimeout(idleMs, () => request.destroy(s3Error('The document store stands still', 'ERR_S3_TIMEOUT')))
    const deadline = setTimeout(() => request.destroy(s3Error('The document store takes too long', 'ERR_S3_TIMEOUT')), answerMs)
    const answered = new Promise<http.IncomingMessage>((resolve, reject) => {
      request.once('response', resolve)
      request.on('error', reject)
    })
    try {
      // An answer may come before the body has gone: it says why.
      if (spooled) await Promise.race([pipeline(createReadStream(spooled.path), request), answered])
      else request.end()
      return await answered
    } finally {
      clearTimeout(deadline)
      answered.catch(() => undefined)
    }
  }

  const statusOf = (answer: http.IncomingMessage): number => {
    answer.on('error', () => {})
    answer.resume()
    return answer.statusCode ?? 0
  }

  const putOnce = async (key: string, spooled: Spooled): Promise<number> => {
    try {
      return statusOf(await send('PUT', key, spooled))
    } catch (error) {
      if (stop.signal.aborted) throw error
      return 503
    }
  }

  return {
    incoming,
    async put(key, spooled) {
      for (let tried = 1; ; tried += 1) {
        const status = await putOnce(key, spooled)
        if (status === 200) return
        if (tried === tries || !passing(status)) throw s3Error(`The document store answered ${status}`, `ERR_S3_${status}`)
        await delay(200 * 3 ** (tried - 1) * (0.5 + Math.random()))
      }
    },
    async get(key) {
      const answer = await send('GET', key, null)
      if (answer.statusCode === 200) return answer
      const status = statusOf(answer)
      if (status === 404) return null
      throw s3Error(`The document store answered ${status}`, `ERR_S3_${status}`)
    },
    async remove(key) {
      const { status } = await bucket.send({ method: 'DELETE', key: nameOf(key) })
      if (status !== 204 && status !== 200 && status !== 404) throw s3Error(`The document store answered ${status}`, `ERR_S3_${status}`)
    },
    async check() {
      const { status } = await bucket.send({
        method: 'GET',
        query: { 'list-type': '2', 'max-keys': '1', prefix: 'documents/' },
        once: true,
      })
      return status === 200
    },
    async close() {
      stop.abort()
      bucket.abort()
      agent.destroy()
      await rm(incoming, { recursive: true, force: true })
    },
  }
}
