import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import type { Log } from './log.ts'
import { createRequestLog } from './request-log.ts'
import type { Metrics } from './telemetry/metrics.ts'

/**
 * One log line and one observation for every request, those included whose caller hung up before the answer: what they asked for may
 * have happened, and Fastify tells of finished answers alone.
 */
export const observeRequests = (app: FastifyInstance, log: Log, metrics: () => Metrics): void => {
  const line = createRequestLog(log.destination)
  const observe = (request: FastifyRequest, reply: FastifyReply): void => {
    const { call } = request
    if (call || !request.routeOptions.config?.hostPage) line(call, request, reply)
    if (call) metrics().observe(call.operation.name, reply.statusCode, performance.now() - call.arrivedAt)
  }
  app.addHook('onSend', (request, reply, _payload, done) => {
    const { raw } = reply
    // `finish` comes or does not: after `close` it never will.
    if (raw.closed) observe(request, reply)
    else raw.once('close', () => raw.writableFinished || observe(request, reply))
    done()
  })
  app.addHook('onResponse', (request, reply, done) => {
    observe(request, reply)
    done()
  })
}
