import { type Static, Type } from '@sinclair/typebox'
import { bodyLength, draftTypes, titleLength } from '../../domain/clinical-drafts/index.ts'
import { cursorList, cursorQuery } from '../shared/paging.ts'
import { id, instantOut, oneOf, strict, writtenText } from '../shared/schemas.ts'

const draftId = id('The draft')

export const draftParams = strict({ draftId })

export const listDraftsQuery = strict({
  patientId: Type.Optional(id('Only drafts about this patient, whose consent is needed. Without it: about every patient who consents')),
  ...cursorQuery,
})

export const revisionsQuery = strict(cursorQuery)

const type = oneOf(draftTypes, 'What kind of document it may become elsewhere')

export const draftBody = strict({
  patientId: id('The patient whom it is about; it never changes'),
  type,
  title: writtenText(titleLength, 'The title.'),
  body: writtenText(bodyLength, 'The text.'),
})

/** On every representation: nobody can take it for a finished document. @see MIG-03 §4 */
const marks = {
  status: oneOf(['draft'], 'It is a draft; there is nothing else that it can become here'),
  isDraft: Type.Unsafe<true>({ type: 'boolean', enum: [true], description: 'It is a draft' }),
}

const content = { type, title: Type.String({ description: 'The title' }), body: Type.String({ description: 'The text' }) }
const version = Type.Integer({ minimum: 1, description: '1, 2, 3, …: each edit makes the next' })

const draft = {
  id: draftId,
  patientId: id('The patient'),
  ...content,
  ...marks,
  version,
  createdAt: instantOut('When it was started'),
  updatedAt: instantOut('When the current version was written'),
}

export const draftSchema = strict(draft)

export const draftListSchema = cursorList(
  strict({ ...draft, etag: Type.String({ description: 'For If-Match, quotes included, as the ETag of the draft itself' }) }),
)

export const revisionListSchema = cursorList(
  strict({ draftId, patientId: id('The patient'), version, ...content, ...marks, createdAt: instantOut('When it was written') }),
)

export type DraftWire = Static<typeof draftSchema>
export type ListedDraftWire = Static<typeof draftListSchema>['items'][number]
export type RevisionWire = Static<typeof revisionListSchema>['items'][number]
