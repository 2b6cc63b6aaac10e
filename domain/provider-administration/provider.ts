import type { Commission, CommissionType } from './commission.ts'
import { isExpired } from './document.ts'
import type { DocumentsStatus } from './documents-of-provider.ts'
import type { LicenseNumber } from './license-number.ts'
import type { ProviderStatus, TransitionName } from './lifecycle.ts'

export const identityStates = ['pending', 'enabled', 'disabled', 'failed'] as const
/** The account at the identity provider: `pending` until it is there and was opened. */
export type IdentityState = (typeof identityStates)[number]

/** With which the configured list of specialties starts. @see FR-015, Screen 2 */
export const firstSpecialties = ['Hair Transplant Surgeon', 'Dermatologist', 'Plastic Surgeon', 'Other'] as const

export const profileLimits = {
  name: 50,
  license: 50,
  specialty: 100,
  experience: { min: 1, max: 60 },
  email: 254,
  clinicName: 100,
  street: 200,
  city: 100,
  stateProvince: 100,
  postalCode: 20,
  operatingHours: 200,
} as const

export interface ClinicAddress {
  readonly street: string | null
  readonly city: string | null
  readonly stateProvince: string | null
  readonly postalCode: string | null
  /** ISO 3166-1 alpha-2. */
  readonly country: string | null
}

export interface Clinic {
  readonly name: string | null
  readonly address: ClinicAddress
  /** E.164. */
  readonly phone: string | null
  readonly email: string | null
  readonly operatingHours: string | null
}

/** What an administrator enters about a provider. A draft may leave anything open: null. */
export interface Profile {
  readonly firstName: string | null
  readonly lastName: string | null
  readonly middleInitial: string | null
  readonly medicalLicenseNumber: LicenseNumber | null
  readonly specialty: string | null
  readonly yearsOfExperience: number | null
  readonly email: string | null
  readonly phone: string | null
  readonly secondaryEmail: string | null
  readonly clinic: Clinic
}

export interface ScheduledTransition {
  readonly id: string
  readonly transition: TransitionName
  readonly effectiveDate: string
  readonly reason: string | null
  readonly notify: boolean
  readonly scheduledAt: Date
  readonly scheduledBy: string
}

/** A provider account. */
export interface Provider extends Profile {
  readonly id: string
  readonly agencyId: string
  readonly status: ProviderStatus
  readonly featured: boolean
  /** 1, 2, 3, …: each change makes the next. */
  readonly version: number
  readonly commission: Commission | null
  /** Percent in force now, and the tier by which it is. */
  readonly currentRate: number | null
  readonly currentTier: number | null
  readonly documentsStatus: DocumentsStatus
  /** `YYYY-MM-DD`: the day on which the first approved document expires; null where none is approved. */
  readonly documentsExpireOn: string | null
  /** A sign-in address that is still to be confirmed by its owner. */
  readonly pendingEmail: string | null
  readonly createdAt: Date
  readonly createdBy: string
  readonly updatedAt: Date
  readonly activityAt: Date
  readonly activatedAt: Date | null
  readonly deactivatedAt: Date | null
  readonly welcomedAt: Date | null
  readonly deletableSince: string | null
  readonly scheduledTransition: ScheduledTransition | null
}

export const emptyProfile: Profile = Object.freeze({
  firstName: null,
  lastName: null,
  middleInitial: null,
  medicalLicenseNumber: null,
  specialty: null,
  yearsOfExperience: null,
  email: null,
  phone: null,
  secondaryEmail: null,
  clinic: Object.freeze({
    name: null,
    address: Object.freeze({ street: null, city: null, stateProvince: null, postalCode: null, country: null }),
    phone: null,
    email: null,
    operatingHours: null,
  }),
})

/** As it stands everywhere; a draft without a name has none. @see FR-015, Screen 3 */
export const displayName = ({ firstName, lastName }: Pick<Profile, 'firstName' | 'lastName'>): string => {
  const name = [firstName, lastName].filter((part) => part !== null).join(' ')
  return name === '' ? '' : `Dr. ${name}`
}

const required = (profile: Profile, commission: Commission | null): [string, unknown][] => {
  const { clinic } = profile
  return [
    ['firstName', profile.firstName],
    ['lastName', profile.lastName],
    ['medicalLicenseNumber', profile.medicalLicenseNumber],
    ['specialty', profile.specialty],
    ['yearsOfExperience', profile.yearsOfExperience],
    ['email', profile.email],
    ['phone', profile.phone],
    ['clinic.name', clinic.name],
    ['clinic.address.street', clinic.address.street],
    ['clinic.address.city', clinic.address.city],
    ['clinic.address.stateProvince', clinic.address.stateProvince],
    ['clinic.address.postalCode', clinic.address.postalCode],
    ['clinic.address.country', clinic.address.country],
    ['clinic.phone', clinic.phone],
    ['commission', commission],
  ]
}

/** What activation still needs, by the names of the body's fields. @see FR-015, A1 */
export const missingFields = (profile: Profile, commission: Commission | null): string[] =>
  required(profile, commission).flatMap(([name, value]) => (value === null ? [name] : []))

/** Has an approved document run out? */
export const hasExpired = (documentsExpireOn: string | null, today: string): boolean =>
  documentsExpireOn !== null && isExpired(documentsExpireOn, today)

/** A row of the dashboard. */
export interface ProviderRow extends Pick<Profile, 'firstName' | 'lastName'> {
  readonly id: string
  readonly status: ProviderStatus
  readonly featured: boolean
  readonly version: number
  readonly clinicName: string | null
  readonly commissionType: CommissionType | null
  readonly currentRate: number | null
  readonly documentsStatus: DocumentsStatus
  readonly documentsExpireOn: string | null
  readonly createdAt: Date
}
