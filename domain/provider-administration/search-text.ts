import type { Profile } from './provider.ts'

/** Letters that are one with their mark, so that no normal form parts them, and those that have several small ones: as others type them. */
const plainLetters: Readonly<Record<string, string>> = {
  ß: 'ss', æ: 'ae', œ: 'oe', ø: 'o', đ: 'd', ð: 'd', ħ: 'h', ı: 'i', ł: 'l', ŧ: 't', þ: 'th', ς: 'σ',
} // prettier-ignore
const marked = new RegExp(`[${Object.keys(plainLetters).join('')}]`, 'g')

/** A text as it is searched: any case, with or without accents, white space as one space. */
export const searchable = (text: string): string =>
  text
    .normalize('NFD')
    .replaceAll(/\p{M}/gu, '')
    .normalize('NFC')
    .toLowerCase()
    .replaceAll(marked, (letter) => plainLetters[letter]!)
    .replaceAll(/\s+/g, ' ')
    .trim()

/** What `q` looks for: names are shown with a title that they are not kept with. */
export const sought = (q: string): string => searchable(q).replace(/^dr\.? (?=.)/, '')

/** What `q` is looked for in: the name and the clinic, each on a line of its own. */
export const searchTextOf = ({ firstName, lastName, clinic }: Profile): string =>
  [searchable([firstName, lastName].filter((part) => part !== null).join(' ')), searchable(clinic.name ?? '')]
    .filter((line) => line !== '')
    .join('\n')

/** By what a list is sorted by name: as the name is shown. */
export const sortNameOf = ({ firstName, lastName }: Profile): string =>
  searchable([firstName, lastName].filter((part) => part !== null).join(' '))
