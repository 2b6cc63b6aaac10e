import type { ClinicalDraft } from './clinical-draft.ts'

/** A draft, or its next version, with the audit row of the change that made it. */
export type NewVersion = ClinicalDraft & { readonly auditId: string }

export interface Discard {
  readonly at: Date
  readonly auditId: string
}

/** The drafts of one author of one agency, inside one transaction. */
export interface DraftStore {
  /** The draft, locked against concurrent changes until the transaction ends; null where the author has none of the id. */
  take(id: string): Promise<ClinicalDraft | null>
  /** Stores a draft with its first version. */
  add(draft: NewVersion): Promise<void>
  /** Stores the next version beside the earlier ones and makes it the current one. */
  revise(draft: NewVersion): Promise<void>
  /** Marks a draft; nothing of it is removed. */
  discard(id: string, discard: Discard): Promise<void>
}
