import type { Profile } from './provider.ts'

/** A text as it is searched: any case, with or without accents, white space as one space. */
export const searchable = (text: string): string =>
  text.normalize('NFD').replaceAll(/\p{M}/gu, '').normalize('NFC').toLowerCase().replaceAll(/\s+/g, ' ').trim()

/** What `q` is looked for in: the name and the clinic, each on a line of its own. */
export const searchTextOf = ({ firstName, lastName, clinic }: Profile): string =>
  [searchable([firstName, lastName].filter((part) => part !== null).join(' ')), searchable(clinic.name ?? '')]
    .filter((line) => line !== '')
    .join('\n')

/** By what a list is sorted by name: as the name is shown. */
export const sortNameOf = ({ firstName, lastName }: Profile): string =>
  searchable([firstName, lastName].filter((part) => part !== null).join(' '))
