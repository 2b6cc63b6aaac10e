import type { ClinicalDraft, DraftRevision } from '../../domain/clinical-drafts/index.ts'
import { showInstant } from '../../domain/shared/instant.ts'
import type { DraftWire, ListedDraftWire, RevisionWire } from './schemas.ts'

const marks = { status: 'draft', isDraft: true } as const

/** The header on every representation of a draft. @see MIG-03 §4, drafts are identifiable as drafts */
export const draftHeaders = { 'X-Draft': 'true' } as const

/** Where a draft is read. */
export const draftLocation = (draftId: string): string => `/api/clinical-drafts/${draftId}`

/** A version is written once, so that its number is a strong tag of the representation. */
export const draftEtag = ({ version }: Pick<ClinicalDraft, 'version'>): string => `"${version}"`

/** The version that an ETag stands for, or null where it is none of ours. */
export const versionOfEtag = (etag: string | null): number | null => {
  const [, digits] = /^"([1-9]\d{0,8})"$/.exec(etag ?? '') ?? []
  return digits === undefined ? null : Number(digits)
}

export const showDraft = ({ id, patientId, type, title, body, version, createdAt, updatedAt }: ClinicalDraft): DraftWire => ({
  id,
  patientId,
  type,
  title,
  body,
  ...marks,
  version,
  createdAt: showInstant(createdAt),
  updatedAt: showInstant(updatedAt),
})

export const showListedDraft = (draft: ClinicalDraft): ListedDraftWire => ({ ...showDraft(draft), etag: draftEtag(draft) })

export const showRevision = ({ draftId, patientId, version, type, title, body, createdAt }: DraftRevision): RevisionWire => ({
  draftId,
  patientId,
  version,
  type,
  title,
  body,
  ...marks,
  createdAt: showInstant(createdAt),
})
