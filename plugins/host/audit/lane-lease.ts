import pg from 'pg'

export interface LaneLeaseOptions {
  /** As the service's login; a session of its own, so no pooler in transaction mode may stand between. */
  readonly connectionString: string
  /** How many lanes, 1 to 64. */
  readonly count: number
  readonly onProblem?: (error: unknown) => void
}

/** Lanes that no other instance appends to while this one holds them. */
export interface LaneLease {
  /** The lanes now; the same array until they change. */
  lanes(): readonly number[]
  close(): Promise<void>
}

const lockClass = 5_067_002
// Lane 0 is for commands that the owner runs.
const highestLane = 1_023

const connect = async (connectionString: string, onLost: (client: pg.Client, error: unknown) => void): Promise<pg.Client> => {
  const client = new pg.Client({
    connectionString,
    application_name: 'postern lanes',
    connectionTimeoutMillis: 2_000,
    query_timeout: 2_000,
    keepAlive: true,
    keepAliveInitialDelayMillis: 10_000,
  })
  let cause: unknown = new Error('the connection that holds the lanes has ended')
  client.on('error', (error) => (cause = error))
  // A server that ends a session says so first and gives its locks back after: only its end tells that the lanes are free again.
  client.on('end', () => onLost(client, cause))
  await client.connect()
  return client
}

const tryLock = async (client: pg.Client, lane: number): Promise<boolean> => {
  const { rows } = await client.query<{ held: boolean }>('select pg_try_advisory_lock($1, $2) as held', [lockClass, lane])
  return rows[0]!.held
}

const lockLanes = async (client: pg.Client, count: number, preferred: readonly number[]): Promise<number[]> => {
  const held: number[] = []
  const candidates = new Set([...preferred, ...Array.from({ length: highestLane }, (_, index) => index + 1)])
  for (const lane of candidates) {
    if (held.length === count) break
    if (await tryLock(client, lane)) held.push(lane)
  }
  if (held.length < count) throw new Error('no lane of the audit chain is free')
  return held
}

/**
 * Leases lanes of the audit chain by advisory locks, so that instances do not queue behind one another's heads. This is for speed
 * alone: a head is locked when it moves, so a lane that two instances share after a lost connection stays one chain.
 * A lost connection is made again, with growing patience, and takes the same lanes where they are still free.
 */
export const leaseLanes = async (options: LaneLeaseOptions): Promise<LaneLease> => {
  const { connectionString, count, onProblem = () => {} } = options
  let lanes: readonly number[] = []
  let client: pg.Client | undefined
  let retry: NodeJS.Timeout | undefined
  let closed = false

  const lease = async (): Promise<void> => {
    let lost = false
    const connected = await connect(connectionString, (which, error) => {
      lost = true
      if (closed || client !== which) return
      client = undefined
      onProblem(error)
      leaseAgain(250)
    })
    try {
      const held = await lockLanes(connected, count, lanes)
      if (closed || lost) throw new Error('the lanes were given up while they were leased')
      lanes = Object.freeze(held)
      client = connected
    } catch (error) {
      await connected.end().catch(() => {})
      throw error
    }
  }

  const leaseAgain = (waitMs: number): void => {
    retry = setTimeout(() => {
      lease().catch((error: unknown) => {
        onProblem(error)
        if (!closed) leaseAgain(Math.min(waitMs * 2, 5_000))
      })
    }, waitMs).unref()
  }

  await lease()
  return {
    lanes: () => lanes,
    async close() {
      closed = true
      clearTimeout(retry)
      await client?.end().catch(() => {})
    },
  }
}
