import { Refusal } from '../../../domain/shared/refusal.ts'
import { idempotencyOf } from '../../../routes/shared/operation.ts'
import type { Check, Gate } from './gate.ts'

const visible = /^[\x21-\x7e]{1,255}$/

/** `abc` and `"abc"` are one key. */
const keyOf = (header: string): string | null => {
  const quoted = header.length >= 2 && header.startsWith('"') && header.endsWith('"')
  const key = quoted ? header.slice(1, -1) : header
  return visible.test(key) && !key.includes('"') ? key : null
}

const strongTag = /^"[\x21\x23-\x7e]{1,128}"$/

/** The headers that a write must come with: an idempotency key and, where it changes a record, the ETag that was read. */
export const preconditions: Gate = {
  name: 'validation',
  stage: 'validated',
  bind: (operation): Check | null => {
    const idempotency = idempotencyOf(operation)
    if (idempotency === 'none' && !operation.ifMatch) return null
    return (call, request) => {
      const header = request.headers['idempotency-key']
      if (idempotency !== 'none') {
        if (typeof header === 'string') call.idempotencyKey = keyOf(header)
        if ((header !== undefined || idempotency === 'required') && call.idempotencyKey === null)
          throw new Refusal('VALIDATION_FAILED', 'idempotency-key')
      }
      if (!operation.ifMatch) return
      const match = request.headers['if-match']
      if (match === undefined) throw new Refusal('VALIDATION_FAILED', 'precondition-required')
      if (!strongTag.test(match)) throw new Refusal('CONFLICT', 'stale')
      call.ifMatch = match
    }
  },
}
