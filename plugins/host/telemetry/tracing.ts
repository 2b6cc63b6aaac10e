import type { FastifyPluginCallback } from 'fastify'

export interface TracingOptions {
  /** OTLP over HTTP, without `/v1/traces`. */
  readonly endpoint: string
  readonly headers: Readonly<Record<string, string>>
  readonly serviceName: string
  /** Share of new traces that are kept, 0 to 1; the decision of a caller that sends `traceparent` is followed. */
  readonly sampleRatio: number
  /** Longest that one batch may take on its way out, which also bounds the end; 3000 unless told. */
  readonly exportTimeoutMs?: number
}

export interface Tracing {
  /** Register it before any route: it observes the routes that come after. */
  readonly plugin: FastifyPluginCallback
  /** Sends what waits, for as long as one batch may take. */
  close(): Promise<void>
}

/**
 * Traces of requests: route pattern, method, status and durations, nothing of their content. The packages load only here,
 * so a service without a collector neither pays for them nor holds them in memory.
 */
export const startTracing = async ({ exportTimeoutMs = 3000, ...options }: TracingOptions): Promise<Tracing> => {
  const [api, sdk, otlp, resources, { FastifyOtelInstrumentation }, { redacting }] = await Promise.all([
    import('@opentelemetry/api'),
    import('@opentelemetry/sdk-trace-node'),
    import('@opentelemetry/exporter-trace-otlp-http'),
    import('@opentelemetry/resources'),
    import('@fastify/otel'),
    import('./redact-spans.ts'),
  ])
  const exporter = new otlp.OTLPTraceExporter({
    url: `${options.endpoint}/v1/traces`,
    headers: { ...options.headers },
    timeoutMillis: exportTimeoutMs,
  })
  const provider = new sdk.NodeTracerProvider({
    // No detectors: they tell command lines and host names.
    resource: resources.resourceFromAttributes({ 'service.name': options.serviceName }),
    sampler: new sdk.ParentBasedSampler({ root: new sdk.TraceIdRatioBasedSampler(options.sampleRatio) }),
    spanProcessors: [new sdk.BatchSpanProcessor(redacting(exporter), { exportTimeoutMillis: exportTimeoutMs })],
  })
  provider.register()
  const instrumentation = new FastifyOtelInstrumentation({ recordExceptions: false, instrumentHooks: false })
  instrumentation.setTracerProvider(provider)

  return {
    plugin: instrumentation.plugin(),
    close: async () => {
      instrumentation.disable()
      await provider.shutdown().catch(() => {})
      api.trace.disable()
      api.context.disable()
      api.propagation.disable()
    },
  }
}
