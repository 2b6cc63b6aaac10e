// Placeholder of the lead so that the app loads: the owner of telemetry replaces this file.
import type { FastifyPluginAsync } from 'fastify'
export interface Tracing {
  readonly plugin: FastifyPluginAsync
  close(): Promise<void>
}
export const startTracing = async (_config: unknown): Promise<Tracing> => ({ plugin: async () => undefined, close: async () => undefined })
