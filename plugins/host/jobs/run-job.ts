import { addDays } from '../../../domain/shared/calendar-day.ts'
import type { Clock } from '../../../domain/shared/clock.ts'
import { newId } from '../../../domain/shared/ids.ts'
import { Refusal } from '../../../domain/shared/refusal.ts'
import type { Transaction } from '../service.ts'
import type { Job, JobCall, JobOutcome } from './job.ts'
import type { ServiceTransactions } from './service-transaction.ts'

/** A job with the scope of the context that declared it. */
export interface Scheduled {
  readonly job: Job
  readonly scope: never
}

/** `done` by this call; `already` before it; `busy`: another instance is at work; `off`: its switch is; `unfinished`: there is
 * more, and it goes on at a later beat. */
export interface Ran {
  readonly state: 'done' | 'already' | 'busy' | 'off' | 'unfinished'
  /** What this call changed. */
  readonly count: number
}

export interface RunnerOptions {
  readonly transactions: ServiceTransactions
  readonly clock: Clock
  readonly isOn: (flag: string, agencyId: string) => boolean
  /** True once the process is to end: no further batch begins. */
  readonly stopping: () => boolean
}

export interface RunAsked {
  readonly agencyId: string
  readonly date: string
  /** Runs it though it was done before: a job does nothing twice. */
  readonly again?: boolean
}

/** Batches of one run; what is left is done at the next beat. */
const mostBatches = 10_000

const beginSql = `insert into host_job_run (agency_id, job, date, state, batches, count, started_at) values ($1, $2, $3, 'running', 0, 0, $4)
  on conflict do nothing`
const lockSql = 'select state from host_job_run where agency_id = $1 and job = $2 and date = $3 for update skip locked'
const noteSql = `update host_job_run set state = $4, batches = batches + 1, count = count + $5, finished_at = $6
  where agency_id = $1 and job = $2 and date = $3`

/** So long the runs of a job are remembered, in days; what they did stands in the audit. */
const rememberedDays = 800
const forgetSql = 'delete from host_job_run where agency_id = $1 and job = $2 and date < $3'

/** Who may work on the run: whoever holds its row. */
const enter = async (tx: Transaction, name: string, call: JobCall, again: boolean): Promise<'ours' | 'already' | 'busy'> => {
  await tx.sql(beginSql, [call.agencyId, name, call.date, call.now])
  const [run] = await tx.sql(lockSql, [call.agencyId, name, call.date])
  if (!run) return 'busy'
  return run['state'] === 'done' && !again ? 'already' : 'ours'
}

type Batch = 'already' | 'busy' | { readonly count: number; readonly more: boolean }

/** The twin's lock was waited for in vain. */
const isBusy = (error: unknown): boolean => error instanceof Refusal && error.code === 'CONFLICT' && error.reason === 'in-flight'

/** Runs a job in one agency, batch by batch, each in a transaction with its audit row and the state of the run. */
export const createRunner = ({ transactions, clock, isOn, stopping }: RunnerOptions) => {
  const factsOf = (call: JobCall, { count, actor, entity, before, after }: JobOutcome) => ({
    actor,
    entity,
    before,
    after,
    count,
    payload: { date: call.date },
  })

  const batch = ({ job, scope }: Scheduled, { agencyId, date, again = false }: RunAsked): Promise<Batch> => {
    const call: JobCall = { agencyId, date, now: new Date(clock.now()), auditId: newId(clock.now()), clock }
    const stillOn = (): boolean => job.killSwitch === undefined || isOn(job.killSwitch, agencyId)
    return transactions.write<Batch>({ ...call, action: `job.${job.name}`, at: call.now, stillOn }, async (tx) => {
      const entered = await enter(tx, job.name, call, again)
      if (entered !== 'ours') return { result: entered, facts: null }
      const outcome = await job.run(call, tx, scope)
      const { count, more } = outcome
      await tx.sql(noteSql, [agencyId, job.name, date, more ? 'running' : 'done', count, more ? null : call.now])
      if (!more) await tx.sql(forgetSql, [agencyId, job.name, addDays(date, -rememberedDays)])
      return { result: { count, more }, facts: factsOf(call, outcome) }
    })
  }

  /** @throws whatever a batch says; what was committed before it stays */
  return async (scheduled: Scheduled, asked: RunAsked): Promise<Ran> => {
    const { killSwitch } = scheduled.job
    let count = 0
    for (let batches = 0; batches < mostBatches && !stopping(); batches++) {
      if (killSwitch !== undefined && !isOn(killSwitch, asked.agencyId)) return { state: 'off', count }
      const done = await batch(scheduled, { ...asked, again: asked.again === true && batches === 0 }).catch((error: unknown): Batch => {
        if (isBusy(error)) return 'busy'
        throw error
      })
      if (typeof done === 'string') return { state: done, count }
      count += done.count
      if (!done.more) return { state: 'done', count }
    }
    return { state: 'unfinished', count }
  }
}

export type Runner = ReturnType<typeof createRunner>
