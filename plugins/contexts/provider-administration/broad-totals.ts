import { hash } from 'node:crypto'
import type { Transaction } from '../../host/define-context.ts'
import { countSql } from './dashboard.pages.ts'
import type { Filters } from './dashboard.filters.ts'
import { stampSql } from './dashboard.search.ts'

/** How many accounts a search finds that finds too many to be looked up. */
export interface BroadTotals {
  /** @param stamp of the agency, from a statement of this transaction */
  of(tx: Transaction, filters: Filters, stamp: string): Promise<number>
}

interface Counted {
  readonly total: number
  readonly stamp: string
}

/**
 * Such a search reads every name to count them, and is asked again for each page and by everybody who types the same common word: a total is
 * remembered for as long as the agency's stamp is what it was when it was counted. Of the searches only digests stay here.
 *
 * @param limit most totals; beyond it the one that was longest not asked for is forgotten
 */
export const createBroadTotals = (limit: number): BroadTotals => {
  const remembered = new Map<string, Counted>()
  const keep = (key: string, counted: Counted): number => {
    remembered.delete(key)
    remembered.set(key, counted)
    if (remembered.size > limit) remembered.delete(remembered.keys().next().value!)
    return counted.total
  }
  return {
    async of(tx, filters, stamp) {
      const total = countSql(filters)
      // What a day tells apart changes without a line in the tally.
      if (filters.dated) return (await tx.sql<Counted>(`select ${total} as total`, filters.values))[0]!.total
      const key = hash('sha256', JSON.stringify([total, filters.values]), 'base64')
      const known = remembered.get(key)
      if (known?.stamp === stamp) return keep(key, known)
      // Both from one statement: between two of them an account may change.
      const [counted] = await tx.sql<Counted>(`select ${total} as total, ${stampSql} as stamp`, filters.values)
      return keep(key, counted!)
    },
  }
}
