import { type Static, Type } from '@sinclair/typebox'
import {
  actionNames, documentsStatuses, identityStates, providerStatuses, reasonLength, transitionNames,
} from '../../domain/provider-administration/index.ts' // prettier-ignore
import { id, instantOut, oneOf, orNull, strict } from '../shared/schemas.ts'
import { commissionBody, commissionOut, numberOrNull, profileFields, providerId, textOrNull } from './fields.ts'

export const providerBody = strict({
  ...profileFields,
  commission: Type.Optional({ ...commissionBody, description: 'What the platform keeps of each transaction' }),
})

export const profileBody = strict(profileFields)

export const dayOut = (description: string) => Type.Unsafe<string | null>({ type: ['string', 'null'], format: 'date', description })

const clinicOut = strict({
  name: textOrNull('Name of the clinic'),
  address: strict({
    street: textOrNull('Street and number'),
    city: textOrNull('City'),
    stateProvince: textOrNull('State or province'),
    postalCode: textOrNull('Postal code'),
    country: textOrNull('ISO 3166-1 alpha-2'),
  }),
  phone: textOrNull('E.164'),
  email: textOrNull('Address'),
  operatingHours: textOrNull('When it is open'),
})

const scheduledOut = Type.Unsafe<{
  transition: (typeof transitionNames)[number]
  effectiveDate: string
  reason: string | null
  notify: boolean
  scheduledAt: string
  scheduledBy: string
} | null>({
  type: ['object', 'null'],
  description: 'What will become of the status on a later day; null: nothing is planned',
  additionalProperties: false,
  properties: {
    transition: oneOf(transitionNames, 'Which'),
    effectiveDate: Type.String({ format: 'date', description: 'The day, UTC' }),
    reason: textOrNull('Why'),
    notify: Type.Boolean({ description: 'Whether the provider is mailed' }),
    scheduledAt: instantOut('When it was planned'),
    scheduledBy: Type.String({ description: 'Who planned it' }),
  },
})

export const allowedActionsOut = Type.Array(oneOf(actionNames, 'An action'), { description: 'What status and your scopes allow now' })

const standing = {
  status: oneOf(providerStatuses, 'What the account is'),
  featured: Type.Boolean({ description: 'Whether patients see it among the featured' }),
  documentsStatus: oneOf(documentsStatuses, 'The worst of the required documents, in this order'),
  documentsExpired: Type.Boolean({ description: 'Whether an approved document has run out' }),
  createdAt: instantOut('When the draft was begun'),
  allowedActions: allowedActionsOut,
} as const

export const providerProperties = {
  id: providerId,
  displayName: Type.String({ description: 'Dr. First Last; empty while a draft has no name' }),
  ...standing,
  firstName: textOrNull('First name'),
  lastName: textOrNull('Last name'),
  middleInitial: textOrNull('Middle initial'),
  medicalLicenseNumber: textOrNull('In full to those who may edit it, `****1234` to everybody else'),
  specialty: textOrNull('Specialty'),
  yearsOfExperience: Type.Unsafe<number | null>({ type: ['integer', 'null'], description: 'Years of practice' }),
  email: textOrNull('What the provider signs in with'),
  pendingEmail: textOrNull('A new sign-in address that its owner has not confirmed yet'),
  phone: textOrNull('E.164'),
  secondaryEmail: textOrNull('A further address'),
  clinic: clinicOut,
  commission: Type.Union([commissionOut, Type.Null()], { description: 'What is agreed; null: nothing yet' }),
  currentRate: numberOrNull('Percent in force now'),
  missing: Type.Array(Type.String({ description: 'A field' }), { description: 'What activation still needs of the profile' }),
  scheduledTransition: scheduledOut,
  identity: oneOf(identityStates, 'The account at the identity provider'),
  createdBy: Type.String({ description: 'Who began the draft' }),
  updatedAt: instantOut('When it was last changed'),
  activityAt: instantOut('When anything last happened, documents included'),
  activatedAt: orNull(instantOut('When it was first activated')),
  deactivatedAt: orNull(instantOut('When it was deactivated')),
  deletableSince: dayOut('The day from which it may be deleted; seven years after deactivation at the earliest'),
} as const

export const providerSchema = strict(providerProperties)
export type ProviderWire = Static<typeof providerSchema>

export const listedProviderSchema = strict({
  id: providerId,
  displayName: Type.String({ description: 'Dr. First Last' }),
  clinicName: textOrNull('Name of the clinic'),
  ...standing,
  commissionType: Type.Unsafe<string | null>({ type: ['string', 'null'], description: 'percentage or tier' }),
  currentRate: numberOrNull('Percent in force now'),
  etag: Type.String({ description: 'For If-Match, quotes included' }),
})
export type ListedProviderWire = Static<typeof listedProviderSchema>

export const reason = (description: string) =>
  Type.String({
    minLength: reasonLength.min,
    maxLength: reasonLength.max,
    pattern: '\\S',
    description: `${description} 20 to 500 characters`,
  })

export const confirmed = Type.Unsafe<true>({ type: 'boolean', enum: [true], description: 'That it is meant' })

/** What became of the mail that a change called for; null where none was asked for. */
export const notificationOut = Type.Unsafe<{ id: string; state: string; attempts: number } | null>({
  type: ['object', 'null'],
  description: 'The mail that tells the provider; null where none was asked for',
  additionalProperties: false,
  properties: {
    id: id('To look it up, and to send it again'),
    state: Type.String({ description: 'queued, sent or failed' }),
    attempts: Type.Integer({ description: 'Attempts so far' }),
  },
})
