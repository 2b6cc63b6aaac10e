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

/** Looks for forbidden names in what arrives in pieces: in text, or in bytes that may be anything. */
export const createNameWatch = (content: 'text' | 'bytes' = 'text') => {
  let before = ''
  const look = (text: string): void => {
    const whole = spelledOut(before + text)
    if ((content === 'text' ? active : activeInBytes).test(whole)) throw refuseFile('active-content')
    if (content === 'text' && encrypted.test(whole)) throw refuseFile('encrypted')
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
