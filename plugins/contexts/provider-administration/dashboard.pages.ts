import type { ProviderRow } from '../../../domain/provider-administration/index.ts'
import type { ListProvidersQuery } from '../../../routes/provider-administration/index.ts'
import type { Transaction } from '../../host/define-context.ts'
import { type Filters, ofStatus } from './dashboard.filters.ts'
import { instantOf } from './instant.ts'

export interface Found extends Omit<ProviderRow, 'currentRate' | 'createdAt'> {
  readonly currentRate: string | null
  readonly createdAt: string
  readonly total?: number
}

/** The rows of one page, and how many there are of all pages. */
export interface Page {
  readonly rows: Found[]
  readonly total: number
}

export interface Paging {
  readonly sort: NonNullable<ListProvidersQuery['sort']>
  readonly limit: number
  readonly offset: number
}

const row = `p.id, p.status, p.featured, p.version, p.first_name as "firstName", p.last_name as "lastName", p.clinic_name as "clinicName",
  p.commission_type as "commissionType", p.current_rate as "currentRate", p.documents_status as "documentsStatus",
  p.documents_expire_on::text as "documentsExpireOn", ${instantOf('p.created_at')} as "createdAt"`

const columns = { name: 'sort_name', createdAt: 'created_at', commissionRate: 'current_rate' } as const

interface Order {
  readonly column: string
  /** Of the column and of the ids of equals. */
  readonly forwards: readonly [string, string]
  readonly backwards: readonly [string, string]
}

/** Ids make the order of equals, in the direction of the rest. Only a rate may be missing; those without one come last either way. */
const orderOf = (sort: Paging['sort']): Order => {
  const down = sort.startsWith('-')
  const column = columns[(down ? sort.slice(1) : sort) as keyof typeof columns]
  if (!down) return { column, forwards: ['asc', 'asc'], backwards: ['desc', 'desc'] }
  const nullable = column === columns.commissionRate
  return { column, forwards: [nullable ? 'desc nulls last' : 'desc', 'desc'], backwards: [nullable ? 'asc nulls first' : 'asc', 'asc'] }
}

const by = (column: string, id: string, [direction, ofEquals]: readonly [string, string]): string =>
  `order by ${column} ${direction}, ${id} ${ofEquals}`

export const all = ({ where, statuses }: Filters): string => [ofStatus(statuses), ...where].join(' and ')

/** Few rows: counted as they are sorted. */
export const fewRows = async (tx: Transaction, source: string, filters: Filters, { sort, limit, offset }: Paging): Promise<Page> => {
  const { column, forwards } = orderOf(sort)
  const { values } = filters
  const rows = await tx.sql<Found>(
    `with found as materialized (select ${row}, p.sort_name, p.created_at, p.current_rate from ${source} where ${all(filters)})
     select *, (select count(*)::int from found) as total from found p ${by(`p.${column}`, 'p.id', forwards)} limit ${limit} offset ${offset}`,
    values,
  )
  if (rows.length > 0 || offset === 0) return { rows, total: rows[0]?.total ?? 0 }
  const [counted] = await tx.sql<{ total: number }>(`select count(*)::int as total from ${source} where ${all(filters)}`, values)
  return { rows, total: counted!.total }
}

/** How many accounts there are, as a value of a statement that has the filters' values: by the accounts themselves. */
export const countSql = (filters: Filters): string => `(select count(*)::int from provider_profile p where ${all(filters)})`

/** How many there are of those that nothing but their kind tells apart, as such a value: by the lines of the tally; more needs the accounts. */
export const totalSql = (filters: Filters): string =>
  filters.untallied ? countSql(filters) : `(select coalesce(sum(p.number), 0)::int from provider_tally p where ${all(filters)})`

/**
 * Many rows, `total` of all pages: which they are is read from an index, for each status from its own, from whichever end is nearer; only those of the page are
 * looked at.
 */
export const manyRows = async (tx: Transaction, filters: Filters, total: number, { sort, limit, offset }: Paging): Promise<Page> => {
  const length = Math.min(limit, total - offset)
  if (length <= 0) return { rows: [], total }
  const { column, forwards, backwards } = orderOf(sort)
  const after = total - offset - length
  const [direction, skipped] = after < offset ? [backwards, after] : [forwards, offset]
  const place = `p.${column}`
  const skim = `${by(place, 'p.id', direction)} limit ${skipped + length}`
  const places = filters.statuses.map(
    (status) =>
      `(select p.id, ${place} as place from provider_profile p where ${ofStatus([status])} and ${filters.where.join(' and ')} ${skim})`,
  )
  const page = `select k.id, k.place from (${places.join(' union all ')}) k ${by('k.place', 'k.id', direction)} limit ${length} offset ${skipped}`
  const each = 'cross join lateral (select * from provider_profile a where a.agency_id = $1 and a.id = k.id offset 0) p'
  const rows = await tx.sql<Found>(`select ${row} from (${page}) k ${each} ${by('k.place', 'k.id', forwards)}`, filters.values)
  return { rows, total }
}
