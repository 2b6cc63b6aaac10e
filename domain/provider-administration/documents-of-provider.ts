import { daysUntilExpiry, type DocumentState, type DocumentType, documentTypes, isExpired, renewalDays } from './document.ts'

/** What of one type a provider has: the version that counts, and the newest that was not replaced. They can be the same. */
export interface Standing<D extends DocumentState = DocumentState> {
  readonly type: DocumentType
  readonly approved: D | null
  readonly latest: D | null
}

/** By version: an id tells when an upload began, and one that began earlier may have come later. */
export const newestVersion = <D extends Pick<DocumentState, 'version'>>(documents: readonly D[]): D | null =>
  documents.reduce<D | null>((last, one) => (last === null || one.version > last.version ? one : last), null)

/** The standing of every required type, of a provider's documents in any order. */
export const standings = <D extends DocumentState>(documents: readonly D[]): Standing<D>[] =>
  documentTypes.map((type) => {
    const ofType = documents.filter((one) => one.type === type && one.status !== 'superseded')
    return { type, approved: ofType.find(({ status }) => status === 'approved') ?? null, latest: newestVersion(ofType) }
  })

export const documentsStatuses = ['incomplete', 'rejected', 'pending', 'complete'] as const
export type DocumentsStatus = (typeof documentsStatuses)[number]

/**
 * The one word of the dashboard, by the newest version of each type, as the account's own summary is; what stands first in
 * `documentsStatuses` prevails.
 * @see FR-015, Screen 1, Documents Status Column
 */
export const documentsStatusOf = (documents: readonly DocumentState[]): DocumentsStatus => {
  const latest = standings(documents).map((standing) => standing.latest?.status)
  if (latest.includes(undefined)) return 'incomplete'
  if (latest.includes('rejected')) return 'rejected'
  return latest.includes('pending') ? 'pending' : 'complete'
}

/** Has a version that counts run out? */
export const documentsExpired = (documents: readonly DocumentState[], today: string): boolean =>
  standings(documents).some(({ approved }) => approved !== null && isExpired(approved.expiresOn, today))

/** Why a provider cannot be activated, by type. @see FR-015, B2 */
export interface DocumentBlocker {
  readonly documentType: DocumentType
  readonly cause: 'missing' | 'pending' | 'rejected' | 'expired'
  readonly expiredOn?: string
}

const blockerOf = ({ type, approved, latest }: Standing, today: string): DocumentBlocker | null => {
  if (latest === null) return { documentType: type, cause: 'missing' }
  if (approved !== null && !isExpired(approved.expiresOn, today)) return null
  const { status, expiresOn } = latest
  // One that ran out while it waited cannot be approved any more.
  if (status === 'rejected' || (status === 'pending' && !isExpired(expiresOn, today))) return { documentType: type, cause: status }
  return { documentType: type, cause: 'expired', expiredOn: expiresOn }
}

/** Every reason at once, in the order of the types; none where all are approved and unexpired. */
export const documentBlockers = (documents: readonly DocumentState[], today: string): DocumentBlocker[] =>
  standings(documents)
    .map((standing) => blockerOf(standing, today))
    .filter((blocker) => blocker !== null)

/**
 * May the provider send a new version of this type? Where it is missing, rejected, requested again, expired or within 30 days of it, and
 * none awaits review already.
 * @see design, section 7, /provider/documents
 */
export const mayUpload = ({ approved, latest }: Standing, today: string): boolean => {
  if (latest === null || latest.status === 'rejected' || latest.requestedAt !== null) return true
  if (latest.status === 'pending') return false
  return approved !== null && daysUntilExpiry(approved.expiresOn, today) <= renewalDays
}
