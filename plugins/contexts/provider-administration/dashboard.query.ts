import { type ProviderStatus, providerStatuses, searchable } from '../../../domain/provider-administration/index.ts'
import { parseInstant } from '../../../domain/shared/instant.ts'
import { invalid } from '../../../domain/shared/refusal.ts'
import type { ListProvidersQuery } from '../../../routes/provider-administration/index.ts'
import { findBy, type Sealing } from './provider.rows.ts'
import { suffixLength } from './tables/search.ts'

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
  /** Whether accounts are told apart by more than what they are counted by. */
  dated: boolean
}

const conditions = (agencyId: string): Conditions => {
  const values: unknown[] = [agencyId]
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
  const into: Filters = { ...conditions(agencyId), where: ['p.agency_id = $1'], statuses: statusesOf(query), dated: false }
  checkRange(query, 'createdFrom', 'createdTo')
  checkRange(query, 'activeFrom', 'activeTo')
  if (query.featured !== undefined) into.where.push(query.featured ? 'p.featured' : 'not p.featured')
  if (query.commissionType && query.commissionType !== 'all') into.where.push(`p.commission_type = ${into.add(query.commissionType)}`)
  for (const [name, column] of Object.entries(ranges)) {
    const text = query[name as keyof typeof ranges]
    if (text === undefined) continue
    into.where.push(`${column} ${into.add(instant(text, name))}`)
    into.dated = true
  }
  return into
}

/** What is looked for: a part of name or clinic, or a whole address or licence number. */
export interface Search {
  /** As names and clinics are kept for it; empty where nothing can be seen of `q`. */
  readonly text: string
  readonly q: string
}

export const searchOf = ({ q }: ListProvidersQuery): Search | null => {
  const text = q === undefined ? '' : searchable(q)
  return text === '' ? null : { text, q: q!.trim() }
}

/** More rows than this are found quicker by reading through the list than by looking each up. */
export const narrowLimit = 2_000

const last = '\u{10ffff}'

/** The suffixes that begin with the part. */
const suffixRange = ({ text }: Search, into: Conditions): string => {
  const prefix = text.slice(0, suffixLength)
  return `s.agency_id = $1 and s.suffix >= ${into.add(prefix)} and s.suffix < ${into.add(prefix + last)}`
}

/**
 * What an agency's accounts are at, as one statement sees them: equal stamps mean the same accounts, of the same kinds, under the same names.
 * Whoever changes one of these adds lines to the tally in the same transaction, and no line's id comes twice.
 */
export const stampSql = `(select count(*) || '.' || coalesce(bit_xor(uuid_hash_extended(t.id, 0)), 0) from provider_tally t where t.agency_id = $1)`

/** How many suffixes there are, counted no further than needed, and the agency's stamp. */
export const breadthSql = (search: Search, agencyId: string): { readonly text: string; readonly values: unknown[] } => {
  const into = conditions(agencyId)
  const range = suffixRange(search, into)
  const counted = `(select count(*)::int from (select from provider_search_suffix s where ${range} limit ${narrowLimit + 1}) s)`
  return { text: `select ${counted} as suffixes, ${stampSql} as stamp`, values: into.values }
}

const pattern = (text: string): string => `%${text.replaceAll(/[\\%_]/g, String.raw`\$&`)}%`

/** Conditions under which a whole address or number is an account's; none where `q` can be neither. */
const exactly = ({ q }: Search, agencyId: string, sealing: Sealing, into: Conditions): string[] => {
  const found = findBy(sealing, agencyId)
  const any = (column: string, fingerprints: readonly Buffer[]): string[] => fingerprints.map((one) => `p.${column} = ${into.add(one)}`)
  if (q.includes('@')) return any('email_index', found.email.all(q))
  if (!/^[A-Za-z0-9 -]{1,60}$/.test(q)) return []
  const whole = any('license_index', found.license.all(q))
  return /^[A-Za-z0-9]{4}$/.test(q) ? [...whole, ...any('license_last_four_index', found.licenseLastFour.all(q))] : whole
}

/** Whose address or number is looked for, each by its index; null where `q` can be neither. */
export const exactSql = (
  search: Search,
  agencyId: string,
  sealing: Sealing,
): { readonly text: string; readonly values: unknown[] } | null => {
  const into = conditions(agencyId)
  const each = exactly(search, agencyId, sealing, into).map(
    (condition) => `select p.id from provider_profile p where p.agency_id = $1 and ${condition}`,
  )
  return each.length === 0 ? null : { text: `${each.join(' union ')} limit ${narrowLimit}`, values: into.values }
}

/**
 * The rows that a search looks among. A part that is found in few names is looked up by its suffixes; one that is found everywhere is compared
 * name by name, in an index that has the names. `exact` are those whose address or number it is besides.
 */
export const searchSource = (search: Search, narrow: boolean, exact: readonly string[], into: Conditions): string => {
  const named = `p.search_text like ${into.add(pattern(search.text))}`
  const ids = exact.length === 0 ? null : into.add([...exact])
  into.where.push(ids === null ? named : `(${named} or p.id = any (${ids}::uuid[]))`)
  if (!narrow) return 'provider_profile p'
  const byNumber = ids === null ? '' : ` union select unnest(${ids}::uuid[])`
  const found = `select s.provider_id as id from provider_search_suffix s where ${suffixRange(search, into)}${byNumber}`
  // Each account is looked up: of a range that it does not know the planner would read them all.
  const each = 'cross join lateral (select * from provider_profile a where a.agency_id = $1 and a.id = m.id offset 0) p'
  return `(${ids === null ? found.replace('select', 'select distinct') : found}) m ${each}`
}
