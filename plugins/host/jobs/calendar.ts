import { addMonths, dayOf, firstOfMonth } from '../../../domain/shared/calendar-day.ts'
import type { Clock } from '../../../domain/shared/clock.ts'
import { newId } from '../../../domain/shared/ids.ts'
import type { Runner, Scheduled } from './run-job.ts'
import type { ServiceTransactions } from './service-transaction.ts'

export interface CalendarOptions {
  readonly scheduled: readonly Scheduled[]
  readonly run: Runner
  readonly transactions: ServiceTransactions
  readonly clock: Clock
  readonly agencies: () => AsyncIterable<string>
  readonly stopping: () => boolean
  readonly report: (event: string, error: unknown) => void
}

/** Missed months that are caught up at once. */
const mostMonths = 24

const lastMonthSql =
  "select to_char(max(date), 'YYYY-MM-DD') as date from host_job_run where agency_id = $1 and job = $2 and state = 'done'"

/** Runs what the calendar asks for. */
export interface Calendar {
  /**
   * Runs what is due and not done: today's daily jobs, and each month since the last one that was done. What is done is not looked at
   * again on the same day. @returns true where nothing is left for today
   */
  tick(): Promise<boolean>
}

export const createCalendar = ({ scheduled, run, transactions, clock, agencies, stopping, report }: CalendarOptions): Calendar => {
  let settledOn = ''

  const missedMonths = async (name: string, agencyId: string, current: string): Promise<string[]> => {
    const at = new Date(clock.now())
    const last = await transactions.read({ action: `job.${name}`, agencyId, at, auditId: newId(clock.now()) }, async (tx) => {
      const [row] = await tx.sql<{ date: string | null }>(lastMonthSql, [agencyId, name])
      return row?.date ?? null
    })
    if (last === null) return [current]
    const months: string[] = []
    for (let month = addMonths(last, 1); month <= current && months.length < mostMonths; month = addMonths(month, 1)) months.push(month)
    return months
  }

  const datesOf = async ({ job }: Scheduled, agencyId: string, today: string): Promise<string[]> =>
    job.schedule === 'daily' ? [today] : missedMonths(job.name, agencyId, firstOfMonth(today))

  const runIn = async (agencyId: string, one: Scheduled, today: string): Promise<boolean> => {
    try {
      for (const date of await datesOf(one, agencyId, today)) {
        const { state } = await run(one, { agencyId, date })
        if (state !== 'done' && state !== 'already') return false
      }
      return true
    } catch (error) {
      report(`job.${one.job.name}`, error)
      return false
    }
  }

  return {
    async tick() {
      const today = dayOf(clock.now())
      if (settledOn === today || scheduled.length === 0) return true
      let settled = true
      for await (const agencyId of agencies()) {
        for (const one of scheduled) {
          if (stopping()) return false
          settled = (await runIn(agencyId, one, today)) && settled
        }
      }
      if (settled) settledOn = today
      return settled
    },
  }
}
