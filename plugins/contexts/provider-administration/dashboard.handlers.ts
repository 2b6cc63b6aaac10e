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
import { filtersOf } from './dashboard.filters.ts'
import { readOpening, readSearchOpening } from './dashboard.opening.ts'
import { type Found, fewRows, manyRows, type Page, type Paging } from './dashboard.pages.ts'
import { narrowLimit, searchOf, searchSource } from './dashboard.search.ts'
import { type Kit, viewerOf } from './kit.ts'

const rowOf = (found: Found): ProviderRow => ({
  ...found,
  currentRate: found.currentRate === null ? null : Number(found.currentRate),
  createdAt: new Date(found.createdAt),
})

type Find = (call: Call<typeof listProviders>, tx: Transaction) => Promise<Page & Paging>

const createFind =
  (kit: Kit, totals: BroadTotals): Find =>
  async (call, tx) => {
    const { agencyId, query } = call
    const filters = filtersOf(agencyId, query)
    const search = searchOf(query)
    const paged = ({ pageSize }: { readonly pageSize: number }): Paging => ({
      sort: query.sort ?? 'name',
      limit: pageSize,
      offset: ((query.page ?? 1) - 1) * pageSize,
    })
    if (search === null) {
      const opening = await readOpening(tx, call, filters)
      const paging = paged(opening)
      return { ...paging, ...(await manyRows(tx, filters, opening.total, paging)) }
    }
    const opening = await readSearchOpening(tx, call, search, kit)
    const paging = paged(opening)
    const narrow = opening.suffixes <= narrowLimit
    const source = searchSource(search, narrow, opening.exact, filters)
    const page = narrow
      ? await fewRows(tx, source, filters, paging)
      : await manyRows(tx, filters, await totals.of(tx, filters, opening.stamp), paging)
    return { ...paging, ...page }
  }

/** Most totals of broad searches that are remembered, each with some hundred ids. */
const rememberedTotals = 200

/** The dashboard. @see FR-015, Screen 1 */
export const listProvidersService = (kit: Kit): Service<typeof listProviders> => {
  const find = createFind(kit, createBroadTotals(rememberedTotals))
  return {
    transact: async (call, tx) => {
      const { rows, total, limit } = await find(call, tx)
      const viewer = viewerOf(call)
      const items = rows.map((found) => showListedProvider(rowOf(found), viewer))
      const body = { items, page: call.query.page ?? 1, pageSize: limit, total }
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
