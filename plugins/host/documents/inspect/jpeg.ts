import { type Cursor, type Parser, refuseFile } from './parser.ts'

/** Width times height; a viewer would need four bytes for each. */
export const mostPixels = 100_000_000

const isFrame = (marker: number): boolean => marker >= 0xc0 && marker <= 0xcf && ![0xc4, 0xc8, 0xcc].includes(marker)
const standsAlone = (marker: number): boolean => marker === 0x01 || (marker >= 0xd0 && marker <= 0xd7)

/** Passes what a scan holds and takes the marker behind it. */
function* markerAfterScan(cursor: Cursor): Generator<'chunk', number, Buffer | null> {
  for (;;) {
    if (!(yield* cursor.any())) throw refuseFile('truncated')
    const at = cursor.held.indexOf(0xff)
    cursor.pass(at === -1 ? cursor.held.length : at)
    if (at === -1) continue
    cursor.pass(1)
    let code = (yield* cursor.take(1))[0]!
    while (code === 0xff) code = (yield* cursor.take(1))[0]!
    if (code !== 0 && !(code >= 0xd0 && code <= 0xd7)) return code
  }
}

function* nextMarker(cursor: Cursor): Generator<'chunk', number, Buffer | null> {
  const [first, code] = yield* cursor.take(2)
  if (first !== 0xff) throw refuseFile('damaged')
  let marker = code!
  // Fill bytes may stand before a marker.
  while (marker === 0xff) marker = (yield* cursor.take(1))[0]!
  return marker
}

const checkFrame = (segment: Buffer): void => {
  if (segment.length < 6) throw refuseFile('damaged')
  const pixels = segment.readUInt16BE(1) * segment.readUInt16BE(3)
  if (pixels === 0 || pixels > mostPixels) throw refuseFile('dimensions')
}

/** From behind the start of an image to behind its end. */
function* image(cursor: Cursor): Generator<'chunk', void, Buffer | null> {
  let frames = 0
  let scans = 0
  let marker = yield* nextMarker(cursor)
  for (;;) {
    if (marker === 0xd9) break
    if (marker === 0xd8 || marker === 0x00) throw refuseFile('damaged')
    if (standsAlone(marker)) {
      marker = yield* nextMarker(cursor)
      continue
    }
    const length = (yield* cursor.take(2)).readUInt16BE()
    if (length < 2) throw refuseFile('damaged')
    const segment = yield* cursor.take(length - 2)
    if (isFrame(marker)) {
      checkFrame(segment)
      frames += 1
    }
    if (marker === 0xda) scans += 1
    marker = marker === 0xda ? yield* markerAfterScan(cursor) : yield* nextMarker(cursor)
  }
  if (frames === 0 || scans === 0) throw refuseFile('damaged')
}

/**
 * A JPEG from its first byte to its last. Behind the end only further whole images may follow, as cameras put them there; anything else
 * would be a second file in this one.
 * @see ITU-T T.81, annex B
 */
export function* jpeg(cursor: Cursor): Parser {
  let images = 0
  while (images === 0 || (yield* cursor.any())) {
    const start = yield* cursor.take(2)
    if (start[0] !== 0xff || start[1] !== 0xd8) throw refuseFile(images === 0 ? 'type' : 'trailing-data')
    yield* image(cursor)
    images += 1
  }
}
