import { crc32 } from 'node:zlib'
import { mostPixels } from './jpeg.ts'
import { type Cursor, type Parser, refuseFile } from './parser.ts'

const signature = Buffer.from('89504e470d0a1a0a', 'hex')
/** Bytes of a chunk that is not image data: metadata is small. */
const largestAside = 4 * 1024 * 1024

const checkHeader = (data: Buffer): void => {
  const pixels = data.readUInt32BE(0) * data.readUInt32BE(4)
  if (pixels === 0 || pixels > mostPixels) throw refuseFile('dimensions')
}

/** Passes a chunk's data, however long, and gives its CRC; the data of the header is looked at. */
function* passData(cursor: Cursor, type: Buffer, length: number): Generator<'chunk', number, Buffer | null> {
  let sum = crc32(type)
  for (let left = length; left > 0;) {
    if (!(yield* cursor.any())) throw refuseFile('truncated')
    const part = cursor.pass(left)
    sum = crc32(part, sum)
    left -= part.length
  }
  return sum
}

/**
 * A PNG from its first byte to its last: every chunk with its CRC, the header first, the end last and nothing behind it.
 * @see W3C Portable Network Graphics, third edition, clause 5
 */
export function* png(cursor: Cursor): Parser {
  if (!(yield* cursor.take(8)).equals(signature)) throw refuseFile('type')
  let imageData = 0
  for (let index = 0; ; index += 1) {
    const head = yield* cursor.take(8)
    const length = head.readUInt32BE(0)
    const type = head.subarray(4)
    const name = type.toString('latin1')
    if (!/^[A-Za-z]{4}$/.test(name) || length > 0x7fffffff) throw refuseFile('damaged')
    if ((index === 0) !== (name === 'IHDR')) throw refuseFile('damaged')
    if (name !== 'IDAT' && length > largestAside) throw refuseFile('expansion')
    if (name === 'IHDR') {
      if (length !== 13) throw refuseFile('damaged')
      const data = Buffer.from(yield* cursor.take(13))
      checkHeader(data)
      if ((yield* cursor.take(4)).readUInt32BE() !== crc32(data, crc32(type))) throw refuseFile('damaged')
      continue
    }
    const sum = yield* passData(cursor, type, length)
    if ((yield* cursor.take(4)).readUInt32BE() !== sum) throw refuseFile('damaged')
    if (name === 'IDAT') imageData += length
    if (name === 'IEND') break
  }
  if (imageData === 0) throw refuseFile('damaged')
  if (yield* cursor.any()) throw refuseFile('trailing-data')
}
