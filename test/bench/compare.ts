import { closedLoop, openClients, type Clients, type Load, type Requests } from './load/closed-loop.ts'
import type { Rig } from './rig.ts'
import type { Server } from './stage/child.ts'
import { machineMs } from './stage/processor-time.ts'
import { median } from './statistics.ts'

/** One of two things that are measured in turn. */
export interface Side {
  readonly server: Server
  readonly requests: Requests
  readonly expected: number
}

export interface Round extends Load {
  /** Processor time of the server per answer, in microseconds. */
  readonly cpuMicros: number
  /** That of the database. */
  readonly databaseMicros: number
  /** Processors that were taken by everything else on the machine: far from 0, throughput says more of the neighbours than of the two. */
  readonly neighbours: number
}

export interface Comparison {
  /** Medians of answers per second. */
  readonly value: number
  readonly reference: number
  /** Median of the ratios of each round. */
  readonly ratio: number
  /** The same by processor time, Node and PostgreSQL together: what it would be where nobody waits. Neighbours move it less. */
  readonly ratioOfTime: number
  readonly rounds: readonly { readonly candidate: Round; readonly reference: Round }[]
}

export const connections = 32

/** @throws Error where a server answered with anything else: what is measured would be something else too */
export const onlyExpected = (load: Load): void => {
  for (const [status, { count, body }] of load.others) throw new Error(`${count} answers had status ${status}, such as: ${body}`)
}

const taken = async (rig: Rig, side: Side) => {
  const { user, system } = process.cpuUsage()
  const { cpuMs } = await side.server.usage()
  return { server: cpuMs, database: rig.postgres.cpuMs(), client: (user + system) / 1000, machine: machineMs() }
}

const round = async (rig: Rig, side: Side, clients: Clients, seconds: number): Promise<Round> => {
  const before = await taken(rig, side)
  const load = await closedLoop(clients, side.requests, side.expected, seconds)
  const after = await taken(rig, side)
  onlyExpected(load)
  const [server, database] = [after.server - before.server, after.database - before.database]
  const neighbours = after.machine - before.machine - server - database - (after.client - before.client)
  const each = (ms: number): number => (ms * 1000) / Math.max(1, load.answers)
  return { ...load, cpuMicros: each(server), databaseMicros: each(database), neighbours: Math.max(0, neighbours) / (load.seconds * 1000) }
}

/** Opens both sides' connections for as long as `work` takes. */
export const withClients = async <T>(
  one: Side,
  other: Side,
  work: (one: Clients, other: Clients) => Promise<T>,
  count = connections,
): Promise<T> => {
  const first = await openClients(one.server.port, count)
  try {
    const second = await openClients(other.server.port, count)
    try {
      return await work(first, second)
    } finally {
      second.close()
    }
  } finally {
    first.close()
  }
}

const timeOf = ({ cpuMicros, databaseMicros }: Round): number => cpuMicros + databaseMicros

/**
 * Both sides in turn (A B A B …), as much as they can take, after a round of each that does not count. What drifts on the machine
 * hits both, and the median lets one bad round pass.
 */
export const compare = (rig: Rig, candidate: Side, reference: Side): Promise<Comparison> =>
  withClients(candidate, reference, async (ours, theirs) => {
    const rounds: { candidate: Round; reference: Round }[] = []
    for (let at = -1; at < rig.options.rounds; at += 1) {
      const seconds = at < 0 ? Math.min(rig.options.seconds, 2) : rig.options.seconds
      const measured = { candidate: await round(rig, candidate, ours, seconds), reference: await round(rig, reference, theirs, seconds) }
      if (at >= 0) rounds.push(measured)
    }
    return {
      value: median(rounds.map((one) => one.candidate.perSecond)),
      reference: median(rounds.map((one) => one.reference.perSecond)),
      ratio: median(rounds.map((one) => one.candidate.perSecond / one.reference.perSecond)),
      ratioOfTime: median(rounds.map((one) => timeOf(one.reference) / timeOf(one.candidate))),
      rounds,
    }
  })
