import { type ProviderStatus, providerStatuses } from '../../../domain/provider-administration/index.ts'
import { parseInstant } from '../../../domain/shared/instant.ts'
import { invalid } from '../../../domain/shared/refusal.ts'
import type { ListProvidersQuery } from '../../../routes/provider-administration/index.ts'

/** Conditions of one statement and their values; every value is a parameter. */
export interface Conditions {
  readonly where: string[]
  readonly values: unknown[]
  /** The place of a further value. */
  add(value: unknown): string
}

/** What a request filters by, its search aside. */
export interface Filters extends Conditions {
  /** Which it asks for; `where` says nothing of them. */
  readonly statuses: readonly ProviderStatus[]
  /** Whether accounts are told apart by more than the lines of the tally say of them. */
  untallied: boolean
}

/** Conditions of a statement that has these values already. */
export const conditions = (first: readonly unknown[]): Conditions => {
  const values = [...first]
  return { where: [], values, add: (value) => `$${values.push(value)}` }
}

const instant = (text: string, name: string): Date => {
  const at = parseInstant(text)
  if (at === null) throw invalid(`/query/${name}`, 'date-time')
  return at
}

const ranges = {
  createdFrom: 'p.created_at >=',
  createdTo: 'p.created_at <',
  activeFrom: 'p.activity_at >=',
  activeTo: 'p.activity_at <',
} as const

/** @throws Refusal VALIDATION_FAILED: a range ends where it begins or later. @see FR-015, Screen 1, Date Range Filter */
const checkRange = (query: ListProvidersQuery, from: 'createdFrom' | 'activeFrom', to: 'createdTo' | 'activeTo'): void => {
  const [begins, ends] = [query[from], query[to]]
  if (begins !== undefined && ends !== undefined && instant(begins, from) > instant(ends, to)) throw invalid(`/query/${to}`, 'range')
}

const statusesOf = ({ status }: ListProvidersQuery): ProviderStatus[] => {
  const asked: readonly string[] = status === undefined || status.length === 0 ? ['active'] : status
  return providerStatuses.filter((one) => asked.includes(one) || asked.includes('all'))
}

/** A closed vocabulary: in the text, where the planner sees them. */
export const ofStatus = (statuses: readonly ProviderStatus[]): string => `p.status in (${statuses.map((one) => `'${one}'`).join(', ')})`

/** Everything that a request filters by, its search aside. @throws Refusal VALIDATION_FAILED */
export const filtersOf = (agencyId: string, query: ListProvidersQuery): Filters => {
  const into: Filters = { ...conditions([agencyId]), where: ['p.agency_id = $1'], statuses: statusesOf(query), untallied: false }
  checkRange(query, 'createdFrom', 'createdTo')
  checkRange(query, 'activeFrom', 'activeTo')
  if (query.featured !== undefined) into.where.push(query.featured ? 'p.featured' : 'not p.featured')
  if (query.commissionType && query.commissionType !== 'all') into.where.push(`p.commission_type = ${into.add(query.commissionType)}`)
  for (const [name, column] of Object.entries(ranges)) {
    const text = query[name as keyof typeof ranges]
    if (text === undefined) continue
    into.where.push(`${column} ${into.add(instant(text, name))}`)
    into.untallied = true
  }
  return into
}
