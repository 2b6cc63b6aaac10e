import { daysUntilExpiry, type ProviderDocument, warningOf } from '../../domain/provider-administration/index.ts'
import { dayOf } from '../../domain/shared/calendar-day.ts'
import { showInstant, showInstantOrNull } from '../../domain/shared/instant.ts'
import type { DocumentWire, OwnDocumentWire } from './documents.schemas.ts'

/** Where a version is read. */
export const documentLocation = (providerId: string, documentId: string): string =>
  `/api/admin/providers/${providerId}/documents/${documentId}`

/** Where a provider's own is read. */
export const ownDocumentLocation = (documentId: string): string => `/api/provider/documents/${documentId}/content`

/** Each decision makes the next revision, so that its number is a strong tag of the representation. */
export const documentEtag = ({ revision }: Pick<ProviderDocument, 'revision'>): string => `"${revision}"`

/** The revision that an ETag stands for, or null where it is none of ours. */
export const revisionOfEtag = (etag: string | null): number | null => {
  const [, digits] = /^"([1-9]\d{0,8})"$/.exec(etag ?? '') ?? []
  return digits === undefined ? null : Number(digits)
}

/** Without who sent and who decided. */
export const showOwnDocument = (document: ProviderDocument, now: Date): OwnDocumentWire => {
  const { id, type, filename, contentType, sizeBytes, uploadedAt, expiresOn, status, verifiedAt, rejectionReason, requestedAt, scan } =
    document
  const today = dayOf(now.getTime())
  return {
    id,
    type,
    filename,
    contentType,
    sizeBytes,
    uploadedAt: showInstant(uploadedAt),
    expirationDate: expiresOn,
    verificationStatus: status,
    verifiedAt: showInstantOrNull(verifiedAt),
    rejectionReason,
    reuploadRequestedAt: showInstantOrNull(requestedAt),
    daysUntilExpiry: daysUntilExpiry(expiresOn, today),
    warning: warningOf(expiresOn, today),
    scan,
  }
}

export const showDocument = (document: ProviderDocument, now: Date): DocumentWire => {
  const { providerId, version, uploadedBy, verifiedBy } = document
  return { ...showOwnDocument(document, now), providerId, version, uploadedBy, verifiedBy }
}

export const showListedDocument = (document: ProviderDocument, now: Date) => ({
  ...showDocument(document, now),
  etag: documentEtag(document),
})
