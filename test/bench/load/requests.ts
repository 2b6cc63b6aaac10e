import { randomUUID } from 'node:crypto'
import type { Requests } from './closed-loop.ts'

/** Somebody who sends requests: a token and what it may reach. */
export interface Caller {
  readonly token: string
  readonly conversationId: string
  readonly readConversationId: string
  readonly messageId: string
  readonly consentId: string
}

const inTurn = <T>(items: readonly T[]): (() => T) => {
  let at = 0
  return () => {
    const item = items[at]!
    at = at + 1 === items.length ? 0 : at + 1
    return item
  }
}

const headOf = (method: string, path: string, token: string): string =>
  `${method} ${path} HTTP/1.1\r\nhost: 127.0.0.1\r\nauthorization: Bearer ${token}\r\n`

/** GET requests of the callers in turn; `more` are further header lines, each with its line end. */
export const reads = <C extends Pick<Caller, 'token'>>(callers: readonly C[], path: (caller: C) => string, more = ''): Requests =>
  inTurn(callers.map((caller) => `${headOf('GET', path(caller), caller.token)}${more}\r\n`))

/** POST requests of the callers in turn, each with an idempotency key of its own. */
export const writes = (callers: readonly Caller[], path: (caller: Caller) => string, body: string): Requests => {
  const next = inTurn(
    callers.map((caller) => {
      const length = Buffer.byteLength(body)
      return `${headOf('POST', path(caller), caller.token)}content-type: application/json\r\ncontent-length: ${length}\r\nidempotency-key: `
    }),
  )
  const tail = `\r\n\r\n${body}`
  return () => next() + randomUUID() + tail
}

/** What is sent; plain ASCII, as long as messages commonly are. */
export const messageText = 'Good morning. Since Tuesday the new tablets make me dizzy when I stand up. '.repeat(3).slice(0, 200)
export const messageBody = JSON.stringify({ body: messageText })
export const sendPath = ({ conversationId }: Caller): string => `/api/messaging/conversations/${conversationId}/messages`
export const listPath = ({ readConversationId }: Caller): string => `/api/messaging/conversations/${readConversationId}/messages`
export const consentPath = ({ consentId }: Caller): string => `/api/consents/${consentId}`
