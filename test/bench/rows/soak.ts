import { closedLoop, openClients } from '../load/closed-loop.ts'
import { onlyExpected } from '../compare.ts'
import type { Row } from '../report.ts'
import type { Rig } from '../rig.ts'
import { callersOf } from '../stage/people.ts'
import { messageReads, sends } from './throughput.ts'

const mebibyte = 1024 * 1024
/** What a collected heap may differ by from one look to the next. */
const mostMib = 8

/** What the service holds after a collection, before and after writes and reads for a while. */
export const soak = async (rig: Rig): Promise<Row[]> => {
  const bench = await rig.bench()
  const callers = callersOf(bench.people.spread, rig.issuer)
  const loads = [sends(bench, callers), messageReads(bench, callers)].map(({ candidate }) => candidate)
  const clients = await openClients(bench.candidate.port, 32)
  try {
    let answers = 0
    const run = async (seconds: number): Promise<number> => {
      for (const { requests, expected } of loads) {
        const load = await closedLoop(clients, requests, expected, seconds / loads.length)
        onlyExpected(load)
        answers += load.answers
      }
      return (await bench.candidate.usage(true)).heapBytes / mebibyte
    }
    const { seconds, full } = rig.options
    const before = await run(seconds * 2)
    answers = 0
    const after = await run(full ? 300 : seconds * 6)
    rig.note(`    ${before.toFixed(1)} MiB, ${after.toFixed(1)} MiB after ${answers} answers more`)
    const value = after - before
    return [
      {
        name: `soak, growth of the collected heap over ${answers} answers`,
        value,
        unit: 'MiB',
        reference: before,
        ratio: after / before,
        must: `<= ${mostMib}`,
        holds: value <= mostMib,
      },
    ]
  } finally {
    clients.close()
  }
}
