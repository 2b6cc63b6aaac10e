import fc from 'fast-check'
import t from 'tap'
import { parseInstant, showInstant } from '../../domain/shared/instant.ts'
import { newId } from '../../domain/shared/ids.ts'
import { cursorPattern, decodeCursor, encodeCursor, newest, pageOf } from '../../domain/shared/page.ts'
import { codePoints, isBlank, normalise, textRule } from '../../domain/shared/text.ts'

const runs = { numRuns: 300 }
const anyString = fc.oneof(fc.string({ unit: 'binary' }), fc.string({ unit: 'grapheme' }), fc.string())

t.test('a string breaks the rules that it breaks and no others', async (t) => {
  const table: [string, string, string | null][] = [
    ['empty', '', null],
    ['plain', 'Dear doctor, my knee hurts.', null],
    ['newline', 'line one\nline two', null],
    ['letters of many scripts', 'Ωmega Ж 中文 हिन्दी', null],
    ['emoji of two and of many code points', '🙂 👩‍👩‍👧', null],
    ['Arabic with marks, embedding and isolate', '\u200fمرحبا\u200e \u2067x\u2069 \u202ax\u202c', null],
    ['delete and C1 are not C0', '\u007f\u0085', null],
    ['NUL', 'a\u0000b', 'no-nul'],
    ['tab', 'a\tb', 'no-control'],
    ['carriage return', 'a\r\nb', 'no-control'],
    ['escape', '\u001b[31m', 'no-control'],
    ['the last C0 control', '\u001f', 'no-control'],
    ['lone high surrogate', 'a\ud83d', 'well-formed'],
    ['lone low surrogate', '\ude42a', 'well-formed'],
    ['surrogates the wrong way round', '\ude42\ud83d', 'well-formed'],
    ['left-to-right override', '\u202dabc', 'no-bidi-override'],
    ['right-to-left override', 'invoice\u202efdp.exe', 'no-bidi-override'],
  ]
  for (const [name, text, rule] of table) t.equal(textRule(text), rule, name)
})

t.test('a string that nobody can see is blank', async (t) => {
  for (const blank of [
    '',
    ' ',
    '\n',
    '\u00a0',
    '\u3000',
    '\u200b',
    '\ufeff',
    '\u2060\u200d',
    '\u3164',
    '\u115f',
    '\u2800',
    '\u00ad',
    '\u180e',
    '\ufe0f',
  ])
    t.equal(isBlank(blank), true, JSON.stringify(blank))
  for (const seen of ['x', ' x ', '0', '.', '🙂', '\u0301', '中', '\ufffd']) t.equal(isBlank(seen), false, JSON.stringify(seen))
})

t.test('length is counted in code points', async (t) => {
  t.equal(codePoints('abc'), 3)
  t.equal(codePoints('🙂'.repeat(4000)), 4000)
  t.equal(codePoints('👩‍👩‍👧'), 5)
  fc.assert(
    fc.property(anyString, (text) => codePoints(text) === [...text].length),
    runs,
  )
})

t.test('properties of the text rules', async (t) => {
  fc.assert(
    fc.property(anyString, (text) => normalise(normalise(text)) === normalise(text)),
    runs,
  )
  fc.assert(
    fc.property(anyString, (text) => normalise(text) === text.normalize('NFC')),
    runs,
  )
  fc.assert(
    fc.property(anyString, (text) => textRule(text) !== null || textRule(normalise(text)) === null),
    runs,
  )
  const accepted = (text: string): boolean => textRule(text) === null
  fc.assert(
    fc.property(anyString, anyString, (a, b) => !(accepted(a) && accepted(b)) || accepted(`${a} ${b}`)),
    runs,
  )
  for (const bad of ['\u0000', '\t', '\u202e', '\ud800 '])
    fc.assert(
      fc.property(anyString, anyString, (a, b) => textRule(`${a} ${bad}${b}`) !== null),
      { numRuns: 100 },
    )
  t.pass('normal form is a fixed point; accepted texts stay accepted; a bad character is found wherever it stands')
})

