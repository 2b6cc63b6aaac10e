import {
  checkCommission, checkEditable, type Commission, firstDayOf, quote, rateInForce,
} from '../../../domain/provider-administration/index.ts' // prettier-ignore
import { dayOf, firstOfMonth } from '../../../domain/shared/calendar-day.ts'
import { newId } from '../../../domain/shared/ids.ts'
import { parseInstant } from '../../../domain/shared/instant.ts'
import { invalid, Refusal } from '../../../domain/shared/refusal.ts'
import {
  auditedProvider, commissionOf, type quoteCommission, type reportProcedureCount, type setCommission,
} from '../../../routes/provider-administration/index.ts' // prettier-ignore
import type { Service, Transaction } from '../../host/define-context.ts'
import { addRate, currentAgreement, lastCount, type NewRate, rateAt } from './commission.store.ts'
import { actingOf, changedAnswer, type Kit } from './kit.ts'
import { takeAsRead } from './lifecycle.handlers.ts'
import { agree, changeProvider, readProvider } from './provider.store.ts'
import { welcome } from './welcome.ts'

export const setCommissionService = (kit: Kit): Service<typeof setCommission> => ({
  transact: async (call, tx) => {
    const commission = checkCommission(commissionOf(call.body, ''), '')
    const before = await takeAsRead(kit, tx, call, call.params.providerId)
    checkEditable(before.status)
    const acting = actingOf(call)
    const agreed = await agree(tx, before.id, commission, acting)
    const welcomed = await welcome(kit, call, tx, { ...before, commission })
    await changeProvider(tx, before, { ...agreed, ...welcomed }, acting)
    const { provider, answer } = await changedAnswer(kit, call, tx, before.id)
    return { ...answer, before: auditedProvider(before), after: auditedProvider(provider) }
  },
})

export const quoteService = (kit: Kit): Service<typeof quoteCommission> => ({
  transact: async ({ agencyId, params, query, now }, tx) => {
    const bookedAt = query.bookedAt === undefined ? now : parseInstant(query.bookedAt)
    if (bookedAt === null) throw invalid('/query/bookedAt', 'date-time')
    const { id: providerId } = await readProvider(tx, agencyId, params.providerId, kit)
    const rate = await rateAt(tx, { agencyId, providerId }, bookedAt)
    if (rate === null) throw new Refusal('CONFLICT')
    return { body: quote(query.amount, rate) }
  },
})

interface Evaluated {
  readonly agencyId: string
  readonly providerId: string
  readonly now: Date
  readonly auditId: string
  readonly cause: NewRate['cause']
  /** The first day of the month in which it is evaluated. */
  readonly month: string
}

const store = `
  update provider_profile set current_rate = $3, current_tier = $4, version = version + 1, updated_at = $5, activity_at = $5
  where agency_id = $1 and id = $2`

/**
 * From when a tier holds: from the first of the month in which it is evaluated, or from when the count was known if that is later. So the job
 * that comes late takes nothing from its month, nor does a count of the running month that comes before it.
 */
const since = ({ now, month }: Evaluated, reportedAt: Date): Date =>
  new Date(Math.min(now.getTime(), Math.max(Date.parse(month), reportedAt.getTime())))

/**
 * Holds the tier in force against the last month that was counted, and changes it where they differ; the provider is told. Nothing is worked
 * out again for what was booked in a month before.
 * @returns the tier that came into force; null where nothing changed
 * @see FR-015, Commission Rule 3; User Story 4, 2
 */
export const evaluateTier = async (kit: Pick<Kit, 'tell'>, tx: Transaction, asked: Evaluated): Promise<number | null> => {
  const { agencyId, providerId, now, auditId, cause, month } = asked
  const whose = { agencyId, providerId }
  const agreement = await currentAgreement(tx, whose)
  const counted = await lastCount(tx, whose, month)
  if (agreement?.commission.type !== 'tier' || counted === null) return null
  const { rate, tier } = rateInForce(agreement.commission, counted.count)
  const [current] = await tx.sql<{ current_tier: number }>('select current_tier from provider_profile where agency_id = $1 and id = $2', [
    agencyId,
    providerId,
  ])
  if (current!.current_tier === tier) return null
  const id = newId(now.getTime())
  await addRate(tx, whose, {
    id,
    commissionId: agreement.id,
    effectiveFrom: since(asked, counted.reportedAt),
    rate,
    tier,
    cause,
    month: counted.month,
    count: counted.count,
    auditId,
  })
  await tx.sql(store, [agencyId, providerId, rate, tier, now])
  await kit.tell(tx, asked, {
    kind: 'tier-changed',
    providerId,
    cause: `tier-changed:${id}`,
    facts: tierFacts(agreement.commission, tier!, counted.count),
    mail: true,
  })
  return tier
}

const tierFacts = (commission: Extract<Commission, { type: 'tier' }>, tier: number, count: number) => {
  const { name, rate } = commission.tiers[tier - 1]!
  return { tier: { name, rate: String(rate), count } }
}

const upsert = `
  insert into provider_procedure_count (agency_id, provider_id, month, count, reported_at, reported_by, audit_id)
  values ($1, $2, $3::date, $4, $5, $6, $7)
  on conflict (agency_id, provider_id, month) do update set count = excluded.count, reported_at = excluded.reported_at,
    reported_by = excluded.reported_by, audit_id = excluded.audit_id`

const lock = 'select status from provider_profile where agency_id = $1 and id = $2 for update'

export const reportCountService = (kit: Kit): Service<typeof reportProcedureCount> => ({
  transact: async (call, tx) => {
    const { agencyId, params, body, now, auditId, principal } = call
    const { providerId } = params
    const month = firstDayOf(params.month)
    const thisMonth = firstOfMonth(dayOf(now.getTime()))
    if (month > thisMonth) throw invalid('/params/month', 'not-future')
    const [locked] = await tx.sql<{ status: string }>(lock, [agencyId, providerId])
    if (!locked) throw new Refusal('NOT_FOUND')
    if (locked.status === 'deactivated') throw new Refusal('CONFLICT')
    await tx.sql(upsert, [agencyId, providerId, month, body.count, now, principal.userId, auditId])
    await evaluateTier(kit, tx, { agencyId, providerId, now, auditId, cause: 'count', month: thisMonth })
    const { currentRate, currentTier } = await readProvider(tx, agencyId, providerId, kit)
    const shown = { providerId, month: params.month, count: body.count }
    return { body: { ...shown, currentRate, currentTier }, after: { ...shown, currentTier } }
  },
})
