import { invalid } from '../shared/refusal.ts'
import { checkDate, checkText, type Kept } from './metadata.ts'
import { isNpi } from './npi.ts'

export const enrollmentStatuses = ['pending', 'active', 'inactive'] as const
export type EnrollmentStatus = (typeof enrollmentStatuses)[number]

/** Lengths in Unicode code points; of payers, how many one record can name. */
export const payerNameLength = { min: 1, max: 100 } as const
export const payerStatusLength = { min: 1, max: 200 } as const
export const mostPayers = 100

/** What is kept of an enrollment. @see FusionEMS part 5, CMSEnrollmentMetadata */
export interface CmsEnrollment {
  /** A reference, no credential. */
  readonly npiReference: string
  readonly ptanReference: string | null
  readonly enrollmentStatus: EnrollmentStatus
  /** `YYYY-MM-DD` */
  readonly effectiveDate: string | null
  /** How each payer stands, in the agency's own words. */
  readonly payerParticipationStatus: Readonly<Record<string, string>>
}

export type CmsMetadata = Kept<CmsEnrollment>

/** @throws Refusal VALIDATION_FAILED: `check-digit`, `date-range`, `not-blank`, `maxLength` */
export const checkEnrollment = (given: CmsEnrollment): CmsEnrollment => {
  if (!isNpi(given.npiReference)) throw invalid('/npiReference', 'check-digit')
  if (given.effectiveDate !== null) checkDate(given.effectiveDate, '/effectiveDate')
  for (const [payer, status] of Object.entries(given.payerParticipationStatus)) {
    checkText(payer, payerNameLength, '/payerParticipationStatus')
    checkText(status, payerStatusLength, '/payerParticipationStatus')
  }
  return given
}

/** What an enrollment needs before claims can go out on it, each with the reason in words. */
export const readinessRules = ['npi-valid', 'ptan-on-record', 'enrollment-active', 'effective-date-reached', 'payer-participation'] as const
export type ReadinessRule = (typeof readinessRules)[number]

export interface ReadinessCheck {
  readonly rule: ReadinessRule
  readonly result: 'pass' | 'fail'
  /** Fixed text. */
  readonly reason: string
}

interface Judged {
  readonly holds: (enrollment: CmsEnrollment, today: string) => boolean
  readonly pass: string
  readonly fail: string
}

const judgements: Readonly<Record<ReadinessRule, Judged>> = {
  'npi-valid': {
    holds: ({ npiReference }) => isNpi(npiReference),
    pass: 'The NPI passes its check digit.',
    fail: 'The NPI does not pass its check digit.',
  },
  'ptan-on-record': {
    holds: ({ ptanReference }) => ptanReference !== null,
    pass: 'A PTAN is on record.',
    fail: 'No PTAN is on record.',
  },
  'enrollment-active': {
    holds: ({ enrollmentStatus }) => enrollmentStatus === 'active',
    pass: 'The enrollment is active.',
    fail: 'The enrollment is pending or inactive.',
  },
  'effective-date-reached': {
    holds: ({ effectiveDate }, today) => effectiveDate !== null && effectiveDate <= today,
    pass: 'The effective date has been reached.',
    fail: 'There is no effective date, or it is still to come.',
  },
  'payer-participation': {
    holds: ({ payerParticipationStatus }) => Object.keys(payerParticipationStatus).length > 0,
    pass: 'At least one payer’s participation is on record.',
    fail: 'No payer’s participation is on record.',
  },
}

/**
 * Every rule with its result, in their order.
 * @param today `YYYY-MM-DD`, UTC
 */
export const readinessOf = (enrollment: CmsEnrollment, today: string): ReadinessCheck[] =>
  readinessRules.map((rule) => {
    const { holds, pass, fail } = judgements[rule]
    return holds(enrollment, today) ? { rule, result: 'pass', reason: pass } : { rule, result: 'fail', reason: fail }
  })

export const isReady = (checks: readonly ReadinessCheck[]): boolean => checks.every(({ result }) => result === 'pass')
