import { compare, type Comparison, type Round, type Side } from '../compare.ts'
import { consentPath, listPath, messageBody, reads, sendPath, writes, type Caller } from '../load/requests.ts'
import type { Row } from '../report.ts'
import type { Bench, Rig } from '../rig.ts'
import { callersOf } from '../stage/people.ts'
import { median, percentile } from '../statistics.ts'

/** What is measured on both sides: an operation, and the bare route that does the same. */
export interface Pair {
  readonly candidate: Side
  readonly reference: Side
}

export const sends = (bench: Bench, callers: readonly Caller[]): Pair => ({
  candidate: { server: bench.candidate, requests: writes(callers, sendPath, messageBody), expected: 201 },
  reference: {
    server: bench.reference,
    requests: writes(callers, ({ conversationId }) => `/bare/conversations/${conversationId}/messages`, messageBody),
    expected: 201,
  },
})

export const messageReads = (bench: Bench, callers: readonly Caller[]): Pair => ({
  candidate: { server: bench.candidate, requests: reads(callers, listPath), expected: 200 },
  reference: { server: bench.reference, requests: reads(callers, ({ messageId }) => `/bare/messages/${messageId}`), expected: 200 },
})

const consentReads = (bench: Bench, callers: readonly Caller[]): Pair => ({
  candidate: { server: bench.candidate, requests: reads(callers, consentPath), expected: 200 },
  reference: { server: bench.reference, requests: reads(callers, ({ consentId }) => `/bare/consents/${consentId}`), expected: 200 },
})

const probes = (bench: Bench, callers: readonly Caller[]): Pair => ({
  candidate: { server: bench.candidate, requests: reads(callers, () => '/api/bench/probe'), expected: 200 },
  reference: { server: bench.reference, requests: reads(callers, () => '/bare/probe'), expected: 200 },
})

const detailsOf = (comparison: Comparison): string => {
  const side = (of: 'candidate' | 'reference'): string => {
    const rounds = comparison.rounds.map((round) => round[of])
    const latencies = rounds.flatMap(({ latenciesMs }) => latenciesMs)
    const [p50, p99] = [percentile(latencies, 0.5), percentile(latencies, 0.99)]
    const each = rounds.map(({ perSecond }) => Math.round(perSecond)).join(' ')
    const middle = (of: (round: Round) => number): string => median(rounds.map(of)).toFixed(0)
    const cost = `${middle(({ cpuMicros }) => cpuMicros)} us in Node, ${middle(({ databaseMicros }) => databaseMicros)} us in PostgreSQL`
    return `${each}/s, p50 ${p50.toFixed(1)} ms, p99 ${p99.toFixed(1)} ms, processor time each ${cost}, client busy ${middle(({ clientBusy }) => 100 * clientBusy)} %, neighbours on ${median(rounds.map(({ neighbours }) => neighbours)).toFixed(1)} processors`
  }
  return `    service   ${side('candidate')}\n    reference ${side('reference')}\n    ratio by processor time ${comparison.ratioOfTime.toFixed(2)}`
}

/** Measures a pair and prints what it took. */
export const row = async (rig: Rig, name: string, least: number, pair: Pair): Promise<Row> => {
  const comparison = await compare(rig, pair.candidate, pair.reference)
  rig.note(detailsOf(comparison))
  const { value, reference, ratio } = comparison
  return { name, value, unit: 'req/s', reference, ratio, must: `ratio >= ${least.toFixed(2)}`, holds: ratio >= least }
}

/** Says what makes the comparison unfair. */
export const fair = async (rig: Rig, bench: Bench): Promise<void> => {
  for (const difference of await bench.unfair()) rig.note(`    UNFAIR: ${difference}`)
}

export const sendOneAgency = async (rig: Rig): Promise<Row[]> => {
  const bench = await rig.bench()
  const rows = [await row(rig, 'sendMessage, one agency', 0.6, sends(bench, callersOf(bench.people.one, rig.issuer)))]
  await fair(rig, bench)
  return rows
}

export const sendSpread = async (rig: Rig): Promise<Row[]> => {
  const bench = await rig.bench()
  return [await row(rig, 'sendMessage, spread over 20 agencies', 0.6, sends(bench, callersOf(bench.people.spread, rig.issuer)))]
}

export const readMessages = async (rig: Rig): Promise<Row[]> => {
  const bench = await rig.bench()
  const rows = [
    await row(rig, 'audited read, listMessages of one message', 0.6, messageReads(bench, callersOf(bench.people.one, rig.issuer))),
  ]
  await fair(rig, bench)
  return rows
}

export const readConsent = async (rig: Rig): Promise<Row[]> => {
  const bench = await rig.bench()
  return [await row(rig, 'audited read, getConsent', 0.6, consentReads(bench, callersOf(bench.people.one, rig.issuer)))]
}

export const overhead = async (rig: Rig): Promise<Row[]> => {
  const bench = await rig.bench()
  return [await row(rig, 'platform overhead, a route without SQL', 0.75, probes(bench, callersOf(bench.people.one, rig.issuer)))]
}
