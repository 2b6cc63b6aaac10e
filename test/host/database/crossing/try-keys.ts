import { allRoles } from '../../../../plugins/host/database/roles.ts'
import { defaultExpectation } from '../../../../plugins/host/database/isolation-expectation.ts'
import type { Attempt, Outcome } from './attempts.ts'
import { agencyOf, insertOf, textOf, type Owner } from './seed.ts'
import type { Stage } from './try-rows.ts'
import { isTable, type Table } from './tables.ts'

/**
 * The same statement twice: once with what another agency has, once with what nobody has. Told apart, it would say what others have.
 */
export interface Probe {
  readonly table: string
  readonly key: string
  readonly role: string
  readonly what: string
  readonly theirs: Attempt
  readonly nobodys: Attempt
}

interface Key {
  readonly name: string
  readonly columns: readonly string[]
  /** Of a foreign key; null of a unique index. */
  readonly parent: string | null
}

/** What points at, or must differ from, rows of tables that are somebody's. */
const keysOf = (table: Table, tables: readonly Table[]): Key[] => [
  ...table.foreignKeys.filter(({ parent }) => tables.some(({ name, agency }) => name === parent && agency !== null)),
  ...table.unique.filter(({ columns }) => columns.length > 0).map((index) => ({ ...index, parent: null })),
]

const pick = (row: Readonly<Record<string, unknown>>, columns: readonly string[]): Record<string, unknown> =>
  Object.fromEntries(columns.map((column) => [column, row[column]]))

/** An author writes in their own name: the key's, where it names one. */
const sessionOf = (table: Table, key: Key, base: Owner, keyed: Owner): Attempt['settings'] => {
  const texts = table.columns.filter(({ base: type }) => type === 'text').map(({ name }) => name)
  const actor = key.columns.some((column) => texts.includes(column)) ? keyed : base
  return { 'app.current_agency': agencyOf(1), 'app.current_patient': '', 'app.current_actor': textOf(actor) }
}

const probesOf = ({ rows, grants }: Stage, table: Table, key: Key, role: string): Probe[] => {
  const may = grants(table.name, role)
  const agency = table.agency!
  // A key of nothing but the agency is probed with the agency itself; any other in the agency of the session.
  const own = key.columns.filter((column) => column !== agency)
  const columns = own.length > 0 ? own : [agency]
  const row = rows[table.name]!
  const named = { table: table.name, key: key.name, role }
  const pair = (what: string, sqlOf: (owner: Owner) => string, base: Owner): Probe => {
    const attempt = (owner: Owner): Attempt => ({
      what,
      role,
      settings: sessionOf(table, key, base, owner),
      kind: 'write',
      sql: sqlOf(owner),
    })
    return { ...named, what, theirs: attempt(2), nobodys: attempt(9) }
  }
  const probes: Probe[] = []
  if (columns.every((column) => may.insert.includes(column))) {
    const fresh = { ...row[8], [agency]: agencyOf(1) }
    probes.push(pair('adds', (owner) => insertOf(table.name, { ...fresh, ...pick(row[owner], columns) }, may.insert), 8))
  }
  if (columns.every((column) => may.update.includes(column))) {
    const source = (owner: Owner): string =>
      `jsonb_populate_record(null::${table.name}, '${JSON.stringify(pick(row[owner], columns)).replaceAll("'", "''")}')`
    const set = columns.map((column) => `"${column}" = r."${column}"`).join()
    probes.push(
      pair('changes', (owner) => `update ${table.name} t set ${set} from ${source(owner)} r where t."${agency}" = '${agencyOf(1)}'`, 1),
    )
  }
  return probes
}

/** Keys that hold over all agencies, and why they may. */
const overAll: readonly string[] = [
  // One person is one provider of the platform. What is told of it is a conflict, and never whose. @see design, section 7
  'provider_profile_one_email',
  'provider_sign_in_address_one',
  // What is published is known to everybody.
  ...defaultExpectation.published.map((table) => `${table}_id`),
]

/** Every key that leads from, or holds over, rows of agencies, by every role that may write it. */
export const keyProbes = (stage: Stage): Probe[] =>
  stage.tables
    .filter((table) => isTable(table) && table.agency !== null)
    .flatMap((table) => keysOf(table, stage.tables).flatMap((key) => allRoles.flatMap((role) => probesOf(stage, table, key, role))))

/** The sentence of a probe that was told apart. */
export const tellsOf = ({ role, what, key, table }: Probe, theirs: Outcome, nobodys: Outcome): string[] => {
  if (theirs.constraint !== null && overAll.includes(theirs.constraint)) return []
  const same = theirs.code === nobodys.code && theirs.constraint === nobodys.constraint && theirs.rows === nobodys.rows
  const said = ({ code, constraint, rows }: Outcome): string => (code === null ? `${rows} rows` : `${code} ${constraint ?? ''}`.trim())
  return same ? [] : [`${role} ${what} by ${key} (${table}): ${said(theirs)} for another agency's, ${said(nobodys)} for nobody's`]
}
