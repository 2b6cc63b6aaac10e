import { invalid } from '../shared/refusal.ts'
import { isDeaNumber } from './dea-number.ts'
import { checkDate, checkText, type Kept } from './metadata.ts'

/** The schedules that a registration can cover; N: non-narcotic. @see 21 CFR 1301.13 */
export const schedules = ['II', 'IIN', 'III', 'IIIN', 'IV', 'V'] as const
export type Schedule = (typeof schedules)[number]

export const registrationStatuses = ['active', 'expired', 'pending'] as const
export type RegistrationStatus = (typeof registrationStatuses)[number]

/** Length in Unicode code points. */
export const registrantNameLength = { min: 1, max: 200 } as const

/** What is kept of a DEA registration. @see FusionEMS part 5, DEARegistrantMetadata */
export interface DeaRegistrant {
  readonly registrantName: string
  /** Upper case; a reference, no credential. */
  readonly deaRegistrationNumber: string
  readonly authorizedSchedules: readonly Schedule[]
  readonly registrationStatus: RegistrationStatus
  /** `YYYY-MM-DD`, as is the next. */
  readonly issueDate: string
  readonly expirationDate: string
}

/** Days before an expiration on which administrators are reminded. */
export const reminderThresholds = [90, 30, 7, 0] as const

/** A registration as it is kept. */
export interface DeaMetadata extends Kept<DeaRegistrant> {
  /** Whether administrators were reminded of the present expiration date. */
  readonly expirationReminderSent: boolean
}

/**
 * The registration as it is kept: the number in upper case, the schedules in their order.
 * @throws Refusal VALIDATION_FAILED: `check-digit`, `date-range`, `after-issue-date`, `not-blank`, `maxLength`
 */
export const checkRegistrant = (given: DeaRegistrant): DeaRegistrant => {
  const deaRegistrationNumber = given.deaRegistrationNumber.toUpperCase()
  if (!isDeaNumber(deaRegistrationNumber)) throw invalid('/deaRegistrationNumber', 'check-digit')
  const issueDate = checkDate(given.issueDate, '/issueDate')
  const expirationDate = checkDate(given.expirationDate, '/expirationDate')
  if (expirationDate <= issueDate) throw invalid('/expirationDate', 'after-issue-date')
  return {
    registrantName: checkText(given.registrantName, registrantNameLength, '/registrantName'),
    deaRegistrationNumber,
    authorizedSchedules: schedules.filter((schedule) => given.authorizedSchedules.includes(schedule)),
    registrationStatus: given.registrationStatus,
    issueDate,
    expirationDate,
  }
}
