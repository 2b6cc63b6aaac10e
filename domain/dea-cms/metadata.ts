import { invalid } from '../shared/refusal.ts'
import { codePoints, isBlank } from '../shared/text.ts'

/** A record about somebody's standing with an authority, in its current version. Reference only: it holds no key to anything. */
export interface Kept<Content> {
  readonly id: string
  readonly agencyId: string
  readonly content: Content
  /** 1, 2, 3, …: each change makes the next, a note and a reminder too. */
  readonly version: number
  readonly createdAt: Date
  readonly updatedAt: Date
}

/** What an officer wrote beside a record. It never changes. */
export interface ComplianceNote {
  readonly id: string
  readonly metadataId: string
  /** `sub` of the officer. */
  readonly authorId: string
  readonly note: string
  readonly createdAt: Date
}

/** Lengths in Unicode code points. */
export const noteLength = { min: 1, max: 4_000 } as const

/** A record shows as many of its notes, from the newest on; the audit log has them all. */
export const shownNotes = 100

/** Days that a record can name; nothing here is older than the authorities' registers. */
export const firstDate = '1970-01-01'
export const lastDate = '2199-12-31'

/** @throws Refusal VALIDATION_FAILED (`date-range`) */
export const checkDate = (date: string, pointer: string): string => {
  if (date < firstDate || date > lastDate) throw invalid(pointer, 'date-range')
  return date
}

/** @throws Refusal VALIDATION_FAILED at `pointer` where it is blank or too long */
export const checkText = (text: string, { max }: { readonly max: number }, pointer: string): string => {
  if (isBlank(text)) throw invalid(pointer, 'not-blank')
  if (text.length > max && codePoints(text) > max) throw invalid(pointer, 'maxLength')
  return text
}
