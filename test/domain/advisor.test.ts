import t from 'tap'
import {
  adviceFromPassages,
  citationsOf,
  closest,
  disclaimer,
  mostPassages,
  readAdvice,
  readNote,
  readQuestion,
} from '../../domain/advisor/index.ts'

const passage = (id: string, score = 1) => ({ id, title: `Title ${id}`, text: `Text ${id}.`, score })

t.test('what a question and a note may be', async (t) => {
  t.equal(readQuestion('Why?'), 'Why?')
  t.equal(readNote(undefined), null)
  t.equal(readNote('seen'), 'seen')
  t.equal(readQuestion('🩺'.repeat(4_000)).length, 8_000, 'counted in code points')
  for (const blank of ['', ' \n', '\u200b']) t.throws(() => readQuestion(blank), { code: 'VALIDATION_FAILED' })
  t.throws(() => readQuestion('x'.repeat(4_001)), { code: 'VALIDATION_FAILED' })
  t.throws(() => readNote('x'.repeat(2_001)), { code: 'VALIDATION_FAILED' })
})

t.test('what a source says becomes plain text, or nothing', async (t) => {
  t.equal(readAdvice('  a\r\nb\rc\td \n'), 'a\nb\nc d')
  t.equal(readAdvice('<b>x</b> {"action":"order"}'), '<b>x</b> {"action":"order"}', 'which nothing reads as anything else')
  t.equal(readAdvice('e\u0301'), 'é')
  t.equal(readAdvice('x'.repeat(8_192)).length, 8_192)
  for (const bad of ['', ' \n ', 'x'.repeat(8_193), 'é'.repeat(4_097), 'a\u0000', 'a\u0007', 'a\u202eb', 'a\ud800'])
    t.throws(() => readAdvice(bad), { code: 'UPSTREAM_UNAVAILABLE' })
})

t.test('only what is close is kept, and cited word for word', async (t) => {
  t.same(closest([]), [])
  t.same(
    closest([passage('a', 10), passage('b', 3.5), passage('c', 3.4)]).map(({ id }) => id),
    ['a', 'b'],
  )
  t.equal(closest(Array.from({ length: 9 }, (_, n) => passage(String(n)))).length, mostPassages)
  t.same(citationsOf([passage('a')], 'texts'), [{ passageId: 'a', title: 'Title a', text: 'Text a.', source: 'texts' }])
  t.match(adviceFromPassages([passage('a'), passage('b')]), /\[1\] Title a\nText a\.\n\n\[2\] Title b\nText b\.$/)
  t.match(adviceFromPassages([]), /no passage/)
  t.match(disclaimer, /starts no action/)
})
