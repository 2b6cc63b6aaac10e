import type { ComplianceNote, Kept } from './metadata.ts'

/** A record with the audit row of the change that made it what it is. */
export type Changed<Content> = Kept<Content> & { readonly auditId: string }

export interface Removal {
  readonly at: Date
  /** `sub` of the officer. */
  readonly by: string
  readonly auditId: string
}

/** The records of one kind of one agency, inside one transaction. */
export interface MetadataStore<Content, Record extends Kept<Content> = Kept<Content>> {
  /** The record, locked against concurrent changes until the transaction ends; null where there is none, or no more. */
  take(id: string): Promise<Record | null>
  /** @throws Refusal CONFLICT (`duplicate`) where the agency has a record of the same number */
  add(record: Changed<Content>): Promise<void>
  /** @throws Refusal CONFLICT (`duplicate`) */
  replace(record: Changed<Content>): Promise<void>
  /** Marks a record; nothing of it is removed, and its number is free again. */
  remove(id: string, removal: Removal): Promise<void>
  /** The newest notes of a record. */
  notes(id: string): Promise<ComplianceNote[]>
  /** Adds a note, and makes the record's next version. */
  annotate(note: ComplianceNote & { readonly auditId: string }, version: number): Promise<void>
}
