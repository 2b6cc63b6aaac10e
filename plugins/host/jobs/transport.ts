import { newId } from '../../../domain/shared/ids.ts'
import { queueSchema, roleNames } from '../database/roles.ts'
import type { Waiting } from './outbox.ts'
import { within } from './within.ts'

export interface TransportOptions {
  /** `null`: the queue is in PostgreSQL. */
  readonly redisUrl: string | null
  /** As the service's login. */
  readonly databaseUrl: string
  /** How many at a time in this process. */
  readonly concurrency: number
  /** Never rejects for what a delivery says; where it rejects, the row waits for the next sweep. */
  readonly carry: (agencyId: string, id: string) => Promise<unknown>
  readonly report: (event: string, error: unknown) => void
}

/** Carries ids from whoever commits to whoever has time, at least once. What must happen once is decided by the row. */
export interface Transport {
  enqueue(rows: readonly Waiting[]): Promise<void>
  /** Can the store be reached? */
  check(): Promise<boolean>
  /** Takes nothing new, waits for what is under way at most `ms`, and closes. */
  close(ms: number): Promise<void>
}

const queueName = 'outbox'

/** A job that is there twice is one: the row's id and the attempt that it is for. */
const jobIdOf = ({ id, attempts }: Waiting): string => `${id}-${attempts}`

/** Its own role from the first statement: a connection of the queue can read nobody's records. */
const postgresConnection = (connectionString: string) => ({
  connectionString,
  schema: queueSchema,
  max: 2,
  options: `-c role=${roleNames.queue} -c statement_timeout=10000 -c lock_timeout=5000`,
  connectionTimeoutMillis: 5_000,
  idleTimeoutMillis: 60_000,
  application_name: 'postern queue',
})

type Work = (job: { data: Waiting }) => Promise<void>

/** The classes of the library with a connection each. `isClosing` ends the tries to reach a Redis that does not answer. */
const openClasses = async ({ redisUrl, databaseUrl }: TransportOptions, isClosing: () => boolean) => {
  const bullmq = await import('bullmq')
  if (redisUrl === null) {
    const { Queue, Worker } = bullmq.withBackend(bullmq.createPostgresBackend)
    const connection = postgresConnection(databaseUrl)
    return {
      openQueue: (options: object) => new Queue(queueName, { ...options, connection }),
      openWorker: (work: Work, options: object) => new Worker(queueName, work, { ...options, connection }),
    }
  }
  const retryStrategy = (attempt: number): number | null => (isClosing() ? null : Math.min(50 * 2 ** attempt, 5_000))
  const connection = { url: redisUrl, connectTimeout: 5_000, retryStrategy }
  const prefix = 'postern:queue'
  return {
    openQueue: (options: object) =>
      new bullmq.Queue(queueName, { ...options, prefix, connection: { ...connection, enableOfflineQueue: false } }),
    openWorker: (work: Work, options: object) =>
      new bullmq.Worker(queueName, work, { ...options, prefix, connection: { ...connection, maxRetriesPerRequest: null } }),
  }
}

/** Longest that the queue is waited for when ids are handed over or it is asked how it is, in milliseconds. */
const patienceMs = 3_000

/** @throws Error with the code TIMEOUT where the work has not ended in time */
const inTime = async <T>(work: Promise<T>): Promise<T> => {
  work.catch(() => undefined)
  if (!(await within(patienceMs, work))) throw Object.assign(new Error('the queue does not answer'), { code: 'ERR_QUEUE_TIMEOUT' })
  return work
}

/** A store that is down says so with every try to reach it: told once a minute. */
const seldom = (report: TransportOptions['report']): TransportOptions['report'] => {
  const last = new Map<string, number>()
  return (event, error) => {
    const now = performance.now()
    if (now - (last.get(event) ?? -Infinity) < 60_000) return
    last.set(event, now)
    report(event, error)
  }
}

/** What is finished leaves nothing behind; a failure leaves no text, since none is thrown. */
const jobOptions = { removeOnComplete: true, removeOnFail: true, attempts: 1, stackTraceLimit: 0 }

/** Opens BullMQ on PostgreSQL, or on Redis where there is one. The library is loaded now, not at the start of the process. */
export const openTransport = async (options: TransportOptions): Promise<Transport> => {
  const { carry, concurrency } = options
  const report = seldom(options.report)
  let closing = false
  const { openQueue, openWorker } = await openClasses(options, () => closing)
  const queue = openQueue({ defaultJobOptions: jobOptions, streams: { events: { maxLen: 100 } } })
  const work = async ({ data }: { data: Waiting }): Promise<void> => {
    // Thrown on, the text of an error would be stored in the queue.
    await carry(data.agencyId, data.id).catch((error: unknown) => options.report('queue.carry', error))
  }
  const worker = openWorker(work, { concurrency, name: newId(), lockDuration: 30_000, stalledInterval: 15_000, maxStalledCount: 3 })
  queue.on('error', (error: unknown) => report('queue.connection', error))
  worker.on('error', (error: unknown) => report('queue.worker', error))
  return {
    async enqueue(rows) {
      for (const row of rows) await inTime(queue.add('deliver', { agencyId: row.agencyId, id: row.id } as Waiting, { jobId: jobIdOf(row) }))
    },
    check: async () => typeof (await inTime(queue.getActiveCount())) === 'number' && worker.isRunning(),
    async close(ms) {
      closing = true
      const drained = await within(ms, worker.close())
      if (!drained) await within(500, worker.disconnect())
      const closed = await within(500, queue.close())
      if (!closed) await within(500, queue.disconnect())
    },
  }
}
