/** What the HTTP server needs to know of the configuration. */
export interface ServerSettings {
  readonly tls: { readonly cert: string; readonly key: string; readonly minVersion: 'TLSv1.3' } | null
  /** Proxies whose `X-Forwarded-For` is believed; null: none, the peer's address counts. */
  readonly trustProxy: readonly string[] | null
  readonly corsOrigins: readonly string[] | 'loopback'
}

/** Fastify's options, used by production and tests alike. Times in milliseconds, sizes in bytes. */
export const fastifyOptions = (settings: ServerSettings) => ({
  logger: false as const,
  bodyLimit: 262_144,
  requestTimeout: 30_000,
  connectionTimeout: 60_000,
  keepAliveTimeout: 72_000,
  handlerTimeout: 0,
  maxRequestsPerSocket: 0,
  exposeHeadRoutes: false,
  return503OnClosing: false,
  forceCloseConnections: 'idle' as const,
  trustProxy: settings.trustProxy ? [...settings.trustProxy] : false,
  // As long as a head can be: a parameter that is too long is refused by its schema, behind the gates, like any other.
  routerOptions: { maxParamLength: 16_384, ignoreTrailingSlash: false, caseSensitive: true },
  http: { maxHeaderSize: 16_384 },
  ...(settings.tls
    ? { https: { cert: settings.tls.cert, key: settings.tls.key, minVersion: settings.tls.minVersion, maxHeaderSize: 16_384 } }
    : {}),
})
