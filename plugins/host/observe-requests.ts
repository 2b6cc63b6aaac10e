import type { FastifyInstance } from 'fastify'
import type { Log } from './log.ts'
import { createRequestLog } from './request-log.ts'
import type { Metrics } from './telemetry/metrics.ts'

/** One log line and one observation for every request that was answered. */
export const observeRequests = (app: FastifyInstance, log: Log, metrics: () => Metrics): void => {
  const line = createRequestLog(log.destination)
  app.addHook('onResponse', (request, reply, done) => {
    const { call } = request
    if (call || !request.routeOptions.config?.hostPage) line(call, request, reply)
    if (call) metrics().observe(call.operation.name, reply.statusCode, performance.now() - call.arrivedAt)
    done()
  })
}
