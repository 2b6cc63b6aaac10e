import { newId } from '../shared/ids.ts'
import { type Conversation, type Message, checkBody, checkSubject } from './messaging.ts'

type Asked<Record extends { id: string; createdAt: Date }> = Omit<Record, 'id' | 'createdAt'> & { readonly now: Date }

/**
 * The conversation that a patient asks to open; whether it may be stored, the gates have said or will say.
 * @throws Refusal VALIDATION_FAILED
 * @see 02B, Allowed Operations
 */
export const createConversation = ({ now, ...asked }: Asked<Conversation>): Conversation => ({
  ...asked,
  id: newId(now.getTime()),
  subject: checkSubject(asked.subject),
  createdAt: now,
})

/**
 * The message that a patient asks to send. Nothing follows from it: no reply, no notification, no delivery elsewhere.
 * @throws Refusal VALIDATION_FAILED
 * @see 02B, Allowed Operations
 */
export const sendMessage = ({ now, ...asked }: Asked<Message>): Message => ({
  ...asked,
  id: newId(now.getTime()),
  body: checkBody(asked.body),
  createdAt: now,
})
