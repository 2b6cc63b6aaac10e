import { codes } from '../shared/codes.ts'
import { invalid } from '../shared/refusal.ts'

/** How an audited attempt ended: `replayed` gave the stored answer of the first time, a code refused it. */
export const outcomes = ['success', 'replayed', ...codes] as const
export type AuditOutcome = (typeof outcomes)[number]

/** What can be found wrong with the chain: of a row, of its end, of the head, of what was signed, of the log beside it. */
export const breakKinds = [
  'changed',
  'removed',
  'inserted',
  'reordered',
  'cut-tail',
  'rewritten',
  'head',
  'anchor',
  'checkpoint',
  'ai-action',
] as const

/** The time that an auditor asks about: from `from` on, before `to`. */
export interface Period {
  readonly from?: Date
  readonly to?: Date
}

/**
 * A period that can hold something.
 * @throws Refusal VALIDATION_FAILED where it ends before it begins
 */
export const periodOf = (from: Date | undefined, to: Date | undefined): Period => {
  if (from && to && to.getTime() <= from.getTime()) throw invalid('/query/to', 'after-from')
  return { from, to }
}

/** The name under which an export is saved: agency and period, nothing of its content. */
export const exportName = (agencyId: string, { from, to }: Period, now: Date): string => {
  const day = (date: Date): string => date.toISOString().slice(0, 10)
  return `audit-${agencyId}-${from ? day(from) : 'beginning'}-${day(to ?? now)}.ndjson`
}
