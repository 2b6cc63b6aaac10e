import { isUuid } from './ids.ts'

/** Where a list goes on: after the row of this time and id, in the list's own order. */
export interface Position {
  /** Milliseconds since the Unix epoch, 0 to the end of the year 9999. */
  readonly at: number
  readonly id: string
}

export const pageSize = { default: 50, max: 100 } as const

const lastMs = Date.UTC(10_000, 0, 1) - 1

/** Before every row of a list that runs from the newest to the oldest. */
export const newest: Position = Object.freeze({ at: lastMs, id: 'ffffffff-ffff-ffff-ffff-ffffffffffff' })

/** The longest cursor that `encodeCursor` can give is 70 characters. */
export const cursorPattern = '^[A-Za-z0-9_-]{1,80}$'
const cursorText = new RegExp(cursorPattern)

/** An opaque cursor. It holds a position and nothing else, so that it needs no key and gives away only what its reader has seen. */
export const encodeCursor = (position: Position): string => Buffer.from(`${position.at}.${position.id}`, 'latin1').toString('base64url')

/** Reads a cursor back; null where `encodeCursor` cannot have made it. Each position has exactly one spelling. */
export const decodeCursor = (cursor: string): Position | null => {
  if (!cursorText.test(cursor)) return null
  const [time = '', id = '', ...rest] = Buffer.from(cursor, 'base64url').toString('latin1').split('.')
  const position = { at: Number(time), id }
  const possible = rest.length === 0 && isUuid(id) && Number.isInteger(position.at) && position.at >= 0 && position.at <= lastMs
  return possible && encodeCursor(position) === cursor ? position : null
}

export interface Page<Item> {
  readonly items: Item[]
  readonly nextCursor: string | null
}

/**
 * One page out of up to `limit + 1` rows in list order: the extra row only tells that there is more, so that the last page
 * never points at an empty one.
 */
export const pageOf = <Row, Item>(
  rows: readonly Row[],
  limit: number,
  position: (row: Row) => Position,
  show: (row: Row) => Item,
): Page<Item> => {
  const shown = rows.slice(0, limit)
  const last = shown.at(-1)
  return { items: shown.map(show), nextCursor: rows.length > limit && last !== undefined ? encodeCursor(position(last)) : null }
}
