import { randomUUID } from 'node:crypto'
import { pageSize } from '../../../domain/shared/page.ts'
import { createFieldCipher, type KeySet } from '../../../plugins/host/crypto/index.ts'
import { messageText } from '../load/requests.ts'
import type { Sizes } from './statements.ts'

/** How long the service's sealed bytes are, found by sealing the like. */
export const sealedSizes = (fields: KeySet): Sizes => {
  const cipher = createFieldCipher(fields)
  const id = randomUUID()
  const sealed = (text: string): number => cipher.seal(text, { table: 't', column: 'c', agencyId: id, rowId: id }).length
  const request = (content: object): number => sealed(JSON.stringify({ request: content }))
  const location = `/api/messaging/conversations/${id}/messages`
  return {
    body: sealed(messageText),
    response: sealed(JSON.stringify({ body: { id, conversationId: id, createdAt: new Date().toISOString() }, location })),
    writePayload: request({ params: { conversationId: id }, body: { body: messageText } }),
    messagePayload: request({ params: { conversationId: id }, query: { limit: pageSize.default } }),
    consentPayload: request({ params: { consentId: id } }),
    calendarPayload: request({ query: { limit: pageSize.default } }),
  }
}
