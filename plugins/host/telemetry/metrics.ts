import { contentType, preamble, sample } from './exposition.ts'
import { createProcessMetrics } from './process-metrics.ts'
import { createRequestMetrics } from './request-metrics.ts'

/**
 * What the service tells of itself, as Prometheus text. Requests are counted in the process's own arrays and written out only
 * when somebody reads, because a client library's labels would cost more than the counting. No metric has a label whose values
 * a caller chooses.
 */
export interface Metrics {
  /** Counts one answer: `ms` from arrival to answer. Well below a microsecond. */
  observe(operation: string, status: number, ms: number): void
  /** Declares a counter and returns what adds to it. @throws Error where the name is taken or malformed */
  counter(name: string, help: string): (by?: number) => void
  /** Declares a value that is read when somebody asks. @throws Error where the name is taken or malformed */
  gauge(name: string, help: string, read: () => number): void
  text(): Promise<string>
  readonly contentType: string
  close(): void
}

export interface MetricsOptions {
  readonly operations: readonly { readonly name: string; readonly method: string }[]
  /** Whether the process itself is measured. */
  readonly defaultMetrics?: boolean
}

/** A part that cannot be read must not hide the others. */
const readOr = (read: () => number): number => {
  try {
    return read()
  } catch {
    return Number.NaN
  }
}

export const createMetrics = ({ operations, defaultMetrics = true }: MetricsOptions): Metrics => {
  const requests = createRequestMetrics(operations)
  const ofProcess = defaultMetrics ? createProcessMetrics() : undefined
  const declared = new Map<string, () => string>()

  const declare = (name: string, text: () => string): void => {
    if (!/^[a-z][a-z0-9_]*$/.test(name)) throw new Error(`${name} is no name for a metric.`)
    if (declared.has(name)) throw new Error(`The metric ${name} is declared twice.`)
    declared.set(name, text)
  }

  return {
    observe: requests.observe,
    counter: (name, help) => {
      let count = 0
      declare(name, () => preamble(name, help, 'counter') + sample(name, {}, count))
      return (by = 1) => {
        count += by
      }
    },
    gauge: (name, help, read) => declare(name, () => preamble(name, help, 'gauge') + sample(name, {}, readOr(read))),
    text: async () => [requests.text(), ...[...declared.values()].map((text) => text()), ofProcess?.text() ?? ''].join(''),
    contentType,
    close: () => ofProcess?.close(),
  }
}
