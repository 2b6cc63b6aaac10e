import { type Refusal, invalid } from '../shared/refusal.ts'
import { codePoints, isBlank } from '../shared/text.ts'

/** What a patient can consent to. */
export const consentScopes = ['messaging', 'clinical-documentation', 'appointments', 'advisor'] as const
export type ConsentScope = (typeof consentScopes)[number]

/** @see FHIR R4, ValueSet consent-state-codes */
export const consentStatuses = ['draft', 'proposed', 'active', 'rejected', 'inactive', 'entered-in-error'] as const
export type ConsentStatus = (typeof consentStatuses)[number]

/** A patient's consent, per (agency, patient, scope). */
export interface Consent {
  readonly id: string
  readonly agencyId: string
  readonly patientId: string
  readonly scope: ConsentScope
  readonly status: ConsentStatus
  readonly grantedAt: Date
  /** The user who granted it. */
  readonly grantedBy: string
  /** From this instant on it permits nothing; null: until revoked. */
  readonly expiresAt: Date | null
  readonly revokedAt: Date | null
  /** Why the patient withdrew it, in the patient's own words. */
  readonly reason: string | null
}

/** Code points of a revocation's reason. */
export const reasonLength = { min: 1, max: 500 } as const

/** Only an active and unexpired consent permits; one that expires now has expired. */
export const permits = (consent: Pick<Consent, 'status' | 'expiresAt'>, now: Date): boolean =>
  consent.status === 'active' && (consent.expiresAt === null || consent.expiresAt.getTime() > now.getTime())

/**
 * The status that a reader is told: an active consent past its expiry is `inactive`, whether or not its record says so yet.
 * No job marks it; the next grant of the scope does.
 */
export const statusAt = (consent: Pick<Consent, 'status' | 'expiresAt'>, now: Date): ConsentStatus =>
  consent.status === 'active' && !permits(consent, now) ? 'inactive' : consent.status

/**
 * Refuses an expiry that is not in the future.
 * @throws Refusal VALIDATION_FAILED at `/expiresAt`
 */
export const checkExpiry = (expiresAt: Date | null, now: Date): void => {
  if (expiresAt !== null && expiresAt.getTime() <= now.getTime()) throw invalid('/expiresAt', 'future')
}

/** Refuses a reason that says nothing or too much. */
export const reasonProblem = (reason: string | null): Refusal<'VALIDATION_FAILED'> | null => {
  if (reason === null) return null
  if (isBlank(reason)) return invalid('/reason', 'not-blank')
  return codePoints(reason) > reasonLength.max ? invalid('/reason', 'maxLength') : null
}

/**
 * What withdrawing does to a consent of a status: `revoke` an active one, leave one that is over already as it is
 * (a patient who withdraws twice is told the same twice), and `refuse` one that was never in force.
 */
export const revocationOf = (status: ConsentStatus): 'revoke' | 'keep' | 'refuse' => {
  if (status === 'active') return 'revoke'
  return status === 'inactive' ? 'keep' : 'refuse'
}

/** Whether a consent may go from one status to another; the database holds the same rule. Nothing returns to `active`. */
export const mayBecome = (from: ConsentStatus, to: ConsentStatus): boolean => {
  const next: Record<ConsentStatus, readonly ConsentStatus[]> = {
    draft: ['proposed', 'active', 'rejected', 'entered-in-error'],
    proposed: ['active', 'rejected', 'entered-in-error'],
    active: ['inactive', 'entered-in-error'],
    rejected: ['entered-in-error'],
    inactive: ['entered-in-error'],
    'entered-in-error': [],
  }
  return next[from].includes(to)
}

export interface ConsentDecision {
  readonly decision: 'permit' | 'deny'
  /** The consent that permits. */
  readonly consentId: string | null
  readonly evaluatedAt: Date
}

/** A permission always names the consent that gives it. */
export const decide = (permittingId: string | null, now: Date): ConsentDecision => ({
  decision: permittingId === null ? 'deny' : 'permit',
  consentId: permittingId,
  evaluatedAt: now,
})
