import type pg from 'pg'
import { firstOfMonth } from '../../../domain/shared/calendar-day.ts'
import type { Clock } from '../../../domain/shared/clock.ts'
import { createAccountKeeper } from '../identity-admin/account-keeper.ts'
import type { IdentityAdmin } from '../identity-admin/identity-admin.ts'
import type { MailPort } from '../mail/mail.ts'
import { agencyIds, countWaiting, whoseTurn } from './agency-ids.ts'
import { createCalendar } from './calendar.ts'
import { createDeliverer, type Delivered, type Registered } from './deliver.ts'
import type { Delivery, Job } from './job.ts'
import { lazily } from './lazily.ts'
import type { Waiting } from './outbox.ts'
import { createRunner, type Ran, type Scheduled } from './run-job.ts'
import type { ServiceTransactions } from './service-transaction.ts'
import type { Transport } from './transport.ts'
import { within } from './within.ts'

export interface JobsOptions {
  readonly pool: pg.Pool
  readonly transactions: ServiceTransactions
  readonly clock: Clock
  readonly isOn: (flag: string, agencyId: string) => boolean
  readonly redisUrl: string | null
  readonly databaseUrl: string
  readonly openMail: () => Promise<MailPort>
  readonly openIdentity: () => Promise<IdentityAdmin>
  readonly report: (event: string, error: unknown) => void
}

/** What is known of the outbox; `waiting` as of the last beat. */
export interface JobsStats {
  readonly waiting: number
  readonly sent: number
  readonly failed: number
}

/** Everything that happens without a request: the outbox's deliveries and the calendar's jobs. */
export interface Jobs {
  /** Takes over what a context declared, with its scope. Before `start`. */
  register(context: string, declared: { readonly jobs: readonly Job[]; readonly deliveries: readonly Delivery[] }, scope: unknown): void
  /** Rows that a transaction has just committed. Never rejects: what cannot be carried now is found at a later beat. */
  enqueue(rows: readonly Waiting[]): void
  /** Opens the queue and begins to work, where anything is declared. Resolves after the first beat; what fails is tried again at the next. */
  start(): Promise<void>
  /** One beat by hand: finds what waits, hands it to the queue, and runs what the calendar asks for. */
  beat(): Promise<void>
  /** Delivers one row here and now, if it is its turn. */
  deliver(agencyId: string, id: string): Promise<Delivered>
  /** Delivers here and now what waits, without the queue; at most a thousand rows. @returns how many turns were taken */
  deliverWaiting(): Promise<number>
  /** Runs a job by its name in every agency, or in one. @throws Error where there is no such job */
  run(name: string, date: string, agencyId?: string): Promise<{ readonly agencyId: string; readonly ran: Ran }[]>
  check(): Promise<boolean>
  stats(): JobsStats
  /** Finishes what is under way: at most eight seconds. */
  close(): Promise<void>
}

const beatMs = 15_000
const sweepLimit = 1_000
const drainMs = 7_000
/** Rows that a process has in hand at once, and so the most that it takes down with it: domain transactions of requests need theirs. */
export const deliveriesAtOnce = 3

export const createJobs = (options: JobsOptions): Jobs => {
  const { pool, transactions, clock, isOn, report } = options
  const registered = new Map<string, Registered>()
  const scheduled: Scheduled[] = []
  const mail = lazily(options.openMail)
  const identity = lazily(options.openIdentity)
  const accounts = createAccountKeeper({ transactions, clock, identity: identity.get })
  const keyOf = (context: string, kind: string): string => `${context}/${kind}`
  const attempt = createDeliverer({
    transactions,
    clock,
    registered: (context, kind) => registered.get(keyOf(context, kind)),
    mail: mail.get,
    accounts,
    report,
  })
  let closed = false
  const stopping = (): boolean => closed
  const run = createRunner({ transactions, clock, isOn, stopping })
  const calendar = createCalendar({ scheduled, run, transactions, clock, agencies: () => agencyIds(pool), stopping, report })

  const counted = { waiting: 0, sent: 0, failed: 0 }
  let transport: Transport | null = null
  let timer: NodeJS.Timeout | undefined
  let sweeping: Promise<void> | null = null
  let ticking: Promise<unknown> | null = null

  const deliver = async (agencyId: string, id: string): Promise<Delivered> => {
    const delivered = await attempt(agencyId, id)
    if (delivered === 'sent') counted.sent += 1
    if (delivered === 'failed') counted.failed += 1
    return delivered
  }

  const open = async (): Promise<void> => {
    const { openTransport } = await import('./transport.ts')
    const { redisUrl, databaseUrl } = options
    const opened = await openTransport({ redisUrl, databaseUrl, concurrency: deliveriesAtOnce, carry: deliver, report })
    if (closed) return opened.close(1_000)
    transport = opened
  }

  const sweep = async (): Promise<void> => {
    if (!transport && !closed) await open()
    const rows = await whoseTurn(pool, new Date(clock.now()), sweepLimit)
    await transport?.enqueue(rows)
    counted.waiting = await countWaiting(pool)
  }

  /** What fails now is tried again at the next beat. */
  const beat = async (): Promise<void> => {
    if (closed) return
    sweeping ??= sweep()
      .catch((error: unknown) => report('queue.sweep', error))
      .finally(() => (sweeping = null))
    ticking ??= calendar
      .tick()
      .catch((error: unknown) => report('queue.calendar', error))
      .finally(() => (ticking = null))
    await Promise.all([sweeping, ticking])
  }

  return {
    register(context, { jobs, deliveries }, scope) {
      for (const job of jobs) {
        if (scheduled.some((one) => one.job.name === job.name)) throw new Error(`Two jobs are named ${job.name}.`)
        scheduled.push({ job, scope: scope as never })
      }
      for (const delivery of deliveries) {
        if (registered.has(keyOf(context, delivery.kind))) throw new Error(`${context} declares two deliveries ${delivery.kind}.`)
        registered.set(keyOf(context, delivery.kind), { delivery, scope: scope as never })
      }
    },
    enqueue(rows) {
      if (rows.length === 0) return
      transport?.enqueue(rows).catch((error: unknown) => report('queue.enqueue', error))
    },
    async start() {
      if (closed || timer || (registered.size === 0 && scheduled.length === 0)) return
      timer = setInterval(() => void beat(), beatMs).unref()
      await beat()
    },
    beat,
    deliver,
    async deliverWaiting() {
      const rows = await whoseTurn(pool, new Date(clock.now()), sweepLimit)
      for (const { agencyId, id } of rows) await deliver(agencyId, id)
      return rows.length
    },
    async run(name, date, agencyId) {
      const one = scheduled.find(({ job }) => job.name === name)
      if (!one) throw new Error(`There is no job ${name}. There are: ${scheduled.map(({ job }) => job.name).join(', ') || 'none'}.`)
      const day = one.job.schedule === 'monthly' ? firstOfMonth(date) : date
      const ran: { agencyId: string; ran: Ran }[] = []
      const agencies = agencyId === undefined ? agencyIds(pool) : [agencyId]
      for await (const id of agencies) ran.push({ agencyId: id, ran: await run(one, { agencyId: id, date: day, again: true }) })
      return ran
    },
    check: async () => !timer || (transport !== null && (await transport.check())),
    stats: () => ({ ...counted }),
    async close() {
      closed = true
      clearInterval(timer)
      const finish = async (): Promise<void> => {
        await sweeping
        await Promise.all([transport?.close(drainMs - 1_500), ticking])
      }
      await within(drainMs, finish())
      await within(1_000, Promise.allSettled([mail.close(), identity.close()]))
    },
  }
}
