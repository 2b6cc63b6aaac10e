import { ascii85, asciiHex, type AsciiDecoder } from './ascii-filters.ts'
import { createInflation, type Budget, type Inflation } from './expansion.ts'
import { mostPixels } from './jpeg.ts'
import { refuseFile } from './parser.ts'
import { createByteWatch, createNameWatch, spelledOut } from './pdf-names.ts'

/** Looks at the content of one stream as it passes. */
export interface StreamCheck {
  feed(bytes: Buffer): Promise<void>
  end(): Promise<void>
  close(): void
}

const filterValue = /\/(?:Filter|F)\s*(?:\[([^\]]{0,512})\]|(\/[A-Za-z0-9]+))/g
const short: Readonly<Record<string, string>> = { Fl: 'FlateDecode', A85: 'ASCII85Decode', AHx: 'ASCIIHexDecode', LZW: 'LZWDecode' }

/** @throws Refusal `filter` where one is not named on the spot: by a reference it could be any */
const filtersOf = (dictionary: string): string[] => {
  const values = [...dictionary.matchAll(filterValue)].map(([, list, name]) => list ?? name ?? '')
  const named = values.filter((value) => /^[\s\0]*(?:\/[A-Za-z0-9]+[\s\0]*)*$/.test(value)).length
  const all = dictionary.match(/\/Filter(?![A-Za-z0-9.])/g)?.length ?? 0
  if (named < Math.max(all, values.length)) throw refuseFile('filter')
  return values.flatMap((value) => [...value.matchAll(/\/([A-Za-z0-9]+)/g)].map(([, name = '']) => short[name] ?? name))
}

const numberOf = (dictionary: string, name: string): number =>
  Number(new RegExp(`/${name}\\s+(\\d{1,9})(?!\\s+\\d+\\s+R)`).exec(dictionary)?.[1] ?? 0)

const asciiOf = (filter: string | undefined): AsciiDecoder | null => {
  if (filter === 'ASCII85Decode') return ascii85()
  return filter === 'ASCIIHexDecode' ? asciiHex() : null
}

const nothing: StreamCheck = { feed: async () => {}, end: async () => {}, close: () => {} }

const inflated = (inflation: Inflation, ascii: AsciiDecoder | null, mustRead: boolean): StreamCheck => ({
  feed: (bytes) => inflation.feed(ascii ? ascii.decode(bytes) : bytes),
  async end() {
    await inflation.end()
    // What cannot be read cannot be looked through either.
    if (mustRead && inflation.failed) throw refuseFile('damaged')
  },
  close: () => inflation.close(),
})

/** As zlib begins. @see RFC 1950, 2.2 */
const isDeflated = (head: Buffer): boolean => (head[0]! & 0x0f) === 8 && head[0]! >> 4 <= 7 && head.readUInt16BE() % 31 === 0

/**
 * A stream that is not said to be deflated. A dictionary can be written so that a viewer reads another one in it: what begins as deflated
 * bytes do is inflated and counted all the same, and a viewer may be led into the middle of any other to find objects there.
 */
const unsaid = (budget: Budget): StreamCheck => {
  const watch = createByteWatch()
  let head: Buffer = Buffer.alloc(0)
  let inflation: Inflation | null = null
  return {
    async feed(bytes) {
      watch.see(bytes)
      if (head.length >= 2) return inflation?.feed(bytes)
      head = Buffer.concat([head, bytes])
      if (head.length < 2) return
      if (isDeflated(head)) inflation = createInflation(budget)
      await inflation?.feed(head)
      head = head.subarray(0, 2)
    },
    async end() {
      watch.end()
      await inflation?.end()
    },
    close: () => inflation?.close(),
  }
}

/**
 * What to do with a stream, by its dictionary. Deflated ones are inflated and counted, so that a small file cannot become an endless one;
 * those that hold objects are looked through as well. Compression that cannot be counted is refused.
 * @see ISO 32000-1, 7.4 and 7.5.7
 */
export const checkOf = (spelled: string, budget: Budget): StreamCheck => {
  const dictionary = spelledOut(spelled)
  const filters = filtersOf(dictionary)
  if (numberOf(dictionary, 'Width') * numberOf(dictionary, 'Height') > mostPixels) throw refuseFile('dimensions')
  if (filters.includes('LZWDecode') || filters.includes('Crypt') || filters.length > 4) throw refuseFile('filter')
  const deflated = filters.filter((filter) => filter === 'FlateDecode').length
  if (deflated > 1) throw refuseFile('expansion')
  const holdsObjects = /\/Type\s*\/ObjStm\b/.test(dictionary)
  if (deflated === 0) {
    if (!holdsObjects) return unsaid(budget)
    const watch = createNameWatch()
    return { ...nothing, feed: async (bytes) => watch.see(bytes), end: async () => watch.end() }
  }
  const ascii = asciiOf(filters[0])
  const position = ascii ? 1 : 0
  if (filters[position] !== 'FlateDecode') throw refuseFile('filter')
  const watch = holdsObjects ? createNameWatch() : null
  const check = inflated(createInflation(budget, watch ? (piece) => watch.see(piece) : undefined), ascii, holdsObjects)
  return { ...check, end: async () => (await check.end(), watch?.end()) }
}
