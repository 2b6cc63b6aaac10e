/** What can be wrong with a string wherever it stands. */
export type TextRule = 'no-nul' | 'well-formed' | 'no-control' | 'no-bidi-override'

/** Strings of plain printable ASCII and newlines: by far the most, and nothing can be wrong with them. */
const plain = /^[\n\x20-\x7e]*$/
const nul = '\u0000'
const control = /[\p{Cc}--[\n\u007f-\u009f]]/v
/**
 * The two overrides alone. Marks, embeddings and isolates occur in ordinary Arabic and Hebrew text and in what phones paste;
 * an override is what makes a text read as something that it is not.
 */
const bidiOverride = /[\u202d\u202e]/
/** U+2800 is a printable character of its own that looks like a space. */
const visible = /[^\p{White_Space}\p{Default_Ignorable_Code_Point}\p{Cc}\u2800]/u

/** The first rule of the string conventions that `value` breaks, or null. Newline is the one control character allowed. */
export const textRule = (value: string): TextRule | null => {
  if (plain.test(value)) return null
  if (value.includes(nul)) return 'no-nul'
  if (!value.isWellFormed()) return 'well-formed'
  if (control.test(value)) return 'no-control'
  return bidiOverride.test(value) ? 'no-bidi-override' : null
}

/** The string as it is compared, counted and stored: Unicode normalization form C. */
export const normalise = (value: string): string => (plain.test(value) ? value : value.normalize('NFC'))

/** True where nothing of the string can be seen: white space, zero-width and other ignorable characters only, or nothing. */
export const isBlank = (value: string): boolean => !visible.test(value)

/** Length in Unicode code points: an emoji outside the basic plane is 1, not the 2 of `length`. */
export const codePoints = (value: string): number => {
  let count = value.length
  for (let index = 0; index < value.length - 1; index++) {
    if (isHigh(value.charCodeAt(index)) && isLow(value.charCodeAt(index + 1))) {
      count--
      index++
    }
  }
  return count
}

const isHigh = (unit: number): boolean => unit >= 0xd800 && unit <= 0xdbff
const isLow = (unit: number): boolean => unit >= 0xdc00 && unit <= 0xdfff
