import { invalid } from '../shared/refusal.ts'

export const commissionTypes = ['percentage', 'tier'] as const
export type CommissionType = (typeof commissionTypes)[number]

/** Percent, two decimals. There is no override. @see FR-015 FR-020; design, section 9, 5 */
export const rateRange = { min: 5, max: 30 } as const
export const tierLimits = { least: 2, most: 20, nameLength: 50, largestCount: 1_000_000 } as const

export interface Tier {
  readonly name: string
  /** Completed procedures of a month, both ends included; the last tier has no end. */
  readonly from: number
  readonly to: number | null
  /** Percent. */
  readonly rate: number
}

/** What was agreed with a provider. */
export type Commission =
  | { readonly type: 'percentage'; readonly percentage: number }
  | { readonly type: 'tier'; readonly tiers: readonly Tier[] }

/** Percent in hundredths, as an integer: 12.5 is 1250. Null where it has more than two decimals. */
export const basisPoints = (rate: number): number | null => {
  const points = Math.round(rate * 100)
  return Math.abs(points - rate * 100) < 1e-6 ? points : null
}

const checkRate = (rate: number, pointer: string): void => {
  if (!(rate >= rateRange.min && rate <= rateRange.max)) throw invalid(pointer, 'rate-5-to-30')
  if (basisPoints(rate) === null) throw invalid(pointer, 'two-decimals')
}

const checkTiers = (tiers: readonly Tier[], at: string): void => {
  if (tiers.length < tierLimits.least) throw invalid(at, 'two-tiers')
  tiers.forEach((tier, index) => {
    const here = `${at}/${index}`
    const expected = index === 0 ? 0 : (tiers[index - 1]!.to ?? Infinity) + 1
    checkRate(tier.rate, `${here}/rate`)
    if (tier.from < expected) throw invalid(`${here}/from`, 'overlap')
    if (tier.from > expected) throw invalid(`${here}/from`, 'gap')
    if (index < tiers.length - 1 && tier.to === null) throw invalid(`${here}/to`, 'last-is-open')
    if (index === tiers.length - 1 && tier.to !== null) throw invalid(`${here}/to`, 'last-is-open')
    if (tier.to !== null && tier.to < tier.from) throw invalid(`${here}/to`, 'range')
  })
}

/**
 * A percentage of 5 to 30 with two decimals, or at least two tiers from 0 on, without gap or overlap, the last one open.
 * @throws Refusal VALIDATION_FAILED below `at`
 * @see FR-015, Screen 2, Tier Validation
 */
export const checkCommission = (commission: Commission, at: string): Commission => {
  if (commission.type === 'percentage') checkRate(commission.percentage, `${at}/percentage`)
  else checkTiers(commission.tiers, `${at}/tiers`)
  return commission
}

/** The tier of a month's count, 1 for the first. Every count of 0 and more has one. */
export const tierOf = (tiers: readonly Tier[], count: number): number =>
  tiers.findIndex(({ from, to }) => count >= from && (to === null || count <= to)) + 1

/** What is in force for an agreement: of tiers, that of the last month that closed; the first one until a month has. */
export const rateInForce = (commission: Commission, lastCount: number | null): { readonly rate: number; readonly tier: number | null } => {
  if (commission.type === 'percentage') return { rate: commission.percentage, tier: null }
  const tier = lastCount === null ? 1 : tierOf(commission.tiers, lastCount)
  return { rate: commission.tiers[tier - 1]!.rate, tier }
}

/** Largest amount of a quote, in minor units: products of it stay exact. */
export const largestAmount = 1_000_000_000_000

export interface Quote {
  /** Integer minor units. */
  readonly amount: number
  /** Percent. */
  readonly rate: number
  readonly commission: number
  readonly payout: number
}

/**
 * Splits an amount. The commission is rounded half up to the minor unit; the payout is the rest, so that nothing is lost.
 * @see FR-015, Commission Rule 2
 */
export const quote = (amount: number, rate: number): Quote => {
  const commission = Number((BigInt(amount) * BigInt(basisPoints(rate)!) + 5_000n) / 10_000n)
  return { amount, rate, commission, payout: amount - commission }
}
