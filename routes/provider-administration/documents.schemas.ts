import { type Static, Type } from '@sinclair/typebox'
import {
  documentTypes, expiryWarnings, rejectionReasonLength, verificationStatuses,
} from '../../domain/provider-administration/index.ts' // prettier-ignore
import { documentTypes as mediaTypes } from '../../domain/shared/documents.ts'
import { cursorList, cursorQuery } from '../shared/paging.ts'
import { id, instantOut, oneOf, orNull, strict, ticketQuery, writtenText } from '../shared/schemas.ts'

const providerId = id('The provider')
const documentId = id('One version of a document')

export const providerDocumentsParams = strict({ providerId })
export const providerDocumentParams = strict({ providerId, documentId })
export const ownDocumentParams = strict({ documentId })

export const documentsQuery = strict(cursorQuery)
export const documentContentQuery = strict(ticketQuery)

export const documentType = oneOf(documentTypes, 'What it proves')
const day = (description: string) => Type.String({ format: 'date', maxLength: 10, description })

/** The fields beside the file. */
export const uploadFields = strict({ type: documentType, expirationDate: day('The day of expiry; in the future') })

export const rejectionBody = strict({ reason: writtenText(rejectionReasonLength, 'What is wrong with it; the provider is told.') })

/** Nothing is said but the request itself. */
export const emptyBody = strict({})

const textOrNull = (description: string) => Type.Unsafe<string | null>({ type: ['string', 'null'], description })

/** What a provider sees of a version as well. */
const shown = {
  id: documentId,
  type: documentType,
  filename: textOrNull('As it was called where it came from'),
  contentType: oneOf(mediaTypes, 'By content'),
  sizeBytes: Type.Integer({ description: 'Bytes' }),
  uploadedAt: instantOut('When it came'),
  expirationDate: day('The day of expiry'),
  verificationStatus: oneOf(verificationStatuses, 'What was decided; superseded: a newer version took its place'),
  verifiedAt: orNull(instantOut('When it was decided')),
  rejectionReason: textOrNull('Why it was rejected'),
  reuploadRequestedAt: orNull(instantOut('When a new version was asked for')),
  daysUntilExpiry: Type.Integer({ description: 'Whole days in UTC; negative once it has expired' }),
  warning: oneOf(expiryWarnings, 'ok over 30 days, soon 7 to 30, urgent under 7 or expired'),
  scan: oneOf(['clean', 'not-scanned'], 'Whether a scanner looked at it'),
} as const

export const ownDocumentSchema = strict(shown)
export const ownDocumentListSchema = cursorList(ownDocumentSchema)

const administered = {
  ...shown,
  providerId,
  version: Type.Integer({ description: '1, 2, 3, … of its type' }),
  uploadedBy: Type.String({ description: 'Who sent it: an administrator, or the provider' }),
  verifiedBy: textOrNull('Who decided'),
} as const

export const documentSchema = strict(administered)
export const documentListSchema = cursorList(
  strict({ ...administered, etag: Type.String({ description: 'For If-Match, quotes included' }) }),
)

export const documentAccessSchema = strict({
  url: Type.String({ description: 'Opens the document once, without a token, as the caller' }),
  expiresAt: instantOut('60 s from now'),
})

export type DocumentWire = Static<typeof documentSchema>
export type OwnDocumentWire = Static<typeof ownDocumentSchema>
