import type { TSchema } from '@sinclair/typebox'

/** Where a schema says that the audit shows the last four characters of a value and no more. */
export const maskKeyword = 'x-masked'

/** `last-four`: always. `numbers`: where the value has a digit and is no address, as what is looked for may be such a number. */
export type Mask = 'last-four' | 'numbers'

/** Marks a number that is shown as `****1234` in the audit and wherever it is read from there. @see FR-015 FR-012, Privacy Rule 3 */
export const maskedNumber = <S extends TSchema>(schema: S, mask: Mask = 'last-four'): S => ({ ...schema, [maskKeyword]: mask })
