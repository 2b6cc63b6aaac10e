import { openConnection, type Connection } from './connection.ts'

/** Makes the next request, headers and all. */
export type Requests = () => string

/** What a run of load gave. */
export interface Load {
  /** Expected answers. */
  readonly answers: number
  readonly seconds: number
  readonly perSecond: number
  readonly latenciesMs: readonly number[]
  /** Other statuses, with how many of each and the body of one. */
  readonly others: ReadonlyMap<number, { count: number; body: string }>
  /** Share of the time in which the client had work, 0 to 1; near 1 the client is what is measured. */
  readonly clientBusy: number
}

/** Connections to one server, kept from round to round. */
export interface Clients {
  readonly connections: readonly Connection[]
  close(): void
}

export const openClients = async (port: number, count: number): Promise<Clients> => {
  const lost = (error: Error): void => {
    throw error
  }
  const connections = await Promise.all(Array.from({ length: count }, () => openConnection(port, lost)))
  return { connections, close: () => connections.forEach((connection) => connection.close()) }
}

/** Counts answers; a status that was not asked for is kept with an example. */
export const createTally = (expected: number) => {
  const latenciesMs: number[] = []
  const others = new Map<number, { count: number; body: string }>()
  return {
    latenciesMs,
    others,
    take(status: number, latencyMs: number, connection: Connection): void {
      if (status === expected) return void latenciesMs.push(latencyMs)
      const known = others.get(status)
      if (known) known.count += 1
      else others.set(status, { count: 1, body: connection.body.slice(0, 300) })
    },
  }
}

const patienceMs = 15_000

/** Every connection sends its next request as soon as it has its answer: as much as the server can take. */
export const closedLoop = (clients: Clients, requests: Requests, expected: number, seconds: number): Promise<Load> =>
  new Promise((resolve, reject) => {
    const tally = createTally(expected)
    const utilization = performance.eventLoopUtilization()
    const startedMs = performance.now()
    const endMs = startedMs + seconds * 1000
    let underWay = clients.connections.length
    const timer = setTimeout(() => reject(new Error('the server stopped answering')), seconds * 1000 + patienceMs)

    const finish = (): void => {
      clearTimeout(timer)
      const elapsed = (performance.now() - startedMs) / 1000
      const answers = tally.latenciesMs.length
      const clientBusy = performance.eventLoopUtilization(utilization).utilization
      resolve({ answers, seconds: elapsed, perSecond: answers / elapsed, latenciesMs: tally.latenciesMs, others: tally.others, clientBusy })
    }
    const next = (connection: Connection): void => {
      const now = performance.now()
      if (now < endMs) return connection.send(requests(), now, answered.get(connection)!)
      underWay -= 1
      if (underWay === 0) finish()
    }
    const answered = new Map(
      clients.connections.map((connection) => [
        connection,
        (status: number, latencyMs: number): void => {
          tally.take(status, latencyMs, connection)
          next(connection)
        },
      ]),
    )
    for (const connection of clients.connections) next(connection)
  })
