import { firstOfMonth, dayOf } from '../../../domain/shared/calendar-day.ts'
import { Refusal } from '../../../domain/shared/refusal.ts'
import { auditedProvider } from '../../../routes/provider-administration/index.ts'
import type { BookingsPort, Job } from '../../host/define-context.ts'
import { evaluateTier } from './commission.handlers.ts'
import { type Granted, kitOf } from './kit.ts'
import { createTellAdministrators } from './notify.ts'
import { changeProvider, readProvider, takeProvider } from './provider.store.ts'
import { closePlanned, type DuePlan, findDue } from './scheduled.store.ts'
import { foldSql, mayFoldSql } from './tables/tally.ts'
import { transit } from './transition.ts'

export type JobScope = Granted & { readonly bookings: BookingsPort }

const killSwitch = 'USE_PROVIDER_ADMIN_WRITES'
const nothing = { count: 0, more: false } as const

/**
 * What was planned for a day by now, one at a time, as if its planner did it now: what the status or the documents do not allow any more is
 * refused, the plan is closed, and administrators are told.
 * @see FR-015, Screen 4, Scheduled Suspension; design, section 8
 */
export const scheduledTransitions: Job<JobScope> = {
  name: 'provider-scheduled-transitions',
  schedule: 'daily',
  killSwitch,
  async run(call, tx, scope) {
    const { agencyId, date, now, auditId } = call
    const due = await findDue(tx, agencyId, date)
    if (due === null) return nothing
    const kit = kitOf(scope)
    const { providerId, scheduledBy: by } = due
    const before = await takeProvider(tx, agencyId, providerId, kit)
    // Withdrawn, replaced or overtaken while the account was waited for: on to the next one.
    if (before.scheduledTransition?.id !== due.id) return { count: 0, more: true }
    const acting = { agencyId, now, auditId, by }
    const upcoming = await scope.bookings.upcoming({ agencyId, providerId, at: now })
    const asked = { name: due.transition, reason: due.reason, notify: due.notify, effectiveDate: due.effectiveDate }
    try {
      await transit(kit, tx, before, asked, acting, upcoming)
    } catch (error) {
      // Asked before anything is written, so that nothing is half done.
      if (!(error instanceof Refusal && error.code === 'CONFLICT')) throw error
      await closePlanned(tx, agencyId, due.id, 'refused', now)
      await changeProvider(tx, before, {}, acting)
      const facts = { planned: due.transition, effectiveDate: due.effectiveDate }
      await createTellAdministrators(scope.outbox)(tx, call, { kind: 'plan-refused', providerId, cause: `plan:${due.id}`, facts })
    }
    const after = await readProvider(tx, agencyId, providerId, kit)
    return { ...attributed(due), count: 1, more: true, before: auditedProvider(before), after: auditedProvider(after) }
  },
}

const attributed = ({ scheduledBy, role, providerId }: DuePlan) => ({
  actor: { userId: scheduledBy, role },
  entity: { type: 'provider', id: providerId },
})

const tierBatch = 50

/** Accounts whose tier is not that of the last month that was counted. One that is being changed is waited for: passed over, it would wait a month. */
const unevaluated = `
  select p.id from provider_profile p
  cross join lateral (
    select c.id from provider_commission c where c.agency_id = p.agency_id and c.provider_id = p.id order by c.effective_from desc, c.id desc limit 1
  ) a
  cross join lateral (
    select n.count from provider_procedure_count n where n.agency_id = p.agency_id and n.provider_id = p.id and n.month < $2::date
    order by n.month desc limit 1
  ) m
  join provider_commission_tier t on t.agency_id = p.agency_id and t.commission_id = a.id
    and m.count >= t.from_count and (t.to_count is null or m.count <= t.to_count)
  where p.agency_id = $1 and p.commission_type = 'tier' and p.status in ('draft', 'active', 'suspended') and p.current_tier <> t.position
  order by p.id limit ${tierBatch} for update of p`

/** The tier of a month is that of the count of the month before. @see FR-015, Commission Rule 3 */
export const monthlyTiers: Job<JobScope> = {
  name: 'provider-tiers',
  schedule: 'monthly',
  killSwitch,
  async run({ agencyId, date, now, auditId }, tx, scope) {
    const thisMonth = firstOfMonth(dayOf(now.getTime()))
    // A month that was missed is caught up with what is known now: a tier never goes back to an earlier month's.
    const month = date > thisMonth ? date : thisMonth
    const kit = kitOf(scope)
    const rows = await tx.sql<{ id: string }>(unevaluated, [agencyId, month])
    for (const { id: providerId } of rows) await evaluateTier(kit, tx, { agencyId, providerId, now, auditId, cause: 'month', month })
    return { count: rows.length, more: rows.length === tierBatch }
  },
}

const retentionBatch = 200

const mark = `
  update provider_profile set deletable_since = $2::date where (agency_id, id) in (
    select p.agency_id, p.id from provider_profile p
    where p.agency_id = $1 and p.status = 'deactivated' and p.deletable_since is null
      and (p.deactivated_at at time zone 'UTC' + interval '7 years')::date <= $2::date
    order by p.deactivated_at limit ${retentionBatch}
  ) returning id`

/** Seven years after deactivation an account may be deleted; nothing deletes it by itself. @see FR-015 FR-014 */
export const retentionMarking: Job<JobScope> = {
  name: 'provider-retention',
  schedule: 'daily',
  async run({ agencyId, date }, tx) {
    const marked = await tx.sql(mark, [agencyId, date])
    // A name that nobody has any more stays in no line for longer than a day.
    const [named] = await tx.sql<{ may: boolean }>(mayFoldSql, [agencyId])
    if (named?.may) await tx.sql(foldSql, [agencyId])
    return { count: marked.length, more: marked.length === retentionBatch }
  },
}
