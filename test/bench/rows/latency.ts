import { connections, onlyExpected, withClients } from '../compare.ts'
import { closedLoop } from '../load/closed-loop.ts'
import { openLoop } from '../load/open-loop.ts'
import type { Row } from '../report.ts'
import type { Rig } from '../rig.ts'
import { callersOf } from '../stage/people.ts'
import { percentile } from '../statistics.ts'
import { messageReads, sends, type Pair } from './throughput.ts'

const most = 3
const windows = 4

/**
 * Both sides at the same rate, half of what the service can take at most, in several windows in turn, whose latencies are put
 * together: a p99 of one short window is mostly chance.
 */
const tail = (rig: Rig, name: string, pair: Pair): Promise<Row> =>
  withClients(
    pair.candidate,
    pair.reference,
    async (ours, theirs) => {
      const { requests, expected } = pair.candidate
      const { seconds } = rig.options
      const inPeak = { ...ours, connections: ours.connections.slice(0, connections) }
      await closedLoop(inPeak, requests, expected, Math.min(2, seconds))
      const peak = await closedLoop(inPeak, requests, expected, seconds)
      onlyExpected(peak)
      const rate = peak.perSecond / 2
      const latencies: { service: number[]; bare: number[] } = { service: [], bare: [] }
      for (let window = 0; window < windows; window += 1) {
        const service = await openLoop(ours, requests, expected, rate, seconds)
        const bare = await openLoop(theirs, pair.reference.requests, pair.reference.expected, rate, seconds)
        for (const load of [service, bare]) onlyExpected(load)
        latencies.service.push(...service.latenciesMs)
        latencies.bare.push(...bare.latenciesMs)
      }
      const [value, reference] = [percentile(latencies.service, 0.99), percentile(latencies.bare, 0.99)]
      const p50s = [latencies.service, latencies.bare].map((all) => percentile(all, 0.5).toFixed(1))
      rig.note(`    at ${Math.round(rate)}/s: p50 ${p50s[0]} ms, the reference's ${p50s[1]} ms; ${latencies.service.length} answers each`)
      const ratio = value / reference
      return { name, value, unit: 'ms', reference, ratio, must: `ratio <= ${most}`, holds: ratio <= most }
    },
    connections * 4,
  )

export const sendTail = async (rig: Rig): Promise<Row[]> => {
  const bench = await rig.bench()
  return [await tail(rig, 'p99 of sendMessage at half of peak', sends(bench, callersOf(bench.people.one, rig.issuer)))]
}

export const readTail = async (rig: Rig): Promise<Row[]> => {
  const bench = await rig.bench()
  return [await tail(rig, 'p99 of the audited read at half of peak', messageReads(bench, callersOf(bench.people.one, rig.issuer)))]
}
