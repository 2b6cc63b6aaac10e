import { daysBetween } from '../shared/calendar-day.ts'
import type { DocumentType as MediaType, ScanResult } from '../shared/documents.ts'
import { Refusal } from '../shared/refusal.ts'

/** What every provider must prove before activation. @see FR-015 FR-004, fixed in code */
export const documentTypes = ['medical_license', 'board_certification', 'malpractice_insurance'] as const
export type DocumentType = (typeof documentTypes)[number]

/** What has become of one version. `superseded`: a newer one took its place. */
export const verificationStatuses = ['pending', 'approved', 'rejected', 'superseded'] as const
export type VerificationStatus = (typeof verificationStatuses)[number]

/** What an administrator decides of a version, and from which statuses. @see FR-015, Screen 3, Document Approval */
export const verifications: readonly { readonly name: 'approval' | 'rejection'; readonly from: readonly VerificationStatus[] }[] = [
  { name: 'approval', from: ['pending', 'rejected'] },
  { name: 'rejection', from: ['pending', 'approved'] },
]

/** A reason for a rejection, in Unicode code points. */
export const rejectionReasonLength = { min: 10, max: 500 } as const

/** Bytes of one file: what an agency's setting may say, and what it says until told. @see FR-015, Configurable with Restrictions */
export const documentSize = { default: 10 * 1024 * 1024, max: 50 * 1024 * 1024 } as const

/** One version of one of a provider's documents. */
export interface ProviderDocument {
  readonly id: string
  readonly providerId: string
  readonly type: DocumentType
  /** 1, 2, 3, … of its type. */
  readonly version: number
  /** 1, 2, 3, …: each decision makes the next; what If-Match names. */
  readonly revision: number
  readonly status: VerificationStatus
  readonly filename: string | null
  readonly contentType: MediaType
  readonly sizeBytes: number
  readonly sha256: string
  readonly scan: ScanResult
  readonly objectKey: string
  /** `YYYY-MM-DD`, the day of expiry. */
  readonly expiresOn: string
  readonly uploadedAt: Date
  /** `sub` of the administrator, or of the provider. */
  readonly uploadedBy: string
  readonly verifiedBy: string | null
  readonly verifiedAt: Date | null
  readonly rejectionReason: string | null
  /** When a new version was last asked for. */
  readonly requestedAt: Date | null
}

/** What decides of a document, whoever stores it. */
export type DocumentState = Pick<ProviderDocument, 'type' | 'version' | 'status' | 'expiresOn' | 'requestedAt'>

/** Whole days from `today` to the day of expiry; negative once that has passed. */
export const daysUntilExpiry = (expiresOn: string, today: string): number => daysBetween(today, expiresOn)

/** On the day that it names a document holds no more. */
export const isExpired = (expiresOn: string, today: string): boolean => daysUntilExpiry(expiresOn, today) <= 0

/** From how many days before expiry a new version may be sent and administrators are warned. */
export const renewalDays = 30

export const expiryWarnings = ['ok', 'soon', 'urgent'] as const
export type ExpiryWarning = (typeof expiryWarnings)[number]

/** `ok` over 30 days, `soon` 7 to 30, `urgent` under 7 or expired. @see FR-015, Screen 3, Notes */
export const warningOf = (expiresOn: string, today: string): ExpiryWarning => {
  const days = daysUntilExpiry(expiresOn, today)
  if (days > renewalDays) return 'ok'
  return days >= 7 ? 'soon' : 'urgent'
}

/** A new version names a day to come. @see FR-015, Screen 2, Expiration Date Validation */
export const isFutureDay = (expiresOn: string, today: string): boolean => !isExpired(expiresOn, today)

/** @throws Refusal CONFLICT where the version's status allows no such decision */
export const checkVerification = (status: VerificationStatus, name: 'approval' | 'rejection'): void => {
  if (!verifications.find((rule) => rule.name === name)!.from.includes(status)) throw new Refusal('CONFLICT')
}
