import { linkHash, type StoredEvent } from './canonical.ts'

export type BreakKind =
  | 'changed'
  | 'removed'
  | 'inserted'
  | 'reordered'
  | 'cut-tail'
  | 'rewritten'
  | 'head'
  | 'anchor'
  | 'checkpoint'
  | 'ai-action'

/** What a chain shows at its first row that does not fit. */
export interface Finding {
  readonly kind: BreakKind
  readonly seq: number
  /** The row that is named, where one is. */
  readonly id?: string
  readonly detail: string
}

/** The last row that was right. */
export interface ChainPosition {
  readonly seq: number
  readonly hash: Buffer
}

const fits = (before: Buffer, event: StoredEvent, seq = event.seq): boolean => linkHash(before, { ...event, seq }).equals(event.hash)

const inserted = (event: StoredEvent, detail: string): Finding => ({ kind: 'inserted', seq: event.seq, id: String(event.id), detail })

const nameTwin = (before: ChainPosition, twins: readonly StoredEvent[], next: StoredEvent | undefined): Finding => {
  const right = twins.filter((event) => fits(before.hash, event))
  const linked = right.find((event) => next && fits(event.hash, next)) ?? right[0]
  const wrong = twins.find((event) => event !== linked) ?? twins[0]!
  return inserted(wrong, `there are ${twins.length} rows of this number; this one is not of the chain`)
}

const nameGap = (before: ChainPosition, rows: readonly StoredEvent[]): Finding => {
  const expected = before.seq + 1
  const moved = rows.find((event) => fits(before.hash, event, expected))
  if (moved) return { kind: 'reordered', seq: moved.seq, id: String(moved.id), detail: `the row belongs at number ${expected}` }
  const next = rows[0]!
  const detail = next.seq - expected === 1 ? `row ${expected} is missing` : `rows ${expected} to ${next.seq - 1} are missing`
  return { kind: 'removed', seq: expected, detail }
}

const nameMisfit = (before: ChainPosition, [row, next, afterNext]: readonly StoredEvent[], others: readonly StoredEvent[]): Finding => {
  const misfit = row!
  const belongsHere = others.find((event) => fits(before.hash, event, misfit.seq))
  if (belongsHere) {
    const shifted = belongsHere === next && afterNext && fits(next.hash, afterNext, next.seq)
    if (shifted) return inserted(misfit, 'the rows behind it have been moved up to make room')
    return { kind: 'reordered', seq: belongsHere.seq, id: String(belongsHere.id), detail: `the row belongs at number ${misfit.seq}` }
  }
  if (next && fits(misfit.hash, next, next.seq + 1)) {
    return { kind: 'removed', seq: misfit.seq, detail: `the row before this one is missing, and those behind it have been moved down` }
  }
  const detail =
    next && !fits(misfit.hash, next)
      ? 'the row and its hash do not fit'
      : 'the row does not fit, or the one before it was changed together with its hash'
  return { kind: 'changed', seq: misfit.seq, id: String(misfit.id), detail }
}

/**
 * Names what happened behind the last row that fits.
 *
 * @param rows what stands behind it, by number: at least one row, and enough to see a neighbour that was moved
 */
export const diagnose = (before: ChainPosition, rows: readonly StoredEvent[]): Finding => {
  const expected = before.seq + 1
  const here = rows.filter(({ seq }) => seq === expected)
  const behind = rows.filter(({ seq }) => seq > expected)
  if (here.length === 0) return nameGap(before, rows)
  if (here.length > 1) return nameTwin(before, here, behind[0])
  return nameMisfit(before, rows, behind)
}
