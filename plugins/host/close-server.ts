import type { Socket } from 'node:net'
import { Server as TlsServer } from 'node:tls'
import type { FastifyInstance } from 'fastify'

const sweepMs = 25
/** How long a connection without a request is waited for: one may be on its way. */
const firstRequestMs = 250

/** The connections that have carried no request yet, such as browsers open in advance. To Node they are not idle. */
const unusedConnections = ({ server }: FastifyInstance): ReadonlySet<Socket> => {
  const unused = new Set<Socket>()
  const remember = (socket: Socket): void => {
    unused.add(socket)
    socket.once('close', () => unused.delete(socket))
  }
  server.on(server instanceof TlsServer ? 'secureConnection' : 'connection', remember)
  server.on('request', ({ socket }) => void unused.delete(socket))
  return unused
}

/**
 * Prepares the end of a server, before it listens. What it returns takes no new connection, answers what is in flight, and ends. A
 * client that does not read its answer, or never finishes its request, is cut off after `patienceMs`, so that what comes after (the
 * audit's last signatures) still has its time.
 */
export const gracefulClose = (app: FastifyInstance, patienceMs: number): (() => Promise<void>) => {
  const unused = unusedConnections(app)
  const endUnused = (): void => {
    for (const socket of unused) socket.destroy()
  }
  return async () => {
    // A connection that was just answered would be kept open for the client's next request, as long as keep-alive lasts.
    const sweep = setInterval(() => app.server.closeIdleConnections(), sweepMs)
    const first = setTimeout(endUnused, firstRequestMs)
    const last = setTimeout(() => app.server.closeAllConnections(), patienceMs)
    try {
      await app.close()
    } finally {
      clearInterval(sweep)
      clearTimeout(first)
      clearTimeout(last)
    }
  }
}
