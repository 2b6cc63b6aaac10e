import { Agent, request } from 'node:http'
import { setTimeout as pause } from 'node:timers/promises'
import { newId } from '../../../domain/shared/ids.ts'

/** What of an answer the next request follows from. */
interface Followed {
  readonly id: string
  /** Of a profile: what it lacks. */
  readonly missing?: readonly string[]
}

export interface PortalAnswer {
  readonly status: number
  readonly etag: string
  readonly body: Followed
  /** From when it was sent to when it was all there. */
  readonly ms: number
}

export interface PortalRequest {
  readonly token: string
  readonly json?: object
  /** A form with its header. */
  readonly form?: { readonly payload: Buffer; readonly headers: Readonly<Record<string, string>> }
  readonly etag?: string
}

/** A client that reads its answers, for work in which one request follows from another; what is only sent goes by `openConnection`. */
export interface Portal {
  /**
   * Asks again for as long as the service says that it is too busy, as people do; all of it is in `ms`.
   * @throws Error on any other status than `expected`
   */
  call(expected: number, method: string, path: string, request: PortalRequest): Promise<PortalAnswer>
  /** How often the service was too busy so far. */
  readonly refused: number
  close(): void
}

const tooBusy = 503
const breathMs = 100
const patienceMs = 60_000

export const openPortalTo = (port: number): Portal => {
  const agent = new Agent({ keepAlive: true })
  let refused = 0
  const send = (method: string, path: string, key: string, { token, json, form, etag }: PortalRequest): Promise<Omit<PortalAnswer, 'ms'>> =>
    new Promise((resolve, reject) => {
      const payload = form?.payload ?? (json === undefined ? undefined : Buffer.from(JSON.stringify(json)))
      const headers = {
        authorization: `Bearer ${token}`,
        ...(method === 'POST' ? { 'idempotency-key': key } : {}),
        ...(json === undefined ? {} : { 'content-type': 'application/json' }),
        ...form?.headers,
        ...(payload === undefined ? {} : { 'content-length': payload.length }),
        ...(etag === undefined ? {} : { 'if-match': etag }),
      }
      const sent = request({ agent, port, host: '127.0.0.1', method, path: `/api${path}`, headers, timeout: patienceMs }, (answer) => {
        const parts: Buffer[] = []
        answer.on('data', (part: Buffer) => void parts.push(part)).once('error', reject)
        answer.once('end', () => {
          const text = Buffer.concat(parts).toString()
          const body = JSON.parse(text === '' ? '{}' : text) as Followed
          resolve({ status: answer.statusCode ?? 0, etag: answer.headers.etag ?? '', body })
        })
      })
      sent.once('error', reject).once('timeout', () => sent.destroy(new Error('an answer takes too long')))
      sent.end(payload)
    })
  return {
    get refused() {
      return refused
    },
    async call(expected, method, path, wanted) {
      const [started, key] = [performance.now(), newId()]
      let answer = await send(method, path, key, wanted)
      for (; answer.status === tooBusy && performance.now() - started < patienceMs; answer = await send(method, path, key, wanted)) {
        refused += 1
        await pause(breathMs)
      }
      if (answer.status !== expected) throw new Error(`${method} ${path} was answered ${answer.status}: ${JSON.stringify(answer.body)}`)
      return { ...answer, ms: performance.now() - started }
    },
    close: () => agent.destroy(),
  }
}
