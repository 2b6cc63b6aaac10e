import { setTimeout as delay } from 'node:timers/promises'
import { setFlags } from '../candidate/environment.ts'
import { openConnection } from '../load/connection.ts'
import type { Requests } from '../load/closed-loop.ts'
import { messageBody, sendPath, writes } from '../load/requests.ts'
import type { Row } from '../report.ts'
import type { Candidate, Rig } from '../rig.ts'
import { callersOf } from '../stage/people.ts'
import { percentile } from '../statistics.ts'
import { startUnleashServer } from '../../fixtures/unleash-server.ts'

/** Somebody who sends without a pause, and notes when the answer was a success for the last time. */
interface Sender {
  readonly lastSuccessMs: number
  readonly refusing: boolean
  stop(): void
}

const startSender = async (server: Candidate, requests: Requests): Promise<Sender> => {
  let lastSuccessMs = 0
  let refusing = false
  let stopped = false
  const connection = await openConnection(server.port, () => (stopped = true))
  const next = (): void => {
    if (stopped) return connection.close()
    connection.send(requests(), performance.now(), (status) => {
      refusing = status === 503
      if (status === 201) lastSuccessMs = performance.now()
      // A breath in between: what is measured is the flip, not the load.
      setTimeout(next, 1)
    })
  }
  next()
  return {
    get lastSuccessMs() {
      return lastSuccessMs
    },
    get refusing() {
      return refusing
    },
    stop: () => void (stopped = true),
  }
}

const patienceMs = 10_000

const until = async (holds: () => boolean): Promise<void> => {
  const deadline = performance.now() + patienceMs
  while (!holds()) {
    if (performance.now() > deadline) throw new Error('a flip was not obeyed')
    await delay(2)
  }
}

type Turn = (on: boolean) => Promise<void>

/** From the flip to the last message that an instance still took: one time for each flip and instance. */
const delays = async (rig: Rig, instances: readonly Candidate[], turn: Turn, flips: number): Promise<number[]> => {
  const { people } = await rig.bench()
  const senders = await Promise.all(
    instances.map((server) => startSender(server, writes(callersOf(people.one, rig.issuer), sendPath, messageBody))),
  )
  const times: number[] = []
  try {
    for (let flip = 0; flip < flips; flip += 1) {
      await turn(true)
      await until(() => senders.every((sender) => !sender.refusing))
      // Anywhere in the interval of whoever looks at intervals.
      await delay(100 + Math.random() * 500)
      const flippedMs = performance.now()
      await turn(false)
      await until(() => senders.every((sender) => sender.refusing))
      for (const { lastSuccessMs } of senders) times.push(Math.max(0, lastSuccessMs - flippedMs) / 1000)
    }
  } finally {
    for (const sender of senders) sender.stop()
  }
  return times
}

const rowOf = (rig: Rig, source: string, times: readonly number[], most: number): Row => {
  const value = percentile(times, 0.99)
  rig.note(`    ${times.length} times: median ${percentile(times, 0.5).toFixed(3)} s`)
  return {
    name: `flag flip to refusal, two instances, ${source}, p99`,
    value,
    unit: 's',
    reference: null,
    ratio: null,
    must: `<= ${most}`,
    holds: value <= most,
  }
}

const pair = async (rig: Rig, env?: Readonly<Record<string, string>>): Promise<{ instances: Candidate[]; directory: string }> => {
  const { candidate } = await rig.bench()
  const directory = rig.folder(env ? 'flips-unleash' : 'flips')
  setFlags(directory, { USE_CHAT_WRITES: true })
  const instances = [await rig.serve(candidate.database, { directory, env }), await rig.serve(candidate.database, { directory, env })]
  return { instances, directory }
}

export const flipsOfFile = async (rig: Rig): Promise<Row[]> => {
  const { instances, directory } = await pair(rig)
  try {
    const times = await delays(rig, instances, async (on) => setFlags(directory, { USE_CHAT_WRITES: on }), rig.options.full ? 50 : 15)
    return [rowOf(rig, 'file', times, 0.3)]
  } finally {
    await Promise.all(instances.map((instance) => instance.stop()))
  }
}

export const flipsOfUnleash = async (rig: Rig): Promise<Row[]> => {
  const databaseUrl = await rig.postgres.empty('unleash')
  const unleash = await startUnleashServer({ teardown: (work) => rig.keep(async () => work()) }, { databaseUrl })
  await unleash.create('USE_CHAT_WRITES')
  await unleash.addStrategy('USE_CHAT_WRITES', { name: 'default' })
  await unleash.turn('USE_CHAT_WRITES', 'on')
  const { instances } = await pair(rig, { UNLEASH_URL: unleash.url, UNLEASH_API_TOKEN: unleash.token, FLAGS_FILE: '' })
  try {
    const times = await delays(rig, instances, (on) => unleash.turn('USE_CHAT_WRITES', on ? 'on' : 'off'), 25)
    return [rowOf(rig, 'Unleash', times, 1.5)]
  } finally {
    await Promise.all(instances.map((instance) => instance.stop()))
    await unleash.stop()
  }
}
