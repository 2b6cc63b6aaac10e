import { hash } from 'node:crypto'
import type { Transaction } from '../../host/define-context.ts'
import type { Filters } from './dashboard.filters.ts'
import { all, countSql } from './dashboard.pages.ts'
import { stampSql } from './dashboard.search.ts'

/** How many accounts a search finds that finds too many to be looked up. */
export interface BroadTotals {
  /** @param stamp of the agency, from a statement of this transaction */
  of(tx: Transaction, filters: Filters, stamp: string): Promise<number>
}

/** A total, and the lines of the tally that there were when it was right. */
interface Counted {
  readonly total: number
  readonly stamp: string
  readonly lines: readonly string[]
}

const linesSql = `coalesce((select array_agg(t.id::text) from provider_tally t where t.agency_id = $1), '{}') as lines`

/** Both from one statement: between two of them an account may change. */
const count = async (tx: Transaction, filters: Filters): Promise<Counted> => {
  const [counted] = await tx.sql<Counted>(`select ${countSql(filters)} as total, ${stampSql} as stamp, ${linesSql}`, filters.values)
  return counted!
}

/** What the lines since then say, where none of those from before has been folded and each has its name. */
const follow = async (tx: Transaction, filters: Filters, before: Counted): Promise<Counted | null> => {
  const known = `p.id = any($${filters.values.length + 1}::uuid[])`
  const [row] = await tx.sql<Counted & { readonly known: number; readonly change: number; readonly mute: boolean }>(
    `select count(*) filter (where ${known})::int as known, coalesce(bool_or(not ${known} and p.search_text is null), false) as mute,
       coalesce(sum(p.number) filter (where not ${known} and ${all(filters)}), 0)::int as change,
       ${stampSql} as stamp, coalesce(array_agg(p.id::text), '{}') as lines
     from provider_tally p where p.agency_id = $1`,
    [...filters.values, before.lines],
  )
  const { known: found, change, mute, stamp, lines } = row!
  return found > 0 && found === before.lines.length && !mute ? { total: before.total + change, stamp, lines } : null
}

/**
 * Such a search reads every name to count them, and is asked again for each page and by everybody who types the same common word: a total is
 * remembered, and what changed since is added from the lines of the tally, which say it of each account. It is counted anew where they were
 * folded, once in some dozens of changes. Of the searches only digests stay here.
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
      if (filters.untallied) return (await count(tx, filters)).total
      const key = hash('sha256', JSON.stringify([countSql(filters), filters.values]), 'base64')
      const known = remembered.get(key)
      if (known?.stamp === stamp) return keep(key, known)
      return keep(key, (known && (await follow(tx, filters, known))) ?? (await count(tx, filters)))
    },
  }
}
