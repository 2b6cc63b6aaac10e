import * as messaging from '../../../domain/messaging/index.ts'
import { pageOf } from '../../../domain/shared/page.ts'
import { limitOf, positionOf } from '../../../routes/shared/paging.ts'
import {
  type createConversation, type listConversations, type listMessages, messagesLocation, type sendMessage, showConversation, showMessage, showSent,
} from '../../../routes/messaging/index.ts' // prettier-ignore
import type { FieldCipherPort, Service } from '../../host/define-context.ts'
import {
  createConversationStatement, listConversationsStatement, listMessagesStatement, sendMessageStatement,
} from './messaging.statements.ts' // prettier-ignore

type Row = Record<string, unknown>

const subjectPlace = (agencyId: string, rowId: string) => ({ table: 'messaging_conversation', column: 'subject', agencyId, rowId })
const bodyPlace = (agencyId: string, rowId: string) => ({ table: 'messaging_message', column: 'body', agencyId, rowId })

const pageArguments = (query: { readonly cursor?: string; readonly limit?: number }): Row => {
  const before = positionOf(query)
  return { before_at: new Date(before.at), before_id: before.id, row_limit: limitOf(query) + 1 }
}

const rowPosition = (row: Row) => ({ at: (row.created_at as Date).getTime(), id: row.id as string })

export const listConversationsService = (fields: FieldCipherPort): Service<typeof listConversations> => {
  const show = (row: Row) => {
    const id = row.id as string
    const subject = fields.open(row.subject as Buffer, subjectPlace(row.agency_id as string, id))
    return showConversation({ id, subject, createdAt: row.created_at as Date })
  }
  return {
    query: listConversationsStatement,
    args: ({ query }) => pageArguments(query),
    present: (rows, { query }) => ({ body: pageOf(rows, limitOf(query), rowPosition, show) }),
  }
}

export const listMessagesService = (fields: FieldCipherPort): Service<typeof listMessages> => {
  const show = (row: Row) => {
    const id = row.id as string
    const body = fields.open(row.body as Buffer, bodyPlace(row.agency_id as string, id))
    const conversationId = row.conversation_id as string
    return showMessage({ id, conversationId, senderId: row.sender_id as string, body, createdAt: row.created_at as Date })
  }
  return {
    query: listMessagesStatement,
    args: ({ params, query }) => ({ conversation_id: params.conversationId, ...pageArguments(query) }),
    present: (rows, { query }) => ({ body: pageOf(rows, limitOf(query), rowPosition, show) }),
  }
}

export const createConversationService = (fields: FieldCipherPort): Service<typeof createConversation> => ({
  statement: createConversationStatement,
  prepare: ({ agencyId, body, now, principal }) => {
    const asked = { agencyId, patientId: body.patientId, subject: body.subject, createdBy: principal.userId, now }
    const conversation = messaging.createConversation(asked)
    const subject = fields.seal(conversation.subject, subjectPlace(agencyId, conversation.id))
    const outcome = { body: showConversation(conversation), location: messagesLocation(conversation.id), entityId: conversation.id }
    return { row: { id: conversation.id, subject }, outcome }
  },
})

export const sendMessageService = (fields: FieldCipherPort): Service<typeof sendMessage> => ({
  statement: sendMessageStatement,
  prepare: ({ agencyId, body, now, params, principal }) => {
    const { conversationId } = params
    const asked = { agencyId, conversationId, patientId: principal.patientId!, senderId: principal.userId, body: body.body, now }
    const message = messaging.sendMessage(asked)
    const sealed = fields.seal(message.body, bodyPlace(agencyId, message.id))
    const outcome = { body: showSent(message), location: messagesLocation(conversationId) }
    return { row: { id: message.id, conversation_id: conversationId, body: sealed }, outcome }
  },
})
