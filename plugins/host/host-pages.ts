import type { FastifyInstance, FastifyPluginAsync, FastifyPluginCallback } from 'fastify'

interface Wrapped {
  readonly plugin: FastifyPluginAsync<never> | FastifyPluginCallback<never>
  readonly options?: object
}

/** Registers a plugin whose routes are pages of the host itself and serve no operation: documentation, development. */
export const hostPages = async (scope: FastifyInstance, { plugin, options = {} }: Wrapped): Promise<void> => {
  scope.addHook('onRoute', (route) => {
    route.config = { ...route.config, hostPage: true }
    // The document shows operations, each with its gates; a page has none.
    route.schema = { ...route.schema, hide: true } as typeof route.schema
  })
  await scope.register(plugin as FastifyPluginAsync, options)
}
