import type { FastifyInstance } from 'fastify'

const sweepMs = 25

/**
 * Takes no new connection, answers what is in flight, and ends. A client that does not read its answer, or never finishes its
 * request, is cut off after `patienceMs`, so that what comes after (the audit's last signatures) still has its time.
 */
export const closeServer = async (app: FastifyInstance, patienceMs: number): Promise<void> => {
  // A connection that was just answered would be kept open for the client's next request, as long as keep-alive lasts.
  const sweep = setInterval(() => app.server.closeIdleConnections(), sweepMs)
  const last = setTimeout(() => app.server.closeAllConnections(), patienceMs)
  try {
    await app.close()
  } finally {
    clearInterval(sweep)
    clearTimeout(last)
  }
}
