import {
  emptyProfile, lastFour, licenseNumber, normaliseEmail, normaliseLicense, type Profile, type Provider, searchTextOf, sortNameOf,
} from '../../../domain/provider-administration/index.ts' // prettier-ignore
import type { ProviderProfileRecord } from '../../../domain/provider-administration/provider.entity.ts'
import type { BlindIndexPort, FieldCipherPort } from '../../host/define-context.ts'

/** What seals a profile's addresses and licence, and by what they are found. */
export interface Sealing {
  readonly fields: FieldCipherPort
  readonly blindIndex: BlindIndexPort
}

type SealedColumn = 'email' | 'pending_email' | 'secondary_email' | 'phone' | 'license'

/** Where a sealed field belongs: no other row or column opens it. */
export const sealedPlace = (column: SealedColumn, agencyId: string, rowId: string) => ({
  table: 'provider_profile',
  column,
  agencyId,
  rowId,
})

/** Purposes of blind indexes. That of the address is one for the whole platform; licences are compared within an agency. */
const indexed = ({ blindIndex }: Pick<Sealing, 'blindIndex'>, purpose: string, normalised: (value: string) => string) => ({
  one: (value: string): Buffer => blindIndex.index(purpose, normalised(value)),
  all: (value: string): Buffer[] => blindIndex.candidates(purpose, normalised(value)),
})

/** `one` is what is stored, under the current key; `all` is what is looked for, under the former ones too. */
export const findBy = (sealing: Pick<Sealing, 'blindIndex'>, agencyId: string) => ({
  email: indexed(sealing, 'provider-email', normaliseEmail),
  license: indexed(sealing, `provider-license:${agencyId}`, normaliseLicense),
  licenseLastFour: indexed(sealing, `provider-license-last-four:${agencyId}`, lastFour),
})

const sealWith =
  ({ fields }: Sealing, agencyId: string, id: string) =>
  (column: SealedColumn, value: string | null) =>
    value === null ? null : fields.seal(value, sealedPlace(column, agencyId, id))

/** The columns of what an administrator entered. */
export const profileColumns = (profile: Profile, sealing: Sealing, agencyId: string, id: string) => {
  const { clinic, email } = profile
  const seal = sealWith(sealing, agencyId, id)
  const found = findBy(sealing, agencyId)
  const license = profile.medicalLicenseNumber?.reveal() ?? null
  return {
    firstName: profile.firstName,
    lastName: profile.lastName,
    middleInitial: profile.middleInitial,
    specialty: profile.specialty,
    yearsOfExperience: profile.yearsOfExperience,
    license: seal('license', license),
    licenseIndex: license === null ? null : found.license.one(license),
    licenseLastFourIndex: license === null ? null : found.licenseLastFour.one(license),
    email: seal('email', email),
    emailIndex: email === null ? null : found.email.one(email),
    secondaryEmail: seal('secondary_email', profile.secondaryEmail),
    phone: seal('phone', profile.phone),
    clinicName: clinic.name,
    clinicStreet: clinic.address.street,
    clinicCity: clinic.address.city,
    clinicStateProvince: clinic.address.stateProvince,
    clinicPostalCode: clinic.address.postalCode,
    clinicCountry: clinic.address.country,
    clinicPhone: clinic.phone,
    clinicEmail: clinic.email,
    operatingHours: clinic.operatingHours,
    searchText: searchTextOf(profile),
    sortName: sortNameOf(profile),
  }
}

const orNull = <T>(value: T | null | undefined): T | null => value ?? null

const clinicOf = (record: ProviderProfileRecord): Profile['clinic'] => ({
  ...emptyProfile.clinic,
  name: orNull(record.clinicName),
  address: {
    street: orNull(record.clinicStreet),
    city: orNull(record.clinicCity),
    stateProvince: orNull(record.clinicStateProvince),
    postalCode: orNull(record.clinicPostalCode),
    country: orNull(record.clinicCountry),
  },
  phone: orNull(record.clinicPhone),
  email: orNull(record.clinicEmail),
  operatingHours: orNull(record.operatingHours),
})

/** An account without what stands in other tables. */
export const providerOf = (
  record: ProviderProfileRecord,
  { fields }: Pick<Sealing, 'fields'>,
): Omit<Provider, 'commission' | 'scheduledTransition'> => {
  const { agencyId, id } = record
  const open = (column: SealedColumn, sealed: Buffer | null | undefined): string | null =>
    sealed ? fields.open(sealed, sealedPlace(column, agencyId, id)) : null
  const license = open('license', record.license)
  return {
    id,
    agencyId,
    status: record.status,
    featured: record.featured,
    version: record.version,
    firstName: orNull(record.firstName),
    lastName: orNull(record.lastName),
    middleInitial: orNull(record.middleInitial),
    medicalLicenseNumber: license === null ? null : licenseNumber(license),
    specialty: orNull(record.specialty),
    yearsOfExperience: orNull(record.yearsOfExperience),
    email: open('email', record.email),
    phone: open('phone', record.phone),
    secondaryEmail: open('secondary_email', record.secondaryEmail),
    pendingEmail: open('pending_email', record.pendingEmail),
    clinic: clinicOf(record),
    currentRate: orNull(record.currentRate) === null ? null : Number(record.currentRate),
    currentTier: orNull(record.currentTier),
    documentsStatus: record.documentsStatus,
    documentsExpireOn: orNull(record.documentsExpireOn),
    createdAt: record.createdAt,
    createdBy: record.createdBy,
    updatedAt: record.updatedAt,
    activityAt: record.activityAt,
    activatedAt: orNull(record.activatedAt),
    deactivatedAt: orNull(record.deactivatedAt),
    welcomedAt: orNull(record.welcomedAt),
    deletableSince: orNull(record.deletableSince),
  }
}
