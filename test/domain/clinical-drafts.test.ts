import t from 'tap'
import {
  type ClinicalDraft, type DraftStore, type NewVersion, checkContent, createDraft, discardDraft, draftStatuses, draftTypes, editDraft,
} from '../../domain/clinical-drafts/index.ts' // prettier-ignore
import { isUuid, newId } from '../../domain/shared/ids.ts'

const now = new Date('2026-11-21T10:00:00.000Z')
const later = new Date('2026-11-21T11:00:00.000Z')
const agencyId = newId()
const patientId = newId()
const auditId = newId()
const content = { type: 'progress_note', title: 'Title', body: 'Body' } as const
const asked = { agencyId, patientId, authorId: 'author', ...content, now, auditId }

/** A store in memory that keeps every version, as the port promises. */
const memoryStore = (): DraftStore & { drafts: Map<string, ClinicalDraft>; versions: NewVersion[]; discarded: string[] } => {
  const drafts = new Map<string, ClinicalDraft>()
  const versions: NewVersion[] = []
  const discarded: string[] = []
  const keep = async (draft: NewVersion): Promise<void> => {
    const { auditId: audit, ...rest } = draft
    if (!audit) throw new Error('a version without its audit row')
    versions.push(draft)
    drafts.set(draft.id, rest)
  }
  return {
    drafts,
    versions,
    discarded,
    take: async (id) => drafts.get(id) ?? null,
    add: keep,
    revise: keep,
    discard: async (id) => {
      discarded.push(id)
      drafts.set(id, { ...drafts.get(id)!, status: 'discarded' })
    },
  }
}

t.test('vocabulary: a draft, or a discarded one, and nothing that comes after', async (t) => {
  t.same([...draftStatuses], ['draft', 'discarded'])
  t.same([...draftTypes], ['progress_note', 'assessment', 'care_plan', 'discharge_summary', 'other'])
})

t.test('a draft starts at version 1, and each edit makes the next', async (t) => {
  const store = memoryStore()
  const made = await createDraft(store, asked)
  t.ok(isUuid(made.id))
  t.same(made, { id: made.id, agencyId, patientId, authorId: 'author', ...content, status: 'draft', version: 1, createdAt: now, updatedAt: now })
  const change = { type: 'care_plan', title: 'New', body: 'Words' } as const
  const edit = { draftId: made.id, patientId, ...change, expectedVersion: 1, now: later, auditId }
  const { before, after } = await editDraft(store, edit)
  t.same(before, made)
  t.same(after, { ...made, ...change, version: 2, updatedAt: later })
  t.same(
    store.versions.map(({ version, title }) => [version, title]),
    [
      [1, 'Title'],
      [2, 'New'],
    ],
    'earlier versions stay',
  )
  await t.rejects(editDraft(store, edit), { code: 'CONFLICT', reason: 'stale' }, 'another edit came first')
  await t.rejects(editDraft(store, { ...edit, expectedVersion: null }), { code: 'CONFLICT', reason: 'stale' })
  await t.rejects(editDraft(store, { ...edit, expectedVersion: 2, patientId: newId() }), {
    code: 'VALIDATION_FAILED',
    details: { errors: [{ pointer: '/patientId', rule: 'unchanged' }] },
  })
  await t.rejects(editDraft(store, { ...edit, draftId: newId() }), { code: 'NOT_FOUND' })
  t.equal(store.versions.length, 2)
}) // prettier-ignore

t.test('a discarded draft is kept, and is over', async (t) => {
  const store = memoryStore()
  const { id } = await createDraft(store, asked)
  const removal = { draftId: id, expectedVersion: 1, now: later, auditId }
  await t.rejects(discardDraft(store, { ...removal, expectedVersion: 2 }), { code: 'CONFLICT', reason: 'stale' })
  t.equal((await discardDraft(store, removal)).id, id)
  t.same([store.discarded, store.versions.length], [[id], 1])
  await t.rejects(discardDraft(store, removal), { code: 'NOT_FOUND' })
  await t.rejects(editDraft(store, { ...removal, patientId, ...content }), { code: 'NOT_FOUND' })
})

t.test('a draft says something, and not too much', async (t) => {
  const bad: [object, string, string][] = [
    [{ title: '' }, '/title', 'not-blank'],
    [{ title: '\u00a0\u200b' }, '/title', 'not-blank'],
    [{ title: 'x'.repeat(201) }, '/title', 'maxLength'],
    [{ body: '\n' }, '/body', 'not-blank'],
    [{ body: 'x'.repeat(20_001) }, '/body', 'maxLength'],
  ]
  for (const [change, pointer, rule] of bad) {
    const store = memoryStore()
    const refused = { code: 'VALIDATION_FAILED', details: { errors: [{ pointer, rule }] } }
    t.throws(() => checkContent({ ...content, ...change }), refused)
    await t.rejects(createDraft(store, { ...asked, ...change }), refused)
    t.equal(store.versions.length, 0)
  }
  const longest = { ...content, title: '🫀'.repeat(200), body: '🫀'.repeat(20_000) }
  t.same(checkContent(longest), longest, 'counted in code points')
})
