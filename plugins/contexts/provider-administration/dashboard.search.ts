import { sought } from '../../../domain/provider-administration/index.ts'
import type { ListProvidersQuery } from '../../../routes/provider-administration/index.ts'
import type { Conditions, Filters } from './dashboard.filters.ts'
import { findBy, type Sealing } from './provider.rows.ts'
import { suffixLength } from './tables/search.ts'

/** What is looked for: a part of name or clinic, or a whole address or licence number. */
export interface Search {
  /** As names and clinics are kept for it; empty where nothing can be seen of `q`. */
  readonly text: string
  readonly q: string
}

export const searchOf = ({ q }: ListProvidersQuery): Search | null => {
  const text = q === undefined ? '' : sought(q)
  return text === '' ? null : { text, q: q!.trim() }
}

/** More rows than this are found quicker by reading through the list than by looking each up. */
export const narrowLimit = 2_000

const last = '\u{10ffff}'

/** The suffixes that begin with the part. */
const suffixRange = ({ text }: Search, into: Conditions): string => {
  const prefix = [...text].slice(0, suffixLength).join('')
  return `s.agency_id = $1 and s.suffix >= ${into.add(prefix)} and s.suffix < ${into.add(prefix + last)}`
}

/**
 * What an agency's accounts are at, as one statement sees them: equal stamps mean the same accounts, of the same kinds, under the same names.
 * Whoever changes one of these adds lines to the tally in the same transaction, and no line's id comes twice.
 */
export const stampSql = `(select count(*) || '.' || coalesce(bit_xor(uuid_hash_extended(t.id, 0)), 0) from provider_tally t where t.agency_id = $1)`

/** How many suffixes there are, as a value of a statement; counted no further than needed. */
export const suffixesSql = (search: Search, into: Conditions): string =>
  `(select count(*)::int from (select from provider_search_suffix s where ${suffixRange(search, into)} limit ${narrowLimit + 1}) s)`

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

/** Whose address or number is looked for, each by its index, as a value of a statement; nobody's where `q` can be neither. */
export const exactSql = (search: Search, agencyId: string, sealing: Sealing, into: Conditions): string => {
  const each = exactly(search, agencyId, sealing, into).map(
    (condition) => `select p.id::text from provider_profile p where p.agency_id = $1 and ${condition}`,
  )
  return each.length === 0 ? 'array[]::text[]' : `array(${each.join(' union ')} limit ${narrowLimit})`
}

/**
 * The rows that a search looks among. A part that is found in few names is looked up by its suffixes; one that is found everywhere is compared
 * name by name, in an index that has the names. `exact` are those whose address or number it is besides.
 */
export const searchSource = (search: Search, narrow: boolean, exact: readonly string[], into: Filters): string => {
  const named = `p.search_text like ${into.add(pattern(search.text))}`
  const ids = exact.length === 0 ? null : into.add([...exact])
  into.untallied ||= ids !== null
  into.where.push(ids === null ? named : `(${named} or p.id = any (${ids}::uuid[]))`)
  if (!narrow) return 'provider_profile p'
  const byNumber = ids === null ? '' : ` union select unnest(${ids}::uuid[])`
  const found = `select s.provider_id as id from provider_search_suffix s where ${suffixRange(search, into)}${byNumber}`
  // Each account is looked up: of a range that it does not know the planner would read them all.
  const each = 'cross join lateral (select * from provider_profile a where a.agency_id = $1 and a.id = m.id offset 0) p'
  return `(${ids === null ? found.replace('select', 'select distinct') : found}) m ${each}`
}
