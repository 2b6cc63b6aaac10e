import type { DocumentType as MediaType } from '../shared/documents.ts'
import { Refusal } from '../shared/refusal.ts'
import { byteSource, type ByteSource } from './byte-source.ts'

/** What a provider's public photo can be. */
export const photoTypes = ['image/jpeg', 'image/png'] as const satisfies readonly MediaType[]

/** Bytes. */
export const largestPhoto = 5 * 1024 * 1024

const wrong = (): Refusal => new Refusal('VALIDATION_FAILED', 'media-type')

const startOfImage = 0xd8
const endOfImage = 0xd9
const startOfScan = 0xda
const isRestart = (marker: number): boolean => marker >= 0xd0 && marker <= 0xd7
/** APP0 to APP15 and the comment: camera, place, author, thumbnails of what was cut away. */
const isMetadata = (marker: number): boolean => (marker >= 0xe0 && marker <= 0xef) || marker === 0xfe

/** APP14 of Adobe says how colours are coded, and nothing of anybody: without it some images come out in wrong colours. */
const isColourCoding = (marker: number, body: Buffer): boolean =>
  marker === 0xee && body.length === 12 && body.toString('latin1', 0, 5) === 'Adobe'

/** The marker of the next segment; fill bytes before it are left out. */
const nextMarker = async (source: ByteSource): Promise<number> => {
  const [first] = await source.take(1)
  if (first !== 0xff) throw wrong()
  for (;;) {
    const [marker] = await source.take(1)
    if (marker !== 0xff) return marker!
  }
}

async function* jpegSegment(source: ByteSource, marker: number): AsyncGenerator<Buffer, void, undefined> {
  const length = (await source.take(2)).readUInt16BE()
  if (length < 2) throw wrong()
  const body = await source.take(length - 2)
  if (isMetadata(marker) && !isColourCoding(marker, body)) return
  const head = Buffer.from([0xff, marker, 0, 0])
  head.writeUInt16BE(length, 2)
  yield head
  yield body
}

/** The coded picture up to the next segment, whose marker it returns. */
async function* scan(source: ByteSource): AsyncGenerator<Buffer, number, undefined> {
  for (;;) {
    yield* source.passUntil(0xff)
    const marker = await nextMarker(source)
    if (marker !== 0 && !isRestart(marker)) return marker
    yield Buffer.from([0xff, marker])
  }
}

/** What follows the end of the image is left out as well. @see ITU-T T.81, annex B */
async function* plainJpeg(source: ByteSource): AsyncGenerator<Buffer, void, undefined> {
  if ((await nextMarker(source)) !== startOfImage) throw wrong()
  yield Buffer.from([0xff, startOfImage])
  let marker = await nextMarker(source)
  while (marker !== endOfImage) {
    yield* jpegSegment(source, marker)
    marker = marker === startOfScan ? yield* scan(source) : await nextMarker(source)
  }
  yield Buffer.from([0xff, endOfImage])
}

const pngSignature = Buffer.from('89504e470d0a1a0a', 'hex')
/** The picture and how it is to be shown; texts, times, profiles with names and whatever else there may be are not among them. */
const pngChunks: ReadonlySet<string> = new Set(['IHDR', 'PLTE', 'IDAT', 'IEND', 'tRNS', 'gAMA', 'cHRM', 'sRGB', 'sBIT', 'bKGD', 'pHYs'])

/** @see PNG specification, third edition, section 5 */
async function* plainPng(source: ByteSource): AsyncGenerator<Buffer, void, undefined> {
  if (!(await source.take(8)).equals(pngSignature)) throw wrong()
  yield pngSignature
  for (let type = ''; type !== 'IEND';) {
    const head = await source.take(8)
    type = head.toString('latin1', 4)
    const isKept = pngChunks.has(type)
    if (isKept) yield head
    // The checksum goes with the chunk.
    for await (const piece of source.pass(head.readUInt32BE() + 4)) if (isKept) yield piece
  }
}

/**
 * The same picture without what else its file says: where and when it was taken, with what, by whom. Streams.
 * @throws Refusal VALIDATION_FAILED (`media-type`) where the content ends early or is not built as its type
 * @see design, section 7, /admin/providers/:id/photo
 */
export const withoutMetadata = (content: AsyncIterable<Buffer>, contentType: MediaType): AsyncIterable<Buffer> => {
  if (contentType === 'image/jpeg') return plainJpeg(byteSource(content))
  if (contentType === 'image/png') return plainPng(byteSource(content))
  throw wrong()
}
