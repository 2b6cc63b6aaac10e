/** One thing that a file holds: a resource, or why it could not be read. Its place is `entry 3` of a bundle, `line 3` of NDJSON. */
export type Piece =
  | { readonly place: string; readonly resource: unknown }
  | { readonly place: string; readonly problem: string }
  /** When the bundle was put together. */
  | { readonly timestamp: string }

/** The longest resource that is read, in UTF-16 code units. */
export const mostOfOne = 1024 * 1024
/** How much of a file is looked at to tell what it is: its first line, though that be too long. */
const headLength = 2 * mostOfOne

const tooLong = 'it is longer than 1 MiB'

const parsed = (place: string, text: string, ofEntry: boolean): Piece => {
  try {
    const value = JSON.parse(text.trim()) as { resource?: unknown } | null
    return { place, resource: ofEntry ? value?.resource : value }
  } catch {
    return { place, problem: 'it is no JSON' }
  }
}

/** Text that is collected up to a bound; what is longer is forgotten, not kept. */
const createPot = () => {
  let parts: string[] = []
  let length = 0
  return {
    add(text: string): void {
      length += text.length
      if (length > mostOfOne) parts = []
      else parts.push(text)
    },
    /** What was collected, or null where it was too long. The pot is empty afterwards. */
    take(): string | null {
      const text = length > mostOfOne ? null : parts.join('')
      parts = []
      length = 0
      return text
    },
  }
}

async function* readLines(chunks: AsyncIterable<string>): AsyncGenerator<Piece> {
  const pot = createPot()
  let number = 0
  const take = (): Piece | null => {
    number += 1
    const text = pot.take()
    if (text === null) return { place: `line ${number}`, problem: tooLong }
    return text.trim() === '' ? null : parsed(`line ${number}`, text, false)
  }
  for await (const chunk of chunks) {
    let from = 0
    for (let end = chunk.indexOf('\n'); end !== -1; end = chunk.indexOf('\n', from)) {
      pot.add(chunk.slice(from, end))
      from = end + 1
      const piece = take()
      if (piece) yield piece
    }
    pot.add(chunk.slice(from))
  }
  const last = take()
  if (last) yield last
}

const space = /\s/
const opens = (character: string): boolean => character === '{' || character === '['
const closes = (character: string): boolean => character === '}' || character === ']'

/**
 * Finds the elements of a bundle's `entry` without holding more than one of them. It follows strings and brackets only; whether an
 * element is JSON is found when it is parsed.
 */
const createScanner = () => {
  const members: Record<string, string> = {}
  const pot = createPot()
  let [depth, inString, escaped, capturing, stray, number] = [0, false, false, false, false, 0]
  let [text, key, isValue]: [string, string, boolean] = ['', '', false]

  const endOfString = (): void => {
    inString = false
    if (depth !== 1) return
    if (isValue) members[key] = text
    else key = text
  }
  const inEntries = (): boolean => key === 'entry' && isValue

  const element = (): Piece => {
    number += 1
    const place = `entry ${number}`
    const whole = pot.take()
    return whole === null ? { place, problem: tooLong } : parsed(place, whole, true)
  }
  const strayElement = (): Piece[] => {
    if (!stray) return []
    stray = false
    number += 1
    return [{ place: `entry ${number}`, problem: 'it is no entry' }]
  }

  /** Follows one character outside strings; true where an element ends with it. */
  const step = (character: string): boolean => {
    if (character === '"') {
      inString = true
      text = ''
    } else if (opens(character)) {
      if (depth === 2 && inEntries()) capturing = true
      depth += 1
    } else if (closes(character)) {
      depth -= 1
      if (depth < 0) throw new Error('The file is no FHIR bundle and no NDJSON.')
      return capturing && depth === 2
    } else if (depth === 1 && character === ':') isValue = true
    else if (depth === 1 && character === ',') isValue = false
    return false
  }

  const within = (character: string): void => {
    if (escaped) escaped = false
    else if (character === '\\') escaped = true
    else if (character === '"') return endOfString()
    if (depth === 1 && text.length < 100) text += character
  }

  return {
    members,
    /** Is everything closed that was opened? */
    isWhole: (): boolean => depth === 0 && !inString,
    *read(chunk: string): Generator<Piece> {
      let from = 0
      for (let at = 0; at < chunk.length; at += 1) {
        const character = chunk[at]!
        if (inString) {
          within(character)
          continue
        }
        if (!capturing && depth === 2 && inEntries()) {
          if (character === ',' || character === ']') yield* strayElement()
          else if (!opens(character) && !space.test(character)) stray = true
          from = at
        }
        if (!step(character)) continue
        pot.add(chunk.slice(from, at + 1))
        capturing = false
        yield element()
      }
      if (capturing) pot.add(chunk.slice(from))
    },
  }
}

async function* readBundle(chunks: AsyncIterable<string>): AsyncGenerator<Piece> {
  const scanner = createScanner()
  for await (const chunk of chunks) yield* scanner.read(chunk)
  if (scanner.members['resourceType'] !== 'Bundle') throw new Error('The file is no FHIR bundle and no NDJSON.')
  if (!scanner.isWhole()) throw new Error('The file ends before its bundle does. Nothing was imported.')
  if (scanner.members['timestamp'] !== undefined) yield { timestamp: scanner.members['timestamp'] }
}

const objectOf = (line: string): { readonly resourceType?: unknown } | null => {
  try {
    const value: unknown = JSON.parse(line.trim())
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? value : null
  } catch {
    return null
  }
}

/**
 * Is it NDJSON? Its first line is an object of its own and no bundle. Where that line is the bad one, another is a resource of its own
 * and nothing speaks of a bundle.
 */
const isNdjson = (head: string): boolean => {
  const lines = head.split('\n').filter((line) => line.trim() !== '')
  const first = objectOf(lines[0] ?? '')
  if (first !== null) return first.resourceType !== 'Bundle'
  return !/"resourceType"\s*:\s*"Bundle"/.test(head) && lines.some((line) => typeof objectOf(line)?.resourceType === 'string')
}

/**
 * Reads the resources of a FHIR bundle or of NDJSON, one after the other, in memory for one of them. What cannot be read is named
 * by its place, and the rest goes on.
 * @throws Error with a sentence where the file is neither, or ends before its bundle does
 */
export async function* readResources(chunks: AsyncIterable<string>): AsyncGenerator<Piece> {
  const iterator = chunks[Symbol.asyncIterator]()
  let head = ''
  while (head.length < headLength) {
    const { done, value } = await iterator.next()
    if (done) break
    head += value
  }
  const all = async function* (): AsyncGenerator<string> {
    yield head
    yield* { [Symbol.asyncIterator]: () => iterator }
  }
  yield* isNdjson(head) ? readLines(all()) : readBundle(all())
}
