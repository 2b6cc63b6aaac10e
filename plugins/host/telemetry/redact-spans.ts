import type { ReadableSpan, SpanExporter } from '@opentelemetry/sdk-trace-node'

/** What may leave the process. Everything else is dropped, so an attribute that a library adds tomorrow stays in too. */
const allowed: ReadonlySet<string> = new Set([
  'http.request.method',
  'http.route',
  'http.response.status_code',
  'fastify.type',
  'hook.name',
])

const nameOf = ({ name, attributes }: ReadableSpan): string => {
  const { 'http.request.method': method, 'http.route': route } = attributes
  if (method === undefined) return name
  return route === undefined ? String(method) : `${String(method)} ${String(route)}`
}

/**
 * The span without anything that a caller or a record could have put there: no path (identifiers), query, event, link,
 * status text (messages quote input) or `tracestate`.
 */
export const redact = (span: ReadableSpan): ReadableSpan => {
  const { traceId, spanId, traceFlags, isRemote } = span.spanContext()
  const attributes = Object.fromEntries(Object.entries(span.attributes).filter(([name]) => allowed.has(name)))
  const parent = span.parentSpanContext
  return Object.create(span, {
    name: { value: nameOf(span) },
    attributes: { value: attributes },
    events: { value: [] },
    links: { value: [] },
    status: { value: { code: span.status.code } },
    spanContext: { value: () => ({ traceId, spanId, traceFlags, isRemote }) },
    parentSpanContext: {
      value: parent && { traceId: parent.traceId, spanId: parent.spanId, traceFlags: parent.traceFlags, isRemote: parent.isRemote },
    },
  }) as ReadableSpan
}

/** Puts the redaction in front of an exporter, where no span can pass it by. */
export const redacting = (exporter: SpanExporter): SpanExporter => ({
  export: (spans, done) => exporter.export(spans.map(redact), done),
  shutdown: () => exporter.shutdown(),
  forceFlush: () => exporter.forceFlush?.() ?? Promise.resolve(),
})