t.test('a cursor says where its list goes on, and nothing else is a cursor', async (t) => {
  const position = fc.record({ at: fc.integer({ min: 0, max: newest.at }), id: fc.uuid() })
  fc.assert(
    fc.property(position, (at) => {
      const cursor = encodeCursor(at)
      return new RegExp(cursorPattern).test(cursor) && cursor.length <= 70 && JSON.stringify(decodeCursor(cursor)) === JSON.stringify(at)
    }),
    runs,
  )
  fc.assert(
    fc.property(anyString, (text) => decodeCursor(text) === null),
    runs,
  )
  fc.assert(
    fc.property(position, fc.nat({ max: 60 }), fc.constantFrom('A', 'b', '-', '_', '=', ' '), (at, index, letter) => {
      const cursor = encodeCursor(at)
      const changed = cursor.slice(0, index) + letter + cursor.slice(index + 1)
      const read = decodeCursor(changed)
      return read === null || encodeCursor(read) === changed
    }),
    runs,
  )
  const id = newId()
  const spell = (text: string): string => Buffer.from(text).toString('base64url')
  for (const text of [
    `-1.${id}`,
    `01.${id}`,
    `1e3.${id}`,
    `1.5.${id}`,
    ` 1.${id}`,
    `${newest.at + 1}.${id}`,
    `.${id}`,
    `1.${id}.`,
    `1.${id.toUpperCase()}`,
    '1.',
    '1',
  ])
    t.equal(decodeCursor(spell(text)), null, text)
  t.equal(decodeCursor(`${encodeCursor({ at: 1, id })}=`), null, 'padding')
  t.equal(decodeCursor('A'.repeat(100_000)), null, 'length is bounded')
})

t.test('paging by cursor shows every row once while newer rows arrive', async (t) => {
  type Row = { at: number; id: string }
  const newerFirst = (a: Row, b: Row): number => b.at - a.at || (a.id < b.id ? 1 : -1)
  const rows: Row[] = Array.from({ length: 23 }, (_, n) => ({ at: 1000 + Math.floor(n / 4), id: newId(1000 + n) }))
  const before = rows.map(({ id }) => id)
  const read = (cursor: string | undefined) => {
    const { at, id } = cursor === undefined ? newest : decodeCursor(cursor)!
    const found = rows.filter((row) => row.at < at || (row.at === at && row.id < id)).sort(newerFirst)
    return pageOf(
      found.slice(0, 6),
      5,
      (row) => row,
      ({ id }) => id,
    )
  }
  const seen: string[] = []
  let cursor: string | null | undefined
  for (let page = 0; cursor !== null; page++) {
    const got = read(cursor)
    seen.push(...got.items)
    cursor = got.nextCursor
    rows.push({ at: 2000 + page, id: newId() })
  }
  t.same([...seen].sort(), [...before].sort())
  t.same(
    pageOf(
      [],
      5,
      (row: Row) => row,
      (row) => row,
    ),
    { items: [], nextCursor: null },
  )
  const exact = pageOf(
    rows.slice(0, 5),
    5,
    (row) => row,
    (row) => row,
  )
  t.equal(exact.nextCursor, null, 'a last page that is full points at no empty one')
})

t.test('a time is read only where it exists', async (t) => {
  const good: [string, string][] = [
    ['2026-11-21T10:00:00Z', '2026-11-21T10:00:00.000Z'],
    ['2026-11-21T10:00:00.5Z', '2026-11-21T10:00:00.500Z'],
    ['2026-11-21T10:00:00.123456789Z', '2026-11-21T10:00:00.123Z'],
    ['2026-11-21T10:00:00+02:30', '2026-11-21T07:30:00.000Z'],
    ['2026-11-21T23:30:00-01:00', '2026-11-22T00:30:00.000Z'],
    ['2028-02-29T00:00:00Z', '2028-02-29T00:00:00.000Z'],
    ['2000-02-29T00:00:00Z', '2000-02-29T00:00:00.000Z'],
    ['9999-12-31T23:59:59.999Z', '9999-12-31T23:59:59.999Z'],
  ]
  for (const [text, shown] of good) t.equal(showInstant(parseInstant(text)!), shown, text)
  const bad = [
    '', '2026', '2026-11-21', '2026-11-21T10:00:00', '2026-11-21 10:00:00Z', '2026-11-21t10:00:00z', '2026-11-21T10:00Z', '2026-02-29T00:00:00Z',
    '2100-02-29T00:00:00Z', '2026-02-30T00:00:00Z', '2026-04-31T00:00:00Z', '2026-00-10T00:00:00Z', '2026-13-10T00:00:00Z', '2026-11-00T00:00:00Z',
    '2026-11-21T24:00:00Z', '2026-11-21T10:60:00Z', '2026-12-31T23:59:60Z', '2026-11-21T10:00:00+24:00', '2026-11-21T10:00:00+01:60',
    '2026-11-21T10:00:00.1234567890Z', '9999-12-31T23:59:59-05:00', '+002026-11-21T10:00:00Z', '2026-11-21T10:00:00Z\n', '0000-01-01T00:00:00+01:00',
  ] // prettier-ignore
  for (const text of bad) t.equal(parseInstant(text), null, text)
  fc.assert(
    fc.property(
      fc.date({ min: new Date('0000-01-01T00:00:00Z'), max: new Date('9999-12-31T23:59:59Z'), noInvalidDate: true }),
      (date) => parseInstant(showInstant(date))?.getTime() === date.getTime(),
    ),
    runs,
  )
  fc.assert(
    fc.property(anyString, (text) => parseInstant(text) === null),
    runs,
  )
})
