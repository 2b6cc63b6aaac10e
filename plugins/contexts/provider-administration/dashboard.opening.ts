import type { listProviders } from '../../../routes/provider-administration/index.ts'
import type { Call, Transaction } from '../../host/define-context.ts'
import { type Conditions, conditions, type Filters } from './dashboard.filters.ts'
import { totalSql } from './dashboard.pages.ts'
import { exactSql, type Search, stampSql, suffixesSql } from './dashboard.search.ts'
import type { Sealing } from './provider.rows.ts'
import { pageSizeSql } from './settings.store.ts'

/** Of a page that looks for nothing. */
export interface Opening {
  readonly pageSize: number
  readonly total: number
}

/** Of a search: how many suffixes begin with it, what the agency's accounts are at, and whose address or number it is. */
export interface SearchOpening {
  readonly pageSize: number
  readonly suffixes: number
  readonly stamp: string
  readonly exact: readonly string[]
}

type Asked = Call<typeof listProviders>

const pageSizeOf = ({ query, principal }: Asked, into: Conditions): string =>
  query.pageSize === undefined ? pageSizeSql(into.add(principal.userId)) : String(query.pageSize)

const readOne = async <R extends object>(tx: Transaction, { values }: Conditions, row: Record<keyof R, string>): Promise<R> => {
  const named = Object.entries<string>(row).map(([name, value]) => `${value} as "${name}"`)
  const [read] = await tx.sql<R>(`select ${named.join(', ')}`, values)
  return read!
}

/** Everything that decides how a page is read, in one statement. */
export const readOpening = (tx: Transaction, call: Asked, filters: Filters): Promise<Opening> => {
  const into = conditions(filters.values)
  return readOne<Opening>(tx, into, { pageSize: pageSizeOf(call, into), total: totalSql(filters) })
}

/** The same of a search. */
export const readSearchOpening = (tx: Transaction, call: Asked, search: Search, sealing: Sealing): Promise<SearchOpening> => {
  const into = conditions([call.agencyId])
  return readOne<SearchOpening>(tx, into, {
    pageSize: pageSizeOf(call, into),
    suffixes: suffixesSql(search, into),
    stamp: stampSql,
    exact: exactSql(search, call.agencyId, sealing, into),
  })
}
