import { dayOf, isDay } from '../shared/calendar-day.ts'
import { newId } from '../shared/ids.ts'
import { invalid, Refusal } from '../shared/refusal.ts'
import { checkVerification, isExpired, isFutureDay, type DocumentType, type ProviderDocument, rejectionReasonLength } from './document.ts'
import { mayUpload, newestVersion, standings } from './documents-of-provider.ts'
import type { Decision, DocumentStore, Upload } from './documents.ports.ts'
import { checkEditable, type ProviderStatus } from './lifecycle.ts'
import { checkReason } from './reason.ts'

/** Who acts, and when. */
export interface Acting {
  readonly providerId: string
  readonly userId: string
  readonly now: Date
  readonly auditId: string
}

/** A version before and after a change. */
export interface DocumentChange {
  readonly before: ProviderDocument
  readonly after: ProviderDocument
  readonly providerStatus: ProviderStatus
}

/** @throws Refusal VALIDATION_FAILED where the day is none of the calendar or not to come */
export const checkExpiration = (expiresOn: string, now: Date): void => {
  if (!isDay(expiresOn)) throw invalid('/expirationDate', 'date')
  if (!isFutureDay(expiresOn, dayOf(now.getTime()))) throw invalid('/expirationDate', 'future')
}

/** @throws Refusal NOT_FOUND; CONFLICT where nothing of the provider changes any more */
const lockEditable = async (store: DocumentStore): Promise<ProviderStatus> => {
  const status = await store.lockProvider()
  if (status === null) throw new Refusal('NOT_FOUND')
  checkEditable(status)
  return status
}

/**
 * May the provider send a version of this type by themself now?
 * @throws Refusal CONFLICT where one awaits review, or the one that counts holds for more than 30 days
 * @see design, section 7, /provider/documents
 */
export const checkOwnUpload = (documents: readonly ProviderDocument[], type: DocumentType, now: Date): void => {
  const standing = standings(documents).find((one) => one.type === type)!
  if (!mayUpload(standing, dayOf(now.getTime()))) throw new Refusal('CONFLICT')
}

/**
 * Adds a version, pending. It takes the place of one that awaits review or was rejected; the approved one counts until this one is approved.
 * @throws Refusal VALIDATION_FAILED, NOT_FOUND, CONFLICT
 * @see FR-015, Admin Editability Rules; User Story 5, 3
 */
export const addDocument = async (
  store: DocumentStore,
  upload: Upload,
  { providerId, userId, now, auditId }: Acting,
  options: { readonly own?: boolean } = {},
): Promise<ProviderDocument> => {
  checkExpiration(upload.expiresOn, now)
  await lockEditable(store)
  const documents = await store.all()
  if (options.own) checkOwnUpload(documents, upload.type, now)
  const ofType = documents.filter(({ type }) => type === upload.type)
  const replaced = ofType.filter(({ status }) => status === 'pending' || status === 'rejected')
  await store.supersede(replaced.map(({ id }) => id), now) // prettier-ignore
  const document: ProviderDocument = {
    ...upload, id: newId(now.getTime()), providerId, version: (newestVersion(ofType)?.version ?? 0) + 1, revision: 1, status: 'pending', uploadedAt: now,
    uploadedBy: userId, verifiedBy: null, verifiedAt: null, rejectionReason: null, requestedAt: null,
  } // prettier-ignore
  await store.add({ ...document, auditId })
  return document
}

const found = async (store: DocumentStore, documentId: string): Promise<{ document: ProviderDocument; ofType: ProviderDocument[] }> => {
  const documents = await store.all()
  const document = documents.find(({ id }) => id === documentId)
  if (!document) throw new Refusal('NOT_FOUND')
  return { document, ofType: documents.filter(({ type }) => type === document.type) }
}

export interface DecisionAsked extends Acting {
  readonly documentId: string
  /** The revision that the administrator read; null where what they sent can be none, absent where nobody was to read one. */
  readonly expectedRevision?: number | null
}

const decided = async (
  store: DocumentStore,
  before: ProviderDocument,
  status: Decision['status'],
  reason: string | null,
  asked: DecisionAsked,
) => {
  const { userId, now, auditId } = asked
  await store.decide({ id: before.id, status, reason, by: userId, at: now, auditId })
  return { ...before, status, revision: before.revision + 1, verifiedBy: userId, verifiedAt: now, rejectionReason: reason }
}

/**
 * Approves a version, pending or rejected; what counted before is superseded.
 * @throws Refusal NOT_FOUND, CONFLICT (`stale` where it has changed since it was read; else superseded, approved already, or run out)
 * @see FR-015, A4
 */
export const approveDocument = async (store: DocumentStore, asked: DecisionAsked): Promise<DocumentChange> => {
  const providerStatus = await lockEditable(store)
  const { document, ofType } = await found(store, asked.documentId)
  checkRevision(document, asked)
  checkVerification(document.status, 'approval')
  if (isExpired(document.expiresOn, dayOf(asked.now.getTime()))) throw new Refusal('CONFLICT')
  const older = ofType.filter(({ version, status }) => version < document.version && status !== 'superseded')
  const replaced = ofType.filter((one) => one.id !== document.id && one.status === 'approved')
  await store.supersede([...new Set([...older, ...replaced])].map(({ id }) => id), asked.now) // prettier-ignore
  const after = await decided(store, document, 'approved', null, asked)
  return { before: document, after, providerStatus }
}

/**
 * Rejects a version, pending or approved, with a reason. The status of an active provider stays as it is.
 * @throws Refusal VALIDATION_FAILED, NOT_FOUND, CONFLICT
 * @see FR-015, B1
 */
export const rejectDocument = async (store: DocumentStore, asked: DecisionAsked & { readonly reason: string }): Promise<DocumentChange> => {
  checkReason(asked.reason, rejectionReasonLength)
  const providerStatus = await lockEditable(store)
  const { document } = await found(store, asked.documentId)
  checkRevision(document, asked)
  checkVerification(document.status, 'rejection')
  const after = await decided(store, document, 'rejected', asked.reason, asked)
  return { before: document, after, providerStatus }
}

/**
 * Asks the provider for a new version. The version itself stays what it is.
 * @throws Refusal NOT_FOUND, CONFLICT where a newer one took its place
 */
export const requestReupload = async (store: DocumentStore, asked: DecisionAsked): Promise<DocumentChange> => {
  const providerStatus = await lockEditable(store)
  const { document } = await found(store, asked.documentId)
  if (document.status === 'superseded') throw new Refusal('CONFLICT')
  await store.request(document.id, { at: asked.now, by: asked.userId })
  return { before: document, after: { ...document, revision: document.revision + 1, requestedAt: asked.now }, providerStatus }
}

const checkRevision = ({ revision }: ProviderDocument, { expectedRevision }: DecisionAsked): void => {
  if (expectedRevision !== undefined && expectedRevision !== revision) throw new Refusal('CONFLICT', 'stale')
}
