import { refuseFile } from './parser.ts'

/** Decodes a stream that was written in letters; keeps what it cannot decode yet. */
export interface AsciiDecoder {
  decode(bytes: Buffer): Buffer
}

const isSpace = (byte: number): boolean => byte === 0x20 || (byte >= 0x09 && byte <= 0x0d) || byte === 0

const groupOf = (digits: readonly number[]): Buffer => {
  const padded = [...digits, 84, 84, 84, 84].slice(0, 5)
  const value = padded.reduce((sum, digit) => sum * 85 + digit, 0)
  if (value > 0xffffffff) throw refuseFile('damaged')
  const bytes = Buffer.alloc(4)
  bytes.writeUInt32BE(value)
  return bytes.subarray(0, digits.length - 1)
}

/** @see ISO 32000-1, 7.4.3 */
export const ascii85 = (): AsciiDecoder => {
  let digits: number[] = []
  let ended = false
  return {
    decode(bytes) {
      const out = Buffer.alloc(bytes.length * 4 + 4)
      let at = 0
      for (const byte of bytes) {
        if (ended || isSpace(byte)) continue
        if (byte === 0x7e) {
          ended = true
          if (digits.length > 1) at += groupOf(digits).copy(out, at)
        } else if (byte === 0x7a && digits.length === 0) {
          at = out.fill(0, at, at + 4) && at + 4
        } else if (byte < 0x21 || byte > 0x75) throw refuseFile('damaged')
        else if (digits.push(byte - 0x21) === 5) {
          at += groupOf(digits).copy(out, at)
          digits = []
        }
      }
      return out.subarray(0, at)
    },
  }
}

/** @see ISO 32000-1, 7.4.2 */
export const asciiHex = (): AsciiDecoder => {
  let text = ''
  let ended = false
  return {
    decode(bytes) {
      if (ended) return Buffer.alloc(0)
      text += bytes.toString('latin1').replace(/[\s\0]+/g, '')
      const end = text.indexOf('>')
      if (end !== -1) ended = true
      const whole = ended ? text.slice(0, end) + (end % 2 === 1 ? '0' : '') : text.slice(0, text.length - (text.length % 2))
      if (!/^[0-9A-Fa-f]*$/.test(whole)) throw refuseFile('damaged')
      text = ended ? '' : text.slice(whole.length)
      return Buffer.from(whole, 'hex')
    },
  }
}
