import { type Static, Type } from '@sinclair/typebox'
import { bodyLength, subjectLength } from '../../domain/messaging/index.ts'
import { cursorList, cursorQuery } from '../shared/paging.ts'
import { id, instantOut, strict, writtenText } from '../shared/schemas.ts'

const conversationId = id('The conversation')

export const conversationParams = strict({ conversationId })

export const pageQuery = strict(cursorQuery)

export const createConversationBody = strict({
  patientId: id('The patient who opens it: the caller'),
  subject: writtenText(subjectLength, 'What it is about.'),
})

export const sendMessageBody = strict({ body: writtenText(bodyLength, 'The message, as plain text.') })

export const conversationSchema = strict({
  id: conversationId,
  subject: Type.String({ description: 'What it is about' }),
  createdAt: instantOut('When it was opened'),
})

/** The answer to a message sent: the portal has its text already, and it need not travel back. */
export const sentSchema = strict({ id: id('The message'), conversationId, createdAt: instantOut('When it was sent') })

export const messageSchema = strict({
  id: id('The message'),
  conversationId,
  senderId: Type.String({ description: 'The user who sent it' }),
  body: Type.String({ description: 'The message, as plain text' }),
  createdAt: instantOut('When it was sent'),
})

export const conversationListSchema = cursorList(conversationSchema)
export const messageListSchema = cursorList(messageSchema)

export type ConversationWire = Static<typeof conversationSchema>
export type SentWire = Static<typeof sentSchema>
export type MessageWire = Static<typeof messageSchema>
