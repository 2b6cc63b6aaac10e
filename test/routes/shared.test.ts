import t from 'tap'
import { newId } from '../../domain/shared/ids.ts'
import { encodeCursor, newest } from '../../domain/shared/page.ts'
import { limitOf, positionOf } from '../../routes/shared/paging.ts'

t.test('a request without a cursor starts at the newest; a bad one is refused without an echo', async (t) => {
  t.equal(positionOf({}), newest)
  const position = { at: 1_700_000_000_000, id: newId() }
  t.same(positionOf({ cursor: encodeCursor(position) }), position)
  for (const cursor of ['', 'x', 'ы', encodeCursor(position).slice(1)])
    t.throws(() => positionOf({ cursor }), {
      code: 'VALIDATION_FAILED',
      details: { errors: [{ pointer: '/query/cursor', rule: 'cursor' }] },
    })
})

t.test('a page has fifty items unless asked otherwise', async (t) => {
  t.equal(limitOf({}), 50)
  t.equal(limitOf({ limit: 7 }), 7)
})
