import { newId } from '../shared/ids.ts'
import { Refusal } from '../shared/refusal.ts'
import type { MetadataStore } from './dea-cms.ports.ts'
import { checkText, type ComplianceNote, type Kept, noteLength } from './metadata.ts'

interface Change {
  readonly now: Date
  readonly auditId: string
}

export interface NewRecord<Content> extends Change {
  readonly agencyId: string
  readonly content: Content
}

export interface Replacement<Content> extends Change {
  readonly id: string
  /** The version that the officer read; null where what they sent can be none. */
  readonly expectedVersion: number | null
  readonly content: Content
}

export interface RemovalAsked extends Change {
  readonly id: string
  readonly expectedVersion: number | null
  readonly by: string
}

export interface NewNote extends Change {
  readonly metadataId: string
  readonly authorId: string
  readonly note: string
}

/** Another agency's record, a removed one and none are all the same. */
const takeLive = async <C, R extends Kept<C>>(store: MetadataStore<C, R>, id: string): Promise<R> => {
  const record = await store.take(id)
  if (record === null) throw new Refusal('NOT_FOUND')
  return record
}

const takeVersion = async <C, R extends Kept<C>>(store: MetadataStore<C, R>, id: string, expected: number | null): Promise<R> => {
  const record = await takeLive(store, id)
  if (record.version !== expected) throw new Refusal('CONFLICT', 'stale')
  return record
}

/**
 * Starts a record; `content` has been checked. Nothing is sent to any authority.
 * @throws Refusal CONFLICT (`duplicate`)
 */
export const createRecord = async <C>(store: MetadataStore<C>, { agencyId, content, now, auditId }: NewRecord<C>): Promise<Kept<C>> => {
  const record: Kept<C> = { id: newId(now.getTime()), agencyId, content, version: 1, createdAt: now, updatedAt: now }
  await store.add({ ...record, auditId })
  return record
}

/**
 * Replaces what a record says; `content` has been checked.
 * @returns the record before and after
 * @throws Refusal NOT_FOUND, CONFLICT (`stale`, `duplicate`)
 */
export const replaceRecord = async <C, R extends Kept<C>>(
  store: MetadataStore<C, R>,
  { id, expectedVersion, content, now, auditId }: Replacement<C>,
): Promise<{ before: R; after: Kept<C> }> => {
  const before = await takeVersion(store, id, expectedVersion)
  const { agencyId, createdAt } = before
  const after: Kept<C> = { id, agencyId, content, version: before.version + 1, createdAt, updatedAt: now }
  await store.replace({ ...after, auditId })
  return { before, after }
}

/**
 * Removes a record for everybody: it is kept, marked, and no more to be seen.
 * @throws Refusal NOT_FOUND, CONFLICT (`stale`)
 */
export const removeRecord = async <C, R extends Kept<C>>(
  store: MetadataStore<C, R>,
  { id, expectedVersion, by, now, auditId }: RemovalAsked,
): Promise<R> => {
  const record = await takeVersion(store, id, expectedVersion)
  await store.remove(id, { at: now, by, auditId })
  return record
}

/**
 * Adds a note to a record, whatever its version: a note contradicts no other.
 * @throws Refusal VALIDATION_FAILED, NOT_FOUND
 */
export const addNote = async <C, R extends Kept<C>>(store: MetadataStore<C, R>, asked: NewNote): Promise<ComplianceNote> => {
  const { metadataId, authorId, now, auditId } = asked
  const text = checkText(asked.note, noteLength, '/note')
  const record = await takeLive(store, metadataId)
  const note = { id: newId(now.getTime()), metadataId, authorId, note: text, createdAt: now }
  await store.annotate({ ...note, auditId }, record.version + 1)
  return note
}
