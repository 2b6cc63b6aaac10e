import { defineEntity, p } from '@mikro-orm/core'

const ConversationSchema = defineEntity({
  name: 'MessagingConversation',
  tableName: 'messaging_conversation',
  properties: {
    agencyId: p.uuid().primary(),
    id: p.uuid().primary(),
    patientId: p.uuid(),
    /** Sealed. */
    subject: p.type(Buffer).columnType('bytea'),
    createdAt: p.datetime(3),
    createdBy: p.text(),
    auditId: p.uuid(),
  },
})

const MessageSchema = defineEntity({
  name: 'MessagingMessage',
  tableName: 'messaging_message',
  properties: {
    agencyId: p.uuid().primary(),
    id: p.uuid().primary(),
    conversationId: p.uuid(),
    /** The conversation's, repeated so that row security holds by a column of the row itself. */
    patientId: p.uuid(),
    senderId: p.text(),
    /** Sealed. */
    body: p.type(Buffer).columnType('bytea'),
    createdAt: p.datetime(3),
    auditId: p.uuid(),
  },
})

/** A conversation as PostgreSQL keeps it. */
export class MessagingConversation extends ConversationSchema.class {}
ConversationSchema.setClass(MessagingConversation)

/** A message as PostgreSQL keeps it. */
export class MessagingMessage extends MessageSchema.class {}
MessageSchema.setClass(MessagingMessage)

export { ConversationSchema, MessageSchema }
