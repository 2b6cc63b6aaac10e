import { type Static, Type } from '@sinclair/typebox'
import { providerStatuses } from '../../domain/provider-administration/index.ts'
import { oneOf, strict } from '../shared/schemas.ts'
import { documentType, ownDocumentSchema } from './documents.schemas.ts'
import { textOrNull } from './fields.ts'
import { providerProperties } from './schemas.ts'

const {
  id,
  displayName,
  firstName,
  lastName,
  middleInitial,
  specialty,
  yearsOfExperience,
  email,
  phone,
  secondaryEmail,
  clinic,
  commission,
} = providerProperties

/** What stands across the top of a portal. @see FR-015, User Story 3, 2 */
const accountNotice = Type.Unsafe<{ status: string; reason: string | null; supportContact: string } | null>({
  type: ['object', 'null'],
  description: 'What became of the account, and whom to ask; null while it is active',
  additionalProperties: false,
  required: ['status', 'reason', 'supportContact'],
  properties: {
    status: oneOf(providerStatuses, 'What the account is'),
    reason: textOrNull('Why, as the administrator said it'),
    supportContact: Type.String({ description: 'Whom to ask' }),
  },
})

/** A provider's own account. Read only: there is no operation with which a provider changes it. @see FR-015, User Story 6 */
export const ownProfileSchema = strict({
  id,
  displayName,
  status: oneOf(providerStatuses, 'What the account is'),
  accountNotice,
  firstName,
  lastName,
  middleInitial,
  medicalLicenseNumber: textOrNull('Its last four: `****1234`'),
  specialty,
  yearsOfExperience,
  email,
  phone,
  secondaryEmail,
  clinic,
  commission,
  documents: Type.Array(ownDocumentSchema, { maxItems: 100, description: 'The versions that stand, from the newest to the oldest' }),
  uploads: Type.Array(documentType, { maxItems: 3, description: 'The types of which you may send a new version now' }),
})

export type OwnProfileWire = Static<typeof ownProfileSchema>
