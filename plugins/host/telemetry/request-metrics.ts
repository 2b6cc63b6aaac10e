import { preamble, sample } from './exposition.ts'

interface Measured {
  readonly method: string
  /** Answers by status. */
  readonly answers: Map<number, number>
  /** Durations by bucket, the last one for all that are longer. */
  readonly buckets: Float64Array
  sumMs: number
}

export interface RequestMetrics {
  /** Counts one answer of an operation. Constant time, and no memory after an operation's first answer of a status. */
  observe(operation: string, status: number, ms: number): void
  text(): string
}

/** Upper bounds in milliseconds. */
const bounds = [1, 2.5, 5, 10, 25, 50, 100, 250, 500, 1000, 2500, 5000, 10_000] as const

const requests = 'postern_requests_total'
const duration = 'postern_request_duration_seconds'

const measured = (method: string): Measured => ({ method, answers: new Map(), buckets: new Float64Array(bounds.length + 1), sumMs: 0 })

const histogram = (operation: string, { buckets, sumMs }: Measured): string => {
  let seen = 0
  let lines = ''
  for (const [index, inBucket] of buckets.entries()) {
    seen += inBucket
    const bound = bounds[index]
    lines += sample(`${duration}_bucket`, { operation, le: bound === undefined ? '+Inf' : bound / 1000 }, seen)
  }
  return `${lines}${sample(`${duration}_sum`, { operation }, sumMs / 1000)}${sample(`${duration}_count`, { operation }, seen)}`
}

/**
 * Answers and durations by operation. Labels are bounded: the declared operations, their methods and the statuses of HTTP;
 * what was not declared counts as `other`.
 */
export const createRequestMetrics = (operations: readonly { readonly name: string; readonly method: string }[]): RequestMetrics => {
  const byName = new Map(operations.map(({ name, method }) => [name, measured(method)]))
  const other = measured('other')

  return {
    observe: (operation, status, ms) => {
      const of = byName.get(operation) ?? other
      const known = status >= 100 && status <= 599 ? status : 0
      of.answers.set(known, (of.answers.get(known) ?? 0) + 1)
      let bucket = 0
      while (bucket < bounds.length && ms > bounds[bucket]!) bucket += 1
      of.buckets[bucket]! += 1
      of.sumMs += ms
    },
    text: () => {
      const all = [...byName, ['other', other] as const].filter(([, { answers }]) => answers.size > 0)
      const counts = all.flatMap(([operation, { method, answers }]) =>
        [...answers].sort(([one], [two]) => one - two).map(([status, count]) => sample(requests, { operation, method, status }, count)),
      )
      return [
        preamble(requests, 'Answers by operation and status', 'counter'),
        ...counts,
        preamble(duration, 'Time from arrival to answer', 'histogram'),
        ...all.map(([operation, of]) => histogram(operation, of)),
      ].join('')
    },
  }
}
