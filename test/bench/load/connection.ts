import { connect, type Socket } from 'node:net'

/** One answer: its status, and milliseconds from when it was due to when it was all there. */
export type Answered = (status: number, latencyMs: number) => void

/**
 * A keep-alive HTTP/1.1 connection that has one request under way at a time, and does next to nothing else: client, server and
 * database share the machine, so whatever the client costs is taken from what it measures.
 */
export interface Connection {
  readonly busy: boolean
  /** @param startedMs `performance.now()` at which the request was due */
  send(request: string, startedMs: number, answered: Answered): void
  /** The body of the last answer, as text. */
  readonly body: string
  close(): void
}

const headEnd = Buffer.from('\r\n\r\n')
const largestAnswer = 256 * 1024

const lengthIn = (head: string): number => {
  const found = /\r\ncontent-length: *(\d+)/i.exec(head)
  if (!found) throw new Error('an answer without a length cannot be measured')
  return Number(found[1])
}

const open = (port: number): Promise<{ socket: Socket; listen(take: (size: number, bytes: Buffer) => void): void }> =>
  new Promise((resolve, reject) => {
    let take = (_size: number, _bytes: Buffer): void => undefined
    const onread = {
      buffer: Buffer.allocUnsafe(64 * 1024),
      callback: (size: number, bytes: Uint8Array): boolean => {
        take(size, bytes as Buffer)
        return true
      },
    }
    const socket = connect({ port, host: '127.0.0.1', noDelay: true, onread }, () => {
      socket.off('error', reject)
      resolve({ socket, listen: (next) => void (take = next) })
    })
    socket.once('error', reject)
  })

/** Opens a connection to 127.0.0.1. `lost` is told once where it ends before it is closed here. */
export const openConnection = async (port: number, lost: (error: Error) => void): Promise<Connection> => {
  const { socket, listen } = await open(port)
  const store = Buffer.allocUnsafe(largestAnswer)
  let held = 0
  let needed = 0
  let bodyAt = 0
  let body = ''
  let startedMs = 0
  let waiting: Answered | null = null
  let closed = false

  const end = (error: Error): void => {
    if (closed) return
    closed = true
    lost(error)
  }
  socket.on('error', end)
  socket.on('close', () => end(new Error('the server has closed the connection')))

  listen((size, bytes) => {
    if (held + size > largestAnswer) return void socket.destroy(new Error('an answer is larger than any that is measured'))
    bytes.copy(store, held, 0, size)
    held += size
    if (needed === 0) {
      const at = store.subarray(0, held).indexOf(headEnd)
      if (at < 0) return
      bodyAt = at + 4
      needed = bodyAt + lengthIn(store.toString('latin1', 0, at))
    }
    if (held < needed) return
    const status = (store[9]! - 48) * 100 + (store[10]! - 48) * 10 + store[11]! - 48
    const answered = waiting!
    const latency = performance.now() - startedMs
    body = ''
    held = 0
    waiting = null
    const end = needed
    needed = 0
    if (status >= 300) body = store.toString('utf8', bodyAt, end)
    answered(status, latency)
  })

  return {
    get busy() {
      return waiting !== null
    },
    get body() {
      return body || store.toString('utf8', bodyAt, bodyAt + 2_000)
    },
    send(request, started, answered) {
      waiting = answered
      startedMs = started
      socket.write(request, 'latin1')
    },
    close() {
      closed = true
      socket.destroy()
    },
  }
}
