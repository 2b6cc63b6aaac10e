import type { Budget } from './expansion.ts'
import { type Cursor, type Parser, refuseFile } from './parser.ts'
import { createNameWatch } from './pdf-names.ts'
import { checkOf, type StreamCheck } from './pdf-stream.ts'

/** A dictionary longer than this is read from its last bytes. */
const longestDictionary = 16_384
const longestPiece = 65_536
const tailBytes = 1_024
const mostStreams = 100_000
const endstream = Buffer.from('endstream')

const isLetter = (byte: number | undefined): boolean => byte !== undefined && (byte | 0x20) >= 0x61 && (byte | 0x20) <= 0x7a

/** The next `stream` keyword that opens one: not the end of a longer word such as `endstream`, and with its line's end behind it. */
const opening = (held: Buffer, before: number | undefined): { at: number; size: number } | 'wait' | null => {
  for (let at = held.indexOf('stream'); at !== -1; at = held.indexOf('stream', at + 1)) {
    if (isLetter(at === 0 ? before : held[at - 1])) continue
    const [first, second] = [held[at + 6], held[at + 7]]
    if (first === 0x0a) return { at, size: 7 }
    if (first === undefined || (first === 0x0d && second === undefined)) return 'wait'
    if (first === 0x0d) return { at, size: second === 0x0a ? 8 : 7 }
  }
  return null
}

/** The last bytes of what has passed. */
const createTail = (size: number) => {
  let tail: Buffer = Buffer.alloc(0)
  return {
    see(piece: Buffer): void {
      tail = piece.length >= size ? Buffer.from(piece.subarray(-size)) : Buffer.concat([tail, piece]).subarray(-size)
    },
    text: (): string => tail.toString('latin1'),
  }
}

type Pass = (count: number) => Buffer

/** Passes what stands outside of streams, up to the next one; its dictionary, or null at the end of the file. */
function* outside(cursor: Cursor, pass: Pass): Generator<'chunk', string | null, Buffer | null> {
  const watch = createNameWatch()
  const dictionary = createTail(longestDictionary)
  const see = (count: number): void => {
    const piece = pass(count)
    watch.see(piece)
    dictionary.see(piece)
  }
  for (;;) {
    const found = opening(cursor.held, cursor.before)
    const opens = found !== null && found !== 'wait'
    // The end of a stream whose beginning nobody saw: what stood before it was part of that stream, and was not looked through as one.
    if (cursor.held.subarray(0, opens ? found.at : undefined).includes(endstream)) throw refuseFile('damaged')
    if (opens) {
      see(found.at)
      watch.end()
      pass(found.size)
      const text = dictionary.text()
      return text.slice(Math.max(0, text.lastIndexOf(' obj')))
    }
    // A keyword may be cut in two, and three letters before it matter.
    if (found === null) see(Math.max(0, cursor.held.length - 16))
    if (yield* cursor.more()) continue
    see(cursor.held.length)
    watch.end()
    return null
  }
}

/** Passes the content of a stream and its `endstream`. */
function* within(cursor: Cursor, pass: Pass, check: StreamCheck): Generator<'chunk' | Promise<unknown>, void, Buffer | null> {
  for (;;) {
    const end = cursor.held.indexOf(endstream)
    const ready = end === -1 ? Math.max(0, cursor.held.length - endstream.length) : end
    // A stream in a stream: a viewer that takes one of the keywords for text, or is led past it, would see what was not looked through.
    const inner = opening(end === -1 ? cursor.held : cursor.held.subarray(0, end), cursor.before)
    if (inner !== null && inner !== 'wait') throw refuseFile('damaged')
    for (let left = ready; left > 0;) {
      const piece = pass(Math.min(left, longestPiece))
      left -= piece.length
      yield check.feed(piece)
    }
    if (end !== -1) break
    if (!(yield* cursor.more())) throw refuseFile('truncated')
  }
  pass(endstream.length)
  yield check.end()
}

const lastLines = /startxref[\s\0]+(\d{1,10})[\s\0]+%%EOF[\s\0]*$/

const checkEnd = (tail: string, size: number): void => {
  const end = lastLines.exec(tail)
  if (!end) throw refuseFile(/%%EOF/.test(tail) ? 'trailing-data' : 'truncated')
  if (Number(end[1]) >= size) throw refuseFile('damaged')
}

/**
 * A PDF from its first byte to its last: the header at the very start, the end at the very end, nothing that acts, nothing embedded,
 * nothing encrypted, and streams that do not expand beyond bounds. What each page looks like is for the person who reviews it.
 * @see ISO 32000-1, 7.5
 */
export function* pdf(cursor: Cursor): Parser {
  const budget: Budget = { inflated: 0 }
  const tail = createTail(tailBytes)
  const pass: Pass = (count) => {
    const piece = cursor.pass(count)
    tail.see(piece)
    return piece
  }
  const head = (yield* cursor.take(8)).toString('latin1')
  if (!/^%PDF-[12]\.\d$/.test(head)) throw refuseFile('type')
  for (let streams = 0; ; streams += 1) {
    if (streams > mostStreams) throw refuseFile('damaged')
    const dictionary = yield* outside(cursor, pass)
    if (dictionary === null) break
    const check = checkOf(dictionary, budget)
    try {
      yield* within(cursor, pass, check)
    } finally {
      check.close()
    }
  }
  checkEnd(tail.text(), cursor.position)
}
