import { refuseFile } from './parser.ts'

/** What acts by itself, or carries another file along, has no place in a document that is read. @see ISO 32000-1, 12.6.4 and 7.11.4 */
const active = /\/(?:JavaScript|JS|Launch|EmbeddedFiles?|RichMedia|SubmitForm|ImportData|GoToE|Rendition|XFA)(?=[\s\0()<>[\]{}/%])/
/** The same where bytes are no text: two letters stand in a picture by chance, these do not. A script is none without the first of them. */
const activeInBytes = /\/(?:JavaScript|Launch|EmbeddedFiles?|RichMedia|SubmitForm|ImportData|Rendition)(?=[\s\0()<>[\]{}/%])/
const encrypted = /\/Encrypt(?=[\s\0()<>[\]{}/%])/
/** Longer than any of the names above, however it is spelled. */
const overlap = 64

/** A name may spell any letter as `#` and two digits. */
export const spelledOut = (text: string): string =>
  text.replace(/#([0-9A-Fa-f]{2})/g, (_, digits: string) => String.fromCharCode(Number.parseInt(digits, 16)))

/** Looks for forbidden names in text that arrives in pieces. */
export const createNameWatch = () => {
  let before = ''
  const look = (text: string): void => {
    const whole = spelledOut(before + text)
    if (active.test(whole)) throw refuseFile('active-content')
    if (encrypted.test(whole)) throw refuseFile('encrypted')
  }
  return {
    see(piece: Buffer): void {
      const text = piece.toString('latin1')
      look(text)
      before = (before + text).slice(-overlap)
    },
    end(): void {
      look(' ')
    },
  }
}

const slash = 0x2f
/** So many places of a piece are looked at one by one; of one that has more a text is made after all. */
const mostLooks = 256
/** What the forbidden names begin with, spelled out or not. */
const begins = new Set(Buffer.from('#JLERSI'))

/** The same in bytes that may be anything, and so many that they are not made a text of: only what stands behind a slash is. */
export const createByteWatch = () => {
  let before: Buffer = Buffer.alloc(0)
  const look = (bytes: Buffer): void => {
    if (activeInBytes.test(spelledOut(bytes.toString('latin1')))) throw refuseFile('active-content')
  }
  return {
    see(piece: Buffer): void {
      look(Buffer.concat([before, piece.subarray(0, overlap)]))
      let looks = 0
      for (let at = piece.indexOf(slash); at !== -1 && looks <= mostLooks; at = piece.indexOf(slash, at + 1))
        if (begins.has(piece[at + 1] ?? 0) && ++looks <= mostLooks) look(piece.subarray(at, at + overlap))
      if (looks > mostLooks) look(piece)
      before = Buffer.concat([before, piece.subarray(-overlap)]).subarray(-overlap)
    },
    end(): void {
      look(Buffer.concat([before, Buffer.from(' ')]))
    },
  }
}
