import { Refusal } from '../../../domain/shared/refusal.ts'
import { idempotencyOf } from '../../../routes/shared/operation.ts'
import { keyOf } from '../idempotency-key.ts'
import type { Check, Gate } from './gate.ts'

const strongTag = /^"[\x21\x23-\x7e]{1,128}"$/

/** The headers that a write must come with: an idempotency key and, where it changes a record, the ETag that was read. */
export const preconditions: Gate = {
  name: 'validation',
  stage: 'validated',
  bind: (operation): Check | null => {
    const idempotency = idempotencyOf(operation)
    if (idempotency === 'none' && !operation.ifMatch) return null
    return (call, request) => {
      if (idempotency !== 'none') {
        const given = request.headers['idempotency-key'] !== undefined
        call.idempotencyKey = keyOf(request)
        if ((given || idempotency === 'required') && call.idempotencyKey === null) throw new Refusal('VALIDATION_FAILED', 'idempotency-key')
      }
      if (!operation.ifMatch) return
      const match = request.headers['if-match']
      if (match === undefined) throw new Refusal('VALIDATION_FAILED', 'precondition-required')
      if (!strongTag.test(match)) throw new Refusal('CONFLICT', 'stale')
      call.ifMatch = match
    }
  },
}
