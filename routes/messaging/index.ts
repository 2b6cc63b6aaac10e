import { operation } from '../shared/operation.ts'
import {
  conversationListSchema,
  conversationParams,
  conversationSchema,
  createConversationBody,
  messageListSchema,
  pageQuery,
  sendMessageBody,
  sentSchema,
} from './schemas.ts'

export * from './presenter.ts'

/** Another's conversation and one that does not exist answer alike. @see design §7, messaging */
const ownership = {
  table: 'messaging_conversation',
  param: 'conversationId',
  owner: { column: 'patient_id', claim: 'patientId' },
  refusal: 'FORBIDDEN',
} as const

const entity = { type: 'conversation', param: 'conversationId' } as const

/** What both writes share: who, the switch, consent, the user's budget, the key, and the closed set of codes. */
const write = {
  method: 'POST',
  effect: 'write',
  audience: ['patient'],
  scopes: ['messaging:write'],
  killSwitch: 'USE_CHAT_WRITES',
  consent: { scope: 'messaging', patient: 'caller' },
  idempotency: 'required',
  audit: 'record',
  closed: true,
  maxBody: 32_768,
  tags: ['messaging'],
} as const

const read = {
  method: 'GET',
  effect: 'read',
  audience: ['patient'],
  scopes: ['messaging:read'],
  audit: 'record',
  tags: ['messaging'],
} as const

export const listConversations = operation({
  ...read,
  name: 'listConversations',
  summary: 'The patient’s own conversations',
  description: 'Newest first.',
  path: '/messaging/conversations',
  entity: { type: 'conversation' },
  query: pageQuery,
  reply: { status: 200, schema: conversationListSchema },
})

export const listMessages = operation({
  ...read,
  name: 'listMessages',
  summary: 'Messages of one of the patient’s conversations',
  description: 'Newest first. Messages that are sent while one pages appear on a new first page and shift nothing.',
  path: '/messaging/conversations/:conversationId/messages',
  ownership,
  entity,
  params: conversationParams,
  query: pageQuery,
  reply: { status: 200, schema: messageListSchema },
})

/** @see 02B, Allowed Operations */
export const createConversation = operation({
  ...write,
  name: 'createConversation',
  summary: 'Open a conversation',
  path: '/messaging/conversations',
  agrees: [{ claim: 'patientId', in: 'body', field: 'patientId', audiences: ['patient'] }],
  limits: [{ policy: 'messaging', per: 'user' }],
  entity: { type: 'conversation' },
  body: createConversationBody,
  reply: { status: 201, schema: conversationSchema },
})

/** @see 02B, Allowed Operations */
export const sendMessage = operation({
  ...write,
  name: 'sendMessage',
  summary: 'Send a message in one’s own conversation',
  path: '/messaging/conversations/:conversationId/messages',
  ownership,
  limits: [
    { policy: 'messaging', per: 'user' },
    { policy: 'messaging-conversation', per: { param: 'conversationId' } },
  ],
  entity,
  params: conversationParams,
  body: sendMessageBody,
  reply: { status: 201, schema: sentSchema },
})
