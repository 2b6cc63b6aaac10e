import fc from 'fast-check'
import t from 'tap'
import { bodyLength, checkBody, checkSubject, createConversation, sendMessage, subjectLength } from '../../domain/messaging/index.ts'
import { isUuid } from '../../domain/shared/ids.ts'
import { isBlank } from '../../domain/shared/text.ts'

const now = new Date('2026-11-21T10:00:00.000Z')
const who = { agencyId: '01920000-0000-7000-8000-a00000000001', patientId: '01920000-0000-7000-8000-c00000000001', now }
const refused = (pointer: string, rule: string) => ({ code: 'VALIDATION_FAILED', details: { errors: [{ pointer, rule }] } })

t.test('lengths are those of the contract, in code points', async (t) => {
  t.same(subjectLength, { min: 1, max: 200 })
  t.same(bodyLength, { min: 1, max: 4000 })
  for (const [check, max, pointer] of [
    [checkSubject, 200, '/subject'],
    [checkBody, 4000, '/body'],
  ] as const) {
    t.equal(check('x'), 'x')
    for (const longest of ['x'.repeat(max), '🙂'.repeat(max), `🙂${'x'.repeat(max - 1)}`]) t.equal(check(longest), longest)
    for (const tooLong of ['x'.repeat(max + 1), '🙂'.repeat(max + 1)]) t.throws(() => check(tooLong), refused(pointer, 'maxLength'))
    for (const blank of ['', ' ', '\n\n', '\u200b', '\u3000\u2800']) t.throws(() => check(blank), refused(pointer, 'not-blank'))
  }
})

t.test('a conversation and a message are what was asked, with an id and a time', async (t) => {
  const conversation = createConversation({ ...who, subject: 'My knee', createdBy: 'ana' })
  const { id, ...rest } = conversation
  t.ok(isUuid(id))
  t.same(rest, { agencyId: who.agencyId, patientId: who.patientId, subject: 'My knee', createdBy: 'ana', createdAt: now })
  const first = sendMessage({ ...who, conversationId: id, senderId: 'ana', body: ' It hurts\n' })
  const second = sendMessage({ ...who, conversationId: id, senderId: 'ana', body: 'Still' })
  t.equal(first.body, ' It hurts\n', 'kept as written')
  t.equal(first.createdAt, now)
  t.ok(first.id < second.id, 'ids of one instant keep the order of sending')
  t.throws(() => createConversation({ ...who, subject: ' ', createdBy: 'ana' }), refused('/subject', 'not-blank'))
  t.throws(() => sendMessage({ ...who, conversationId: id, senderId: 'ana', body: 'x'.repeat(4001) }), refused('/body', 'maxLength'))
})

t.test('every text is either kept exactly or refused', async () => {
  fc.assert(
    fc.property(fc.string({ unit: 'grapheme', maxLength: 400 }), (text) => {
      const fits = !isBlank(text) && [...text].length <= 200
      try {
        return checkSubject(text) === text && fits
      } catch {
        return !fits
      }
    }),
  )
})
