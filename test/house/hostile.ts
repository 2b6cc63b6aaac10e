import { Ajv } from 'ajv'
import formats from 'ajv-formats'
import type { AnyOperation } from '../../routes/shared/operation.ts'
import { isFreeText, sampleOf } from './sample.ts'

/** Planted in everything hostile: it must come back in no answer and stand in no log. */
export const mark = 'CANARY7f3a9c1e'

export interface HostileBody {
  readonly name: string
  readonly bytes: Buffer
  readonly type: string
  /** What it must be answered with by an operation that takes a body, once its gates have let it pass. */
  readonly status: 400 | 413 | 415
}

const json = 'application/json'
const text = (name: string, content: string): HostileBody => ({ name, bytes: Buffer.from(content), type: json, status: 400 })
const raw = (name: string, ...bytes: number[]): HostileBody => ({ name, bytes: Buffer.from(bytes), type: json, status: 400 })

const deep = (levels: number): string => `{"a":${'['.repeat(levels)}"${mark}"${']'.repeat(levels)}}`
const inText = (character: string): string => `{"${mark}":"a${character}b"}`

/** Bodies that no operation may accept, whatever its schema. */
const anywhere: readonly HostileBody[] = [
  text('no JSON', mark),
  text('cut off', `{"a":"${mark}`),
  text('a comma too many', `{"a":"${mark}",}`),
  text('single quotes', `{'a':'${mark}'}`),
  text('not a number', `{"a":NaN,"b":"${mark}"}`),
  text('two documents', `{} {"a":"${mark}"}`),
  text('a comment', `{/* ${mark} */}`),
  text('a list', `["${mark}"]`),
  text('null', 'null'),
  text('a number', '1e999'),
  text('a string', `"${mark}"`),
  text('an unknown member', `{"${mark}":"${mark}"}`),
  text('nine levels', deep(8)),
  text('fifty thousand levels', `${'['.repeat(30_000)}`),
  text('a name twice', `{"a":"${mark}","a":"${mark}"}`),
  text('a name twice, once escaped', `{"a":"${mark}","\\u0061":"${mark}"}`),
  text('a name twice, inside', `{"a":{"b":1,"b":"${mark}"}}`),
  text('__proto__', `{"__proto__":{"${mark}":true}}`),
  text('constructor', `{"constructor":{"prototype":{"${mark}":true}}}`),
  text('__proto__ inside', `{"a":[{"__proto__":{"${mark}":true}}]}`),
  text('NUL', inText('\\u0000')),
  text('a lone surrogate', inText('\\ud800')),
  text('a lone low surrogate', inText('\\udc00')),
  text('a bidi override', inText('\u202e')),
  text('a control character', inText('\\u0007')),
  text('NUL in a name', `{"a\\u0000${mark}":1}`),
  text('a raw control character', `{"a":"\u0001${mark}"}`),
  raw('not UTF-8', 0x7b, 0x22, 0x61, 0x22, 0x3a, 0x22, 0xff, 0x22, 0x7d),
  raw('an overlong form', 0x7b, 0x22, 0x61, 0x22, 0x3a, 0x22, 0xc0, 0xaf, 0x22, 0x7d),
  raw('a surrogate in UTF-8', 0x7b, 0x22, 0x61, 0x22, 0x3a, 0x22, 0xed, 0xa0, 0x80, 0x22, 0x7d),
  raw('half a character', 0x7b, 0x22, 0x61, 0x22, 0x3a, 0x22, 0xe2, 0x82),
  { name: 'UTF-16', bytes: Buffer.from(`\ufeff{"a":"${mark}"}`, 'utf16le'), type: json, status: 400 },
]

const types = [
  'text/plain', 'application/xml', 'application/x-www-form-urlencoded', `multipart/form-data; boundary=${mark}`, 'application/octet-stream',
  'application/jsonx', 'text/json', `application/${mark}`, mark, 'application/json; charset=utf-16', 'application/json;charset="iso-8859-1"',
  `application/json; charset=${mark}`, '', ',', 'application/json, text/plain',
] // prettier-ignore

const ofOtherType = (type: string): HostileBody => ({
  name: `as ${type || 'nothing'}`,
  bytes: Buffer.from(`{"a":"${mark}"}`),
  type,
  status: 415,
})

const wrong: readonly (readonly [string, unknown])[] = [
  ['a number', 12_345],
  ['a list', [mark]],
  ['an object', { [mark]: mark }],
  ['null', null],
  ['true', true],
  ['a very long text', mark.repeat(2_000)],
  ['an empty text', ''],
  ['a date that is none', '2026-02-30T99:99:99Z'],
  ['NUL', `${mark}\u0000`],
  ['a lone surrogate', `${mark}\ud800`],
  ['a bidi override', `${mark}\u202e`],
]

const ajv = (formats as unknown as (ajv: Ajv) => Ajv)(new Ajv({ strict: false }))
/** What is refused wherever it stands, though it be a text like any other. */
const unwritable = new Set(['NUL', 'a lone surrogate', 'a bidi override'])

/** Is it nothing to refuse: a number where a number is asked for? */
const fits = (part: object, what: string, value: unknown): boolean => !unwritable.has(what) && ajv.validate(part, value)

