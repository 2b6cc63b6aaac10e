import { hash } from 'node:crypto'
import {
  type DocumentsStatus,
  documentsStatuses,
  type ProviderRow,
  type ProviderStatus,
  providerStatuses,
} from '../../../domain/provider-administration/index.ts'
import { type getProviderStats, type listProviders, showListedProvider } from '../../../routes/provider-administration/index.ts'
import type { Call, Service, Transaction } from '../../host/define-context.ts'
import { type BroadTotals, createBroadTotals } from './broad-totals.ts'
import { type Found, fewRows, manyRows, type Page, type Paging, totalOf } from './dashboard.pages.ts'
import { breadthSql, exactSql, filtersOf, narrowLimit, type Search, searchOf, searchSource } from './dashboard.query.ts'
import { type Kit, viewerOf } from './kit.ts'
import { readPageSize } from './settings.store.ts'

const rowOf = (found: Found): ProviderRow => ({
  ...found,
  currentRate: found.currentRate === null ? null : Number(found.currentRate),
  createdAt: new Date(found.createdAt),
})

interface Breadth {
  readonly suffixes: number
  readonly stamp: string
}

const breadthOf = async (tx: Transaction, search: Search, agencyId: string): Promise<Breadth> => {
  const { text, values } = breadthSql(search, agencyId)
  const [breadth] = await tx.sql<Breadth>(text, values)
  return breadth!
}

const exactOf = async (tx: Transaction, search: Search, agencyId: string, kit: Kit): Promise<string[]> => {
  const asked = exactSql(search, agencyId, kit)
  return asked === null ? [] : (await tx.sql<{ id: string }>(asked.text, asked.values)).map(({ id }) => id)
}

type Find = (call: Call<typeof listProviders>, tx: Transaction, paging: Paging) => Promise<Page>

const createFind =
  (kit: Kit, totals: BroadTotals): Find =>
  async (call, tx, paging) => {
    const { agencyId, query } = call
    const filters = filtersOf(agencyId, query)
    const search = searchOf(query)
    if (search === null) return manyRows(tx, filters, await totalOf(tx, filters), paging)
    const { suffixes, stamp } = await breadthOf(tx, search, agencyId)
    const narrow = suffixes <= narrowLimit
    const source = searchSource(search, narrow, await exactOf(tx, search, agencyId, kit), filters)
    return narrow ? fewRows(tx, source, filters, paging) : manyRows(tx, filters, await totals.of(tx, filters, stamp), paging)
  }

/** Most totals of broad searches that are remembered. */
const rememberedTotals = 1_000

/** The dashboard. @see FR-015, Screen 1 */
export const listProvidersService = (kit: Kit): Service<typeof listProviders> => {
  const find = createFind(kit, createBroadTotals(rememberedTotals))
  return {
    transact: async (call, tx) => {
      const { query, agencyId, principal } = call
      const page = query.page ?? 1
      const pageSize = query.pageSize ?? (await readPageSize(tx, agencyId, principal.userId))
      const paging = { sort: query.sort ?? 'name', limit: pageSize, offset: (page - 1) * pageSize }
      const { rows, total } = await find(call, tx, paging)
      const viewer = viewerOf(call)
      const items = rows.map((found) => showListedProvider(rowOf(found), viewer))
      const body = { items, page, pageSize, total }
      return { body, etag: `"${hash('sha256', JSON.stringify(body), 'hex').slice(0, 32)}"` }
    },
  }
}

interface Counted {
  readonly status: ProviderStatus
  readonly documents: DocumentsStatus
  readonly n: number
  readonly featured: number
}

const statsSql = `
  select t.status, t.documents_status as documents, sum(t.number)::int as n, coalesce(sum(t.number) filter (where t.featured), 0)::int as featured
  from provider_tally t where t.agency_id = $1 group by 1, 2`

const sumBy = <Name extends string>(
  names: readonly Name[],
  rows: readonly Counted[],
  nameOf: (one: Counted) => Name,
): Record<Name, number> =>
  Object.fromEntries(names.map((name) => [name, rows.filter((one) => nameOf(one) === name).reduce((sum, { n }) => sum + n, 0)])) as Record<
    Name,
    number
  >

export const statsService = (): Service<typeof getProviderStats> => ({
  transact: async ({ agencyId }, tx) => {
    const rows = await tx.sql<Counted>(statsSql, [agencyId])
    const current = rows.filter(({ status }) => status !== 'deactivated')
    return {
      body: {
        total: rows.reduce((sum, { n }) => sum + n, 0),
        featured: rows.reduce((sum, { featured }) => sum + featured, 0),
        byStatus: sumBy(providerStatuses, rows, ({ status }) => status),
        byDocumentsStatus: sumBy(documentsStatuses, current, ({ documents }) => documents),
      },
    }
  },
})
