import type { Commission, Tier } from '../../../domain/provider-administration/index.ts'
import type { Transaction } from '../../host/define-context.ts'

interface Whose {
  readonly agencyId: string
  readonly providerId: string
}

/** What is agreed with a provider, with the agreement's id. */
export interface Agreement {
  readonly id: string
  readonly commission: Commission
}

/** A rate that comes into force, and why. */
export interface NewRate {
  readonly id: string
  readonly commissionId: string
  readonly effectiveFrom: Date
  readonly rate: number
  readonly tier: number | null
  readonly cause: 'agreement' | 'month' | 'count'
  /** First day of the month whose count it follows from. */
  readonly month: string | null
  readonly count: number | null
  readonly auditId: string
}

interface AgreementRow {
  readonly id: string
  readonly type: Commission['type']
  readonly percentage: string | null
}

interface TierRow {
  readonly name: string
  readonly from_count: number
  readonly to_count: number | null
  readonly rate: string
}

const latestSql = `
  select id, type, percentage from provider_commission where agency_id = $1 and provider_id = $2 order by effective_from desc, id desc limit 1`
const tiersSql = `
  select name, from_count, to_count, rate from provider_commission_tier where agency_id = $1 and commission_id = $2 order by position`

const tierOfRow = ({ name, from_count, to_count, rate }: TierRow): Tier => ({ name, from: from_count, to: to_count, rate: Number(rate) })

/** The agreement that holds now, or null where there is none yet. */
export const currentAgreement = async (tx: Transaction, { agencyId, providerId }: Whose): Promise<Agreement | null> => {
  const [row] = await tx.sql<AgreementRow>(latestSql, [agencyId, providerId])
  if (!row) return null
  if (row.type === 'percentage') return { id: row.id, commission: { type: 'percentage', percentage: Number(row.percentage) } }
  const tiers = await tx.sql<TierRow>(tiersSql, [agencyId, row.id])
  return { id: row.id, commission: { type: 'tier', tiers: tiers.map(tierOfRow) } }
}

/**
 * When what is written down comes into force: never before what is in force already, which a service whose clock is ahead may have written, or
 * a call that came later and was quicker. Agency, provider and the moment asked for are $1, $3 and the value named.
 */
const inForceFrom = (asked: string): string => `greatest(${asked}::timestamptz, (
  select max(r.effective_from) + interval '1 millisecond' from provider_commission_rate r
  where r.agency_id = $1 and r.provider_id = $3 and r.effective_from > ${asked}::timestamptz))`

/** Writes an agreement down; earlier ones stay, for what was booked under them. */
export const addAgreement = async (
  tx: Transaction,
  { agencyId, providerId }: Whose,
  { id, commission }: Agreement,
  { now, by, auditId }: { readonly now: Date; readonly by: string; readonly auditId: string },
): Promise<void> => {
  const percentage = commission.type === 'percentage' ? commission.percentage : null
  const tiers = commission.type === 'tier' ? commission.tiers.length : null
  await tx.sql(
    `insert into provider_commission (agency_id, id, provider_id, type, percentage, tiers, effective_from, created_by, audit_id)
     values ($1, $2, $3, $4, $5, $6, ${inForceFrom('$7')}, $8, $9)`,
    [agencyId, id, providerId, commission.type, percentage, tiers, now, by, auditId],
  )
  if (commission.type === 'percentage') return
  await tx.sql(
    `insert into provider_commission_tier (agency_id, commission_id, position, name, from_count, to_count, rate)
     select $1, $2, t.position, t.name, t."from", t."to", t.rate from jsonb_to_recordset($3::jsonb)
       as t (position smallint, name text, "from" int, "to" int, rate numeric)`,
    [agencyId, id, JSON.stringify(commission.tiers.map((tier, index) => ({ position: index + 1, ...tier })))],
  )
}

/** Writes down what is in force from a moment on, here and in the account. */
export const addRate = async (tx: Transaction, { agencyId, providerId }: Whose, rate: NewRate): Promise<void> => {
  await tx.sql(
    `insert into provider_commission_rate (agency_id, id, provider_id, commission_id, effective_from, rate, tier, cause, month, procedure_count, audit_id)
     values ($1, $2, $3, $4, ${inForceFrom('$5')}, $6, $7, $8, $9, $10, $11)`,
    [
      agencyId, rate.id, providerId, rate.commissionId, rate.effectiveFrom, rate.rate, rate.tier, rate.cause, rate.month, rate.count, rate.auditId,
    ], // prettier-ignore
  )
}

/** Percent in force at a moment; null where nothing was agreed yet. */
export const rateAt = async (tx: Transaction, { agencyId, providerId }: Whose, at: Date): Promise<number | null> => {
  const [row] = await tx.sql<{ rate: string }>(
    `select rate from provider_commission_rate where agency_id = $1 and provider_id = $2 and effective_from <= $3
     order by effective_from desc, id desc limit 1`,
    [agencyId, providerId, at],
  )
  return row ? Number(row.rate) : null
}

/** The last month before `month` that was counted. */
export const lastCount = async (
  tx: Transaction,
  { agencyId, providerId }: Whose,
  before: string,
): Promise<{ readonly month: string; readonly count: number; readonly reportedAt: Date } | null> => {
  const [row] = await tx.sql<{ month: string; count: number; reported_at: string }>(
    `select month::text, count, reported_at from provider_procedure_count where agency_id = $1 and provider_id = $2 and month < $3::date
     order by month desc limit 1`,
    [agencyId, providerId, before],
  )
  return row ? { month: row.month, count: row.count, reportedAt: new Date(row.reported_at) } : null
}
