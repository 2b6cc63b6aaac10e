import { invalid } from '../shared/refusal.ts'
import { isBlank } from '../shared/text.ts'
import { isCountry } from './countries.ts'
import { licenseNumber } from './license-number.ts'
import type { Clinic, ClinicAddress, Profile } from './provider.ts'

type Entered<T> = { readonly [K in keyof T]?: T[K] | undefined }

/** What an administrator sends: what is left out stays as it was, null takes it back. */
export type ProfileInput = Entered<Omit<Profile, 'medicalLicenseNumber' | 'clinic'>> & {
  readonly medicalLicenseNumber?: string | null | undefined
  readonly clinic?: (Entered<Omit<Clinic, 'address'>> & { readonly address?: Entered<ClinicAddress> | undefined }) | undefined
}

/** Letters, marks, spaces, apostrophes, hyphens and full stops of any script. @see design, section 9, 9 */
export const namePattern = "^[\\p{L}\\p{M} .'\\u2019\\u02bc\\u2010\\u2011-]+$"
/** One letter, with its marks. */
export const initialPattern = '^\\p{L}\\p{M}{0,3}$'
export const licensePattern = '^[A-Za-z0-9]+$'
/** What stands before the at sign is 64 characters at most: mail servers take no more. @see RFC 5321, section 4.5.3.1.1 */
export const emailPattern = '^(?![^@]{65})'
/** E.164. */
export const phonePattern = '^\\+[1-9][0-9]{6,14}$'
export const countryPattern = '^[A-Z]{2}$'

/** Fillers of Hangul are letters that nobody sees. */
const hasLetter = /[\p{L}--\p{Default_Ignorable_Code_Point}]/v

const tidy = (value: string): string => value.trim().replaceAll(/ {2,}/g, ' ')

/** An address as it is kept and compared: without regard to case. */
export const normaliseEmail = (value: string): string => value.trim().toLowerCase()

const changes = <T extends object>(before: T, entered: Entered<T> | undefined): T => {
  if (!entered) return before
  const given = Object.entries(entered).filter(([name, value]) => value !== undefined && name in before)
  return { ...before, ...Object.fromEntries(given.map(([name, value]) => [name, typeof value === 'string' ? tidy(value) : value])) }
}

const visibleTexts = (profile: Profile): [string, string | null][] => [
  ['/specialty', profile.specialty],
  ['/clinic/name', profile.clinic.name],
  ['/clinic/operatingHours', profile.clinic.operatingHours],
  ...Object.entries(profile.clinic.address).map(([name, value]): [string, string | null] => [`/clinic/address/${name}`, value]),
]

const checkProfile = (profile: Profile): Profile => {
  for (const field of ['firstName', 'lastName'] as const) {
    const name = profile[field]
    if (name !== null && !hasLetter.test(name)) throw invalid(`/${field}`, 'letters')
  }
  const blank = visibleTexts(profile).find(([, value]) => value !== null && isBlank(value))
  if (blank) throw invalid(blank[0], 'not-blank')
  const { country } = profile.clinic.address
  if (country !== null && !isCountry(country)) throw invalid('/clinic/address/country', 'country')
  return profile
}

/**
 * A profile with what was entered, tidied: white space at the ends goes, addresses are in lower case.
 * @throws Refusal VALIDATION_FAILED
 * @see FR-015, Screen 2
 */
export const enter = (before: Profile, entered: ProfileInput): Profile => {
  const { medicalLicenseNumber, clinic, ...plain } = entered
  const base = changes(before, plain as Entered<Profile>)
  const { address, ...ofClinic } = clinic ?? {}
  const merged: Profile = {
    ...base,
    email: base.email === null ? null : normaliseEmail(base.email),
    secondaryEmail: base.secondaryEmail === null ? null : normaliseEmail(base.secondaryEmail),
    clinic: { ...changes(before.clinic, ofClinic as Entered<Clinic>), address: changes(before.clinic.address, address) },
  }
  if (medicalLicenseNumber === undefined) return checkProfile(merged)
  return checkProfile({ ...merged, medicalLicenseNumber: medicalLicenseNumber === null ? null : licenseNumber(medicalLicenseNumber) })
}
