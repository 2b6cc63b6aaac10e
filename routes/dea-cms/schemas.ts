import { type Static, Type } from '@sinclair/typebox'
import { noteLength, shownNotes } from '../../domain/dea-cms/index.ts'
import { codes } from '../../domain/shared/codes.ts'
import { cursorList, cursorQuery } from '../shared/paging.ts'
import { id, instantOut, oneOf, strict, writtenText } from '../shared/schemas.ts'

export const metadataId = id('The record')
export const date = (description: string) =>
  Type.String({ format: 'date', maxLength: 10, description: `${description}, YYYY-MM-DD, 1970 to 2199` })
export const textOrNull = (description: string) => Type.Unsafe<string | null>({ type: ['string', 'null'], description })

export const metadataParams = strict({ metadataId })
export const listQuery = strict(cursorQuery)
export const ofRecordQuery = strict({ metadataId: Type.Optional(id('Only of this record')), ...cursorQuery })

export const noteBody = strict({ metadataId, note: writtenText(noteLength, 'The note; nothing that opens anything.') })

const note = {
  id: id('The note'),
  note: Type.String({ description: 'What it says' }),
  authorId: Type.String({ description: 'Who wrote it' }),
  createdAt: instantOut('When'),
}
export const noteSchema = strict({ ...note, metadataId })
export const notes = Type.Array(strict(note), { maxItems: shownNotes, description: `The newest ${shownNotes} notes, the newest first` })
export const etag = Type.String({ description: 'For If-Match, quotes included, as the ETag of the record itself' })

export const kept = {
  id: metadataId,
  agencyId: id('The agency whose record it is'),
  createdAt: instantOut('When the record was made'),
  updatedAt: instantOut('When it last changed: its fields, or a note'),
}

const change = (description: string) => Type.Unknown({ description })
const logged = strict({
  id: id('The event, as in the audit trail'),
  at: instantOut('When the attempt arrived'),
  action: Type.String({ description: 'The operation’s or the job’s name' }),
  outcome: oneOf(['success', 'replayed', ...codes], 'How it ended'),
  reason: textOrNull('Why, where the code has several causes'),
  userId: textOrNull('Who acted'),
  role: textOrNull('The role under which they acted'),
  agentId: textOrNull('The AI agent that acted for them'),
  metadataId: textOrNull('The record that was acted on'),
  requestId: textOrNull('The request, as in x-request-id'),
  bypass: Type.Boolean({ description: 'A founder worked here from another agency' }),
  before: change('What the record was'),
  after: change('What it became'),
})
export const auditLogSchema = cursorList(logged)

export type NoteWire = Static<typeof noteSchema>
export type LoggedWire = Static<typeof logged>
