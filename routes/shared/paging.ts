import { type TSchema, Type } from '@sinclair/typebox'
import { type Position, cursorPattern, decodeCursor, newest, pageSize } from '../../domain/shared/page.ts'
import { invalid } from '../../domain/shared/refusal.ts'
import { strict } from './schemas.ts'

/** What every cursor list takes. */
export const cursorQuery = {
  cursor: Type.Optional(Type.String({ pattern: cursorPattern, description: 'nextCursor of the page before; none: the first page' })),
  limit: Type.Optional(
    Type.Integer({ minimum: 1, maximum: pageSize.max, default: pageSize.default, description: 'Most items of one page' }),
  ),
} as const

/** How many items a request asks for. */
export const limitOf = (query: { readonly limit?: number }): number => query.limit ?? pageSize.default

/**
 * Where a newest-first list goes on for a request.
 * @throws Refusal VALIDATION_FAILED where the cursor is none of ours
 */
export const positionOf = (query: { readonly cursor?: string }): Position => {
  if (query.cursor === undefined) return newest
  const position = decodeCursor(query.cursor)
  if (position === null) throw invalid('/query/cursor', 'cursor')
  return position
}

/** `{ items, nextCursor }`, newest first; `nextCursor` is null on the last page. */
export const cursorList = <Item extends TSchema>(item: Item) =>
  strict({
    items: Type.Array(item, { maxItems: pageSize.max, description: 'From the newest to the oldest' }),
    nextCursor: Type.Unsafe<string | null>({ type: ['string', 'null'], description: 'Ask with it for the next page; null on the last' }),
  })
