import { connect, type Socket } from 'node:net'
import { Refusal } from '../../../../domain/shared/refusal.ts'
import { refuseFile } from '../inspect/parser.ts'
import type { Scan, Scanner } from './scanner.ts'

export interface ClamdOptions {
  readonly host: string
  readonly port: number
  /** To connect, and to take each piece. Milliseconds. */
  readonly idleMs?: number
  /** From the last piece to the verdict. Milliseconds. */
  readonly verdictMs?: number
}

/** An answer is one short line. */
const longestAnswer = 1_024

const unavailable = (cause: unknown): Refusal => {
  const timedOut = (cause as { code?: unknown } | null)?.code === 'TIMEOUT'
  return new Refusal('UPSTREAM_UNAVAILABLE', timedOut ? 'timeout' : 'default', { cause })
}

const failure = (code: string): Error => Object.assign(new Error(`clamd: ${code}`), { code })

/** Rejects when the connection fails or stands still; resolves with the answer, up to its NUL. */
const answerOf = (socket: Socket): Promise<string> =>
  new Promise((resolve, reject) => {
    let text = ''
    socket.on('data', (chunk) => {
      text += chunk.toString('latin1')
      const end = text.indexOf('\0')
      if (end !== -1) resolve(text.slice(0, end))
      else if (text.length > longestAnswer) reject(failure('NONSENSE'))
    })
    socket.on('timeout', () => reject(failure('TIMEOUT')))
    socket.on('error', reject)
    socket.on('close', () => reject(failure('CLOSED')))
  })

const lengthOf = (chunk: Buffer): Buffer => {
  const length = Buffer.alloc(4)
  length.writeUInt32BE(chunk.length)
  return length
}

const judge = (answer: string): 'clean' => {
  if (/^stream: OK$/.test(answer)) return 'clean'
  if (/^stream: .* FOUND$/.test(answer)) throw refuseFile('malware')
  // Such as a stream that is longer than clamd was told to take: not looked at is not clean.
  throw unavailable(failure('REFUSED'))
}

/** Writes and waits until the kernel has taken it, or the connection has failed. */
const send = async (socket: Socket, bytes: Buffer, answer: Promise<string>): Promise<void> => {
  const taken = new Promise<void>((resolve, reject) => socket.write(bytes, (error) => (error ? reject(error) : resolve())))
  // An early answer ends the conversation: it is read when the file has come to its end.
  await Promise.race([taken, answer.then(() => undefined)])
  taken.catch(() => undefined)
}

/**
 * Scans with clamd: `INSTREAM` over TCP, a connection per file. What cannot be scanned is not stored.
 * @see clamd(8), INSTREAM
 */
export const clamdScanner = ({ host, port, idleMs = 10_000, verdictMs = 60_000 }: ClamdOptions): Scanner => ({
  async open(): Promise<Scan> {
    const socket = connect({ host, port })
    socket.setTimeout(idleMs)
    const answer = answerOf(socket)
    answer.catch(() => undefined)
    const attempt = async (bytes: Buffer): Promise<void> => {
      try {
        await send(socket, bytes, answer)
      } catch (cause) {
        socket.destroy()
        throw unavailable(cause)
      }
    }
    await attempt(Buffer.from('zINSTREAM\0'))
    return {
      see: (chunk) => attempt(Buffer.concat([lengthOf(chunk), chunk])),
      async end() {
        await attempt(Buffer.alloc(4))
        socket.setTimeout(verdictMs)
        try {
          return judge(
            await answer.catch((cause: unknown) => {
              throw unavailable(cause)
            }),
          )
        } finally {
          socket.destroy()
        }
      },
      close: () => void socket.destroy(),
    }
  },
})
