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
import {
  breadthSql,
  exactSql,
  type Conditions,
  filtersOf,
  narrowLimit,
  orderOf,
  type Search,
  searchOf,
  searchSource,
  shortestPart,
} from './dashboard.query.ts'
import { instantOf } from './instant.ts'
import { type Kit, viewerOf } from './kit.ts'
import { readPageSize } from './settings.store.ts'

interface Found extends Omit<ProviderRow, 'currentRate' | 'createdAt'> {
  readonly currentRate: string | null
  readonly createdAt: string
  readonly total?: number
}

const rowOf = (found: Found): ProviderRow => ({
  ...found,
  currentRate: found.currentRate === null ? null : Number(found.currentRate),
  createdAt: new Date(found.createdAt),
})

const row = `p.id, p.status, p.featured, p.version, p.first_name as "firstName", p.last_name as "lastName", p.clinic_name as "clinicName",
  p.commission_type as "commissionType", p.current_rate as "currentRate", p.documents_status as "documentsStatus",
  p.documents_expire_on::text as "documentsExpireOn", ${instantOf('p.created_at')} as "createdAt"`

interface Paging {
  readonly order: string
  readonly limit: number
  readonly offset: number
}

const isNarrow = async (tx: Transaction, search: Search, agencyId: string): Promise<boolean> => {
  if (search.text.length < shortestPart) return false
  const { text, values } = breadthSql(search, agencyId)
  const [breadth] = await tx.sql<{ n: number }>(text, values)
  return breadth!.n <= narrowLimit
}

const exactOf = async (tx: Transaction, search: Search, agencyId: string, kit: Kit): Promise<string[]> => {
  const asked = exactSql(search, agencyId, kit)
  return asked === null ? [] : (await tx.sql<{ id: string }>(asked.text, asked.values)).map(({ id }) => id)
}

/** Few rows: counted as they are sorted. */
const fewRows = async (tx: Transaction, source: string, { where, values }: Conditions, { order, limit, offset }: Paging) => {
  const rows = await tx.sql<Found>(
    `with found as materialized (select ${row}, p.sort_name, p.created_at, p.current_rate from ${source} where ${where.join(' and ')})
     select *, (select count(*)::int from found) as total from found p ${order} limit ${limit} offset ${offset}`,
    values,
  )
  if (rows.length > 0 || offset === 0) return { rows, total: rows[0]?.total ?? 0 }
  const [counted] = await tx.sql<{ total: number }>(`select count(*)::int as total from ${source} where ${where.join(' and ')}`, values)
  return { rows, total: counted!.total }
}

/** Many rows: the page by its index, and a count beside it. */
const manyRows = async (tx: Transaction, source: string, { where, values }: Conditions, { order, limit, offset }: Paging) => {
  const [counted] = await tx.sql<{ total: number }>(`select count(*)::int as total from ${source} where ${where.join(' and ')}`, values)
  const total = counted!.total
  if (offset >= total) return { rows: [], total }
  const text = `select ${row} from ${source} where ${where.join(' and ')} ${order} limit ${limit} offset ${offset}`
  return { rows: await tx.sql<Found>(text, values), total }
}

const find = async (kit: Kit, call: Call<typeof listProviders>, tx: Transaction, paging: Paging) => {
  const { agencyId, query } = call
  const filters = filtersOf(agencyId, query)
  const search = searchOf(query)
  if (search === null) return manyRows(tx, 'provider_profile p', filters, paging)
  const narrow = await isNarrow(tx, search, agencyId)
  const source = searchSource(search, narrow, await exactOf(tx, search, agencyId, kit), filters)
  return narrow ? fewRows(tx, source, filters, paging) : manyRows(tx, source, filters, paging)
}

/** The dashboard. @see FR-015, Screen 1 */
export const listProvidersService = (kit: Kit): Service<typeof listProviders> => ({
  transact: async (call, tx) => {
    const { query, agencyId, principal } = call
    const page = query.page ?? 1
    const pageSize = query.pageSize ?? (await readPageSize(tx, agencyId, principal.userId))
    const paging = { order: orderOf(query.sort ?? 'name'), limit: pageSize, offset: (page - 1) * pageSize }
    const { rows, total } = await find(kit, call, tx, paging)
    const viewer = viewerOf(call)
    const items = rows.map((found) => showListedProvider(rowOf(found), viewer))
    const body = { items, page, pageSize, total }
    return { body, etag: `"${hash('sha256', JSON.stringify(body), 'hex').slice(0, 32)}"` }
  },
})

interface Counted {
  readonly status: ProviderStatus
  readonly documents: DocumentsStatus
  readonly n: number
  readonly featured: number
}

const statsSql = `
  select p.status, p.documents_status as documents, count(*)::int as n, count(*) filter (where p.featured)::int as featured
  from provider_profile p where p.agency_id = $1 group by 1, 2`

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