/** The operation's own sample with one member spoilt at a time. */
const spoilt = (operation: AnyOperation): HostileBody[] => {
  const schema = operation.body as { properties?: Record<string, Parameters<typeof isFreeText>[0]> }
  const sample = sampleOf(operation.body, { optional: true }) as object
  return Object.entries(schema.properties ?? {}).flatMap(([name, part]) =>
    wrong
      .filter(([what, value]) => !(isFreeText(part) && (what === 'a date that is none' || value === null)) && !fits(part, what, value))
      .map(([what, value]) => text(`${name} is ${what}`, JSON.stringify({ ...sample, [name]: value }))),
  )
}

const oversized = (operation: AnyOperation): HostileBody => ({
  name: 'too large',
  bytes: Buffer.from(`{"a":"${mark.repeat(Math.ceil(((operation.maxBody ?? 262_144) + 1) / mark.length))}"}`),
  type: json,
  status: 413,
})

/** What a request without a body may be sent all the same; nobody reads it. */
const unread: ReadonlySet<string> = new Set(['no JSON', 'not UTF-8', '__proto__', 'too large', 'as text/plain', 'as nothing'])

/** Every hostile body for an operation. */
export const hostileBodies = (operation: AnyOperation): HostileBody[] => {
  const bodies = [...anywhere, ...types.map(ofOtherType), oversized(operation)]
  const all = operation.body ? [...bodies, ...spoilt(operation)] : bodies.filter(({ name }) => unread.has(name))
  const { upload } = operation
  if (!upload) return all
  // A form is what it takes; whether it is a good one, its own tests ask. Without resumable uploads it takes nothing else.
  const others = all.filter(({ type }) => !type.startsWith('multipart/'))
  return upload.resumable ? others : others.map((body) => ({ ...body, status: 415 }))
}

/** What may stand where an id belongs. */
export const hostileIds: readonly string[] = [
  mark, '%00', '%0a', `%E2%80%AE${mark}`, 'null', '__proto__', '..%2f..%2fetc', "'%20or%201=1--", '%F0%9F%92%A9', `${mark}`.repeat(100), '0',
  '01920000-0000-7000-8000-C00000000001', '%7B01920000-0000-7000-8000-c00000000001%7D', '01920000-0000-7000-8000-c00000000001%0a', '-1', '%25ff', '*',
] // prettier-ignore

export const hostileQueries: readonly string[] = [
  `${mark}=1`, `limit=${mark}`, 'limit=0', 'limit=-1', 'limit=1e9', 'limit=NaN', 'limit=1.5', 'limit=', 'limit=1&limit=2', `cursor=${mark}`, 'cursor=%00', 'cursor=%ff',
  'cursor=%', `patientId=${mark}`, 'patientId[]=1', 'patientId[a]=1', `__proto__=${mark}`, `__proto__[${mark}]=1`, `constructor.prototype.x=${mark}`, '&&&===',
  `${mark.repeat(500)}=1`, `scope=${mark}`, 'scope=messaging&scope=messaging', `%E2%80%AE=${mark}`, `a=${'%41'.repeat(2_000)}`,
] // prettier-ignore

/** Headers that only look like what they should be; none of them can be accepted by an operation that needs a token. */
export const hostileCredentials: readonly string[] = [
  '', 'Bearer', 'Bearer ', `Basic ${mark}`, `Bearer ${mark}`, `bearer ${mark}.${mark}.${mark}`, `Bearer ${mark.repeat(900)}`, `Bearer a.b.c, Bearer ${mark}`, `${mark}`,
  `Bearer ${Buffer.from('{"alg":"none"}').toString('base64url')}.${Buffer.from(`{"sub":"${mark}"}`).toString('base64url')}.`,
  `Bearer ${Buffer.from('{"alg":"HS256","kid":"__proto__"}').toString('base64url')}.e30.AAAA`,
] // prettier-ignore

export const hostileKeys: readonly string[] = [
  '',
  ' ',
  'a b',
  `"${mark}`,
  `${mark}"`,
  '""',
  `"a"b"`,
  'x'.repeat(256),
  `"${'x'.repeat(256)}"`,
  `${mark}\u00e9`,
  `${mark}, ${mark}`,
  '\u0001',
]

/** Headers that must not matter, or be refused in the contract's own words. */
export const oddHeaders: readonly Readonly<Record<string, string>>[] = [
  { 'x-request-id': mark }, { 'x-request-id': '../../etc' }, { traceparent: mark }, { traceparent: '00-ffffffffffffffffffffffffffffffff-ffffffffffffffff-ff' },
  { accept: mark }, { accept: 'text/html' }, { 'accept-encoding': `${mark};q=0` }, { origin: `https://${mark}.example` }, { cookie: `session=${mark}` },
  { 'x-forwarded-for': mark }, { forwarded: `for=${mark}` }, { 'x-forwarded-host': mark }, { 'x-http-method-override': 'DELETE' }, { 'content-encoding': 'gzip' },
  { 'x-agency': mark }, { 'x-agency': '*' }, { 'x-agency': '*', 'x-access-reason': mark }, { 'x-agency': '01920000-0000-7000-8000-a00000000002', 'x-access-reason': mark.repeat(3) },
  { 'if-match': mark }, { 'if-none-match': mark }, { range: 'bytes=0-1' }, { 'x-odd': mark.repeat(500) }, { referer: `https://${mark}` }, { 'user-agent': mark },
] // prettier-ignore
