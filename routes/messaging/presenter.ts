import type { Conversation, Message } from '../../domain/messaging/index.ts'
import { showInstant } from '../../domain/shared/instant.ts'
import type { ConversationWire, MessageWire, SentWire } from './schemas.ts'

export const showConversation = (conversation: Pick<Conversation, 'id' | 'subject' | 'createdAt'>): ConversationWire => ({
  id: conversation.id,
  subject: conversation.subject,
  createdAt: showInstant(conversation.createdAt),
})

export const showSent = (message: Pick<Message, 'id' | 'conversationId' | 'createdAt'>): SentWire => ({
  id: message.id,
  conversationId: message.conversationId,
  createdAt: showInstant(message.createdAt),
})

export const showMessage = (message: Pick<Message, 'id' | 'conversationId' | 'senderId' | 'body' | 'createdAt'>): MessageWire => ({
  id: message.id,
  conversationId: message.conversationId,
  senderId: message.senderId,
  body: message.body,
  createdAt: showInstant(message.createdAt),
})

/** Where a conversation's messages are read, a message just sent first among them: neither has an address of its own. */
export const messagesLocation = (conversationId: string): string => `/api/messaging/conversations/${conversationId}/messages`
