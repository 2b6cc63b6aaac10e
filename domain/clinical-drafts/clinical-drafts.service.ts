import { newId } from '../shared/ids.ts'
import { Refusal, invalid } from '../shared/refusal.ts'
import { type ClinicalDraft, type DraftContent, checkContent } from './clinical-draft.ts'
import type { DraftStore } from './clinical-drafts.ports.ts'

interface Written extends DraftContent {
  readonly patientId: string
}

export interface NewDraft extends Written {
  readonly agencyId: string
  readonly authorId: string
  readonly now: Date
  readonly auditId: string
}

export interface Edit extends Written {
  readonly draftId: string
  /** The version that its author read; null where what they sent can be none. */
  readonly expectedVersion: number | null
  readonly now: Date
  readonly auditId: string
}

export type Removal = Pick<Edit, 'draftId' | 'expectedVersion' | 'now' | 'auditId'>

/** A discarded draft is kept, and is nobody's to see or change any more. */
const takeOpen = async (store: DraftStore, id: string): Promise<ClinicalDraft> => {
  const draft = await store.take(id)
  if (draft === null || draft.status !== 'draft') throw new Refusal('NOT_FOUND')
  return draft
}

const checkVersion = (draft: ClinicalDraft, expected: number | null): void => {
  if (draft.version !== expected) throw new Refusal('CONFLICT', 'stale')
}

/**
 * Starts a draft. Nothing follows from it: it is sent nowhere, and nobody is told.
 * @throws Refusal VALIDATION_FAILED
 * @see MIG-03 §4, draft-first is not execution
 */
export const createDraft = async (store: DraftStore, asked: NewDraft): Promise<ClinicalDraft> => {
  const { agencyId, patientId, authorId, now, auditId } = asked
  const id = newId(now.getTime())
  const draft: ClinicalDraft = {
    ...checkContent(asked), id, agencyId, patientId, authorId, status: 'draft', version: 1, createdAt: now, updatedAt: now,
  } // prettier-ignore
  await store.add({ ...draft, auditId })
  return draft
}

/**
 * Edits a draft: the next version, beside the earlier ones, which stay as they are.
 * @returns the draft before and after
 * @throws Refusal VALIDATION_FAILED (`unchanged` where it names another patient), NOT_FOUND, CONFLICT (`stale`)
 */
export const editDraft = async (store: DraftStore, asked: Edit): Promise<{ before: ClinicalDraft; after: ClinicalDraft }> => {
  const content = checkContent(asked)
  const before = await takeOpen(store, asked.draftId)
  if (asked.patientId !== before.patientId) throw invalid('/patientId', 'unchanged')
  checkVersion(before, asked.expectedVersion)
  const after = { ...before, ...content, version: before.version + 1, updatedAt: asked.now }
  await store.revise({ ...after, auditId: asked.auditId })
  return { before, after }
}

/**
 * Discards a draft: it is kept with all its versions, marked, and no more to be seen.
 * @throws Refusal NOT_FOUND, CONFLICT (`stale`)
 */
export const discardDraft = async (store: DraftStore, { draftId, expectedVersion, now, auditId }: Removal): Promise<ClinicalDraft> => {
  const draft = await takeOpen(store, draftId)
  checkVersion(draft, expectedVersion)
  await store.discard(draftId, { at: now, auditId })
  return draft
}
