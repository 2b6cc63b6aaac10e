import { invalid } from '../shared/refusal.ts'
import { codePoints, isBlank } from '../shared/text.ts'

/** What a clinician can draft. */
export const draftTypes = ['progress_note', 'assessment', 'care_plan', 'discharge_summary', 'other'] as const
export type DraftType = (typeof draftTypes)[number]

/** All that a draft can ever be. There is no status that would make it more than a draft. @see MIG-03 §6.2 */
export const draftStatuses = ['draft', 'discarded'] as const
export type DraftStatus = (typeof draftStatuses)[number]

/** Lengths in Unicode code points. */
export const titleLength = { min: 1, max: 200 } as const
export const bodyLength = { min: 1, max: 20_000 } as const

/** What its author writes. */
export interface DraftContent {
  readonly type: DraftType
  readonly title: string
  readonly body: string
}

/** A clinician's draft about a patient, in its current version. Nobody but the author reads or changes it. */
export interface ClinicalDraft extends DraftContent {
  readonly id: string
  readonly agencyId: string
  readonly patientId: string
  /** `sub` of the clinician. */
  readonly authorId: string
  readonly status: DraftStatus
  /** 1, 2, 3, …: each edit makes the next. */
  readonly version: number
  readonly createdAt: Date
  readonly updatedAt: Date
}

/** What was written at one version; it never changes afterwards. */
export interface DraftRevision extends DraftContent {
  readonly draftId: string
  readonly patientId: string
  readonly version: number
  readonly createdAt: Date
}

const check = (text: string, { max }: { max: number }, pointer: string): string => {
  if (isBlank(text)) throw invalid(pointer, 'not-blank')
  if (text.length > max && codePoints(text) > max) throw invalid(pointer, 'maxLength')
  return text
}

/** @throws Refusal VALIDATION_FAILED at `/title` or `/body` where it is blank or too long */
export const checkContent = ({ type, title, body }: DraftContent): DraftContent => ({
  type,
  title: check(title, titleLength, '/title'),
  body: check(body, bodyLength, '/body'),
})
