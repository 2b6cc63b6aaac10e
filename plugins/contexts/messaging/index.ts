import { ConversationSchema, MessageSchema } from '../../../domain/messaging/messaging.entity.ts'
import { createConversation, listConversations, listMessages, sendMessage } from '../../../routes/messaging/index.ts'
import { defineContext } from '../../host/define-context.ts'
import { createConversationService, listConversationsService, listMessagesService, sendMessageService } from './messaging.handlers.ts'
import { messagingMigrations } from './messaging.migrations.ts'
import {
  createConversationStatement,
  listConversationsStatement,
  listMessagesStatement,
  sendMessageStatement,
} from './messaging.statements.ts'

/** Patients only: no queue, no mail, no way out of the process is granted, so that nothing can follow from a message. @see 02B */
export default defineContext({
  manifest: {
    name: 'messaging',
    step: null,
    audience: ['patient'],
    effects: ['read', 'write'],
    killSwitches: ['USE_CHAT_WRITES'],
    capabilities: ['fields'],
    needs: ['consent-decision'],
    after: ['consent'],
    tables: ['messaging_conversation', 'messaging_message'],
    upstreamHosts: [],
  },
  migrations: messagingMigrations,
  entities: [ConversationSchema, MessageSchema],
  statements: [createConversationStatement, sendMessageStatement, listConversationsStatement, listMessagesStatement],
  setup(scope) {
    scope.serve(listConversations, listConversationsService(scope.fields))
    scope.serve(listMessages, listMessagesService(scope.fields))
    scope.serve(createConversation, createConversationService(scope.fields))
    scope.serve(sendMessage, sendMessageService(scope.fields))
  },
})
