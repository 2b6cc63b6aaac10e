import { Refusal } from '../shared/refusal.ts'

/** Reads a stream of bytes piece by piece and holds no more than a chunk or what is asked for. */
export interface ByteSource {
  /** Exactly so many bytes. @throws Refusal VALIDATION_FAILED (`media-type`) where there are fewer */
  take(length: number): Promise<Buffer>
  /** The same, as they come, for what may be long. */
  pass(length: number): AsyncGenerator<Buffer, void, undefined>
  /** What stands before the next byte of this value, as it comes; that byte is the next one then. */
  passUntil(value: number): AsyncGenerator<Buffer, void, undefined>
}

const truncated = (): Refusal => new Refusal('VALIDATION_FAILED', 'media-type')

export const byteSource = (content: AsyncIterable<Buffer>): ByteSource => {
  const chunks = content[Symbol.asyncIterator]()
  let rest: Buffer = Buffer.alloc(0)

  /** More bytes behind those at hand. */
  const more = async (): Promise<Buffer> => {
    for (;;) {
      const { value, done } = await chunks.next()
      if (done === true) throw truncated()
      if (value.length > 0) return value
    }
  }
  const cut = (length: number): Buffer => {
    const piece = rest.subarray(0, length)
    rest = rest.subarray(length)
    return piece
  }

  return {
    async take(length) {
      while (rest.length < length) rest = Buffer.concat([rest, await more()])
      return cut(length)
    },
    async *pass(length) {
      let left = length
      while (left > 0) {
        if (rest.length === 0) rest = await more()
        const piece = cut(Math.min(left, rest.length))
        left -= piece.length
        yield piece
      }
    },
    async *passUntil(value) {
      for (;;) {
        if (rest.length === 0) rest = await more()
        const at = rest.indexOf(value)
        const piece = cut(at === -1 ? rest.length : at)
        if (piece.length > 0) yield piece
        if (at !== -1) return
      }
    },
  }
}
