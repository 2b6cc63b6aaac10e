import { type Static, Type } from '@sinclair/typebox'
import {
  commissionTypes, countryPattern, emailPattern, initialPattern, licensePattern, namePattern, phonePattern, profileLimits, rateRange, tierLimits,
} from '../../domain/provider-administration/index.ts' // prettier-ignore
import { maskedNumber } from '../shared/masking.ts'
import { id, oneOf, strict } from '../shared/schemas.ts'

interface TextRules {
  readonly max: number
  readonly pattern?: string
  readonly format?: string
  readonly example?: string
}

/** A text of an answer that may be null. */
export const textOrNull = (description: string) => Type.Unsafe<string | null>({ type: ['string', 'null'], description })
export const numberOrNull = (description: string) => Type.Unsafe<number | null>({ type: ['number', 'null'], description })

const rulesOf = ({ max, pattern, format, example }: TextRules) => ({
  minLength: 1,
  maxLength: max,
  ...(pattern === undefined ? {} : { pattern }),
  ...(format === undefined ? {} : { format }),
  ...(example === undefined ? {} : { examples: [example] }),
})

/** A text that may be left out; null takes it back. */
export const entered = (description: string, rules: TextRules) =>
  Type.Optional(Type.Unsafe<string | null>({ type: ['string', 'null'], ...rulesOf(rules), description }))

const name = (description: string, example: string) => entered(description, { max: profileLimits.name, pattern: namePattern, example })
const phone = (description: string) => entered(description, { max: 16, pattern: phonePattern, example: '+12025550142' })
const email = (description: string) => entered(description, { max: profileLimits.email, pattern: emailPattern, format: 'email' })

const address = strict({
  street: entered('Street and number', { max: profileLimits.street, example: '1 Harbour Road' }),
  city: entered('City', { max: profileLimits.city, example: 'Lisbon' }),
  stateProvince: entered('State or province', { max: profileLimits.stateProvince, example: 'Lisbon' }),
  postalCode: entered('Postal code', { max: profileLimits.postalCode, example: '1000-001' }),
  country: entered('ISO 3166-1 alpha-2', { max: 2, pattern: countryPattern, example: 'PT' }),
})

const clinic = strict({
  name: entered('Name of the clinic', { max: profileLimits.clinicName, example: 'Harbour Clinic' }),
  address: Type.Optional({ ...address, description: 'Where it is' }),
  phone: phone('Phone of the clinic, E.164; patients see it'),
  email: email('Address of the clinic; patients see it'),
  operatingHours: entered('When it is open', { max: profileLimits.operatingHours, example: 'Mon-Fri 9AM-5PM' }),
})

/** What an administrator enters; a draft may leave out anything. @see FR-015, Screen 2 */
export const profileFields = {
  firstName: name('Legal first name', 'Maria'),
  lastName: name('Legal last name', 'Silva'),
  middleInitial: entered('Middle initial, one letter', { max: 4, pattern: initialPattern, example: 'J' }),
  medicalLicenseNumber: Type.Optional(
    maskedNumber(
      Type.Unsafe<string | null>({
        type: ['string', 'null'],
        ...rulesOf({ max: profileLimits.license, pattern: licensePattern, example: 'MD123456' }),
        description: 'Letters and digits',
      }),
    ),
  ),
  specialty: entered('One of the specialties of the settings', { max: profileLimits.specialty, example: 'Dermatologist' }),
  yearsOfExperience: Type.Optional(
    Type.Unsafe<number | null>({
      type: ['integer', 'null'],
      minimum: profileLimits.experience.min,
      maximum: profileLimits.experience.max,
      description: 'Years of practice',
    }),
  ),
  email: email('What the provider signs in with; of one account of the platform'),
  phone: phone('E.164'),
  secondaryEmail: email('A further address'),
  clinic: Type.Optional({ ...clinic, description: 'Where the provider practises' }),
} as const

const rate = (description: string) => Type.Number({ minimum: rateRange.min, maximum: rateRange.max, description })
const count = (description: string) => Type.Integer({ minimum: 0, maximum: tierLimits.largestCount, description })

const tier = strict(
  {
    name: Type.String({ minLength: 1, maxLength: tierLimits.nameLength, pattern: '\\S', description: 'As the provider sees it' }),
    from: count('Completed procedures of a month from which it holds'),
    to: Type.Unsafe<number | null>({
      type: ['integer', 'null'],
      minimum: 0,
      maximum: tierLimits.largestCount,
      description: 'Up to which it holds, included; null on the last',
    }),
    rate: rate('Percent, two decimals'),
  },
  'One tier',
)

/** `{ type: "percentage", percentage }` or `{ type: "tier", tiers }`. @see FR-015, Screen 2, Tier Validation */
export const commissionFields = {
  type: oneOf(commissionTypes, 'Which of the two follows'),
  percentage: Type.Optional(rate('Percent, two decimals; with type percentage alone')),
  tiers: Type.Optional(
    Type.Array(tier, {
      minItems: 2,
      maxItems: tierLimits.most,
      description: 'From 0 on without gap or overlap, the last one open; with type tier',
    }),
  ),
} as const

export const commissionBody = strict(commissionFields)
export type CommissionWire = Static<typeof commissionBody>

/** What is agreed, and what is in force of it. */
export const commissionOut = strict({
  type: oneOf(commissionTypes, 'Percentage or tiers'),
  percentage: Type.Optional(Type.Number({ description: 'Percent' })),
  tiers: Type.Optional(
    Type.Array(
      strict({
        name: Type.String({ description: 'As the provider sees it' }),
        from: Type.Integer({ description: 'From this count on' }),
        to: Type.Unsafe<number | null>({ type: ['integer', 'null'], description: 'Up to this count; null: no end' }),
        rate: Type.Number({ description: 'Percent' }),
      }),
    ),
  ),
  currentRate: Type.Number({ description: 'Percent in force now' }),
  currentTier: Type.Unsafe<number | null>({ type: ['integer', 'null'], description: '1 for the first tier; null without tiers' }),
})

export const providerId = id('The provider')
export const providerParams = strict({ providerId })
