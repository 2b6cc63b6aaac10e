import { createCipheriv, createDecipheriv, createSecretKey, hkdfSync, randomBytes, type KeyObject } from 'node:crypto'
import { lengthPrefixed } from '../crypto/envelope.ts'

/** Plain bytes of a segment; the last one of a document holds the rest. */
export const segmentBytes = 65_536
const tagBytes = 16
const saltBytes = 32
const magic = Buffer.from('PSTD\u0001', 'latin1')
const headBytes = magic.length + saltBytes

/** Where a sealed content stands: it opens nowhere else. */
export interface SealedPlace {
  readonly agencyId: string
  readonly objectKey: string
}

/** The error of whatever was not sealed here, for this place, under this key, as a whole and in this order. */
export const refusedContent = (): Error => Object.assign(new Error('sealed content refused'), { code: 'ERR_SEALED_CONTENT' })

/** How large `size` plain bytes are when they are sealed. */
export const sealedSize = (size: number): number => headBytes + size + tagBytes * Math.max(1, Math.ceil(size / segmentBytes))

/** A key for this one content: the same nonces can then never meet under one key. */
const keyOf = (dataKey: Buffer, head: Buffer, { agencyId, objectKey }: SealedPlace): KeyObject => {
  const info = lengthPrefixed(['postern/document/v1', agencyId, objectKey])
  return createSecretKey(Buffer.from(hkdfSync('sha256', dataKey, head.subarray(magic.length), info, 32)))
}

/** The place of a segment and whether it is the last one: what is reordered, cut or appended has another nonce than it was sealed with. */
const nonceOf = (index: number, last: boolean): Buffer => {
  const nonce = Buffer.alloc(12)
  nonce.writeUInt32BE(index, 4)
  nonce[11] = last ? 1 : 0
  return nonce
}

function* sealSegment(key: KeyObject, head: Buffer, index: number, last: boolean, plain: Buffer): Generator<Buffer> {
  const cipher = createCipheriv('aes-256-gcm', key, nonceOf(index, last))
  cipher.setAAD(head)
  yield cipher.update(plain)
  yield Buffer.concat([cipher.final(), cipher.getAuthTag()])
}

const openSegment = (key: KeyObject, head: Buffer, index: number, last: boolean, sealed: Buffer): Buffer => {
  if (sealed.length < tagBytes) throw refusedContent()
  const decipher = createDecipheriv('aes-256-gcm', key, nonceOf(index, last), { authTagLength: tagBytes })
  decipher.setAAD(head)
  decipher.setAuthTag(sealed.subarray(sealed.length - tagBytes))
  const plain = decipher.update(sealed.subarray(0, sealed.length - tagBytes))
  try {
    decipher.final()
  } catch {
    throw refusedContent()
  }
  return plain
}

/**
 * Cuts a stream into pieces of `size`; the last one, shorter or empty, says so. No more than a piece and a chunk are held, and a byte is copied once
 * at most, so that no source may write into a chunk again: what a large file leaves behind is memory until it is collected.
 */
export async function* pieces(source: AsyncIterable<Buffer>, size: number): AsyncGenerator<{ piece: Buffer; last: boolean }> {
  let held: Buffer = Buffer.alloc(0)
  let length = 0
  for await (const chunk of source) {
    for (let at = 0; at < chunk.length;) {
      // A full piece waits until it is known whether another byte follows.
      if (length === size) {
        yield { piece: held, last: false }
        length = 0
      }
      const taken = chunk.subarray(at, at + size - length)
      if (taken.length === size) held = taken
      else {
        if (length === 0) held = Buffer.allocUnsafeSlow(size)
        taken.copy(held, length)
      }
      length += taken.length
      at += taken.length
    }
  }
  yield { piece: held.subarray(0, length), last: true }
}

/**
 * Seals a stream: `PSTD | version | salt (32)`, then segments of 64 KiB plain text with their tags (AES-256-GCM). Order, length and end
 * are authenticated, and so is the place.
 * @see design, section 4: encryption
 */
export async function* sealContent(source: AsyncIterable<Buffer>, dataKey: Buffer, place: SealedPlace): AsyncGenerator<Buffer> {
  const head = Buffer.concat([magic, randomBytes(saltBytes)])
  const key = keyOf(dataKey, head, place)
  yield head
  let index = 0
  for await (const { piece, last } of pieces(source, segmentBytes)) {
    yield* sealSegment(key, head, index, last, piece)
    index += 1
  }
}

/** Takes the first `count` bytes off a stream, and gives the rest as it comes. */
const splitHead = async (source: AsyncIterable<Buffer>, count: number): Promise<{ head: Buffer; rest: AsyncGenerator<Buffer> }> => {
  const iterator = source[Symbol.asyncIterator]()
  let first = Buffer.alloc(0)
  while (first.length < count) {
    const { value, done } = await iterator.next()
    if (done === true) throw refusedContent()
    first = Buffer.concat([first, value])
  }
  const rest = async function* (): AsyncGenerator<Buffer> {
    try {
      if (first.length > count) yield first.subarray(count)
      for (;;) {
        const { value, done } = await iterator.next()
        if (done === true) return
        yield value
      }
    } finally {
      await iterator.return?.()
    }
  }
  return { head: first.subarray(0, count), rest: rest() }
}

/**
 * Opens what `sealContent` made for the same key and place, releasing a segment only after its tag was verified.
 * @throws Error ERR_SEALED_CONTENT on anything else, at the segment where it shows
 */
export async function* openContent(source: AsyncIterable<Buffer>, dataKey: Buffer, place: SealedPlace): AsyncGenerator<Buffer> {
  const { head, rest } = await splitHead(source, headBytes)
  if (!head.subarray(0, magic.length).equals(magic)) throw refusedContent()
  const key = keyOf(dataKey, head, place)
  let index = 0
  for await (const { piece, last } of pieces(rest, segmentBytes + tagBytes)) {
    const plain = openSegment(key, head, index, last, piece)
    if (plain.length > 0) yield plain
    index += 1
  }
}
