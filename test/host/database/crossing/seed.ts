import pg from 'pg'
import { isTable, type Column, type Table } from './tables.ts'

/**
 * Stands for everything that an agency has: each of its columns of one type holds the same value in every table, so that keys meet
 * whatever they are made of. The first two agencies have rows; what the others would have, nobody has.
 */
export type Owner = 1 | 2 | 8 | 9

export const agencyOf = (owner: Owner): string => `01900000-0000-7000-8000-00000000000${owner}`
const uuidOf = (owner: Owner): string => `0190000${owner}-5eed-7000-9000-00000000000${owner}`
export const textOf = (owner: Owner): string => `seed-${owner}`

/** Finds, in any printed row, what belongs to an agency. */
export const marksOf = (owner: Owner): string => [agencyOf(owner), uuidOf(owner), textOf(owner)].join('|')

/** A literal for each type that a column can have. A type that is not here fails the seeding by name, and is added. */
const literals: Readonly<Record<string, (owner: Owner) => string>> = {
  uuid: uuidOf,
  text: textOf,
  'character varying': textOf,
  character: textOf,
  bytea: (owner) => `\\x0${owner}`,
  smallint: String,
  integer: String,
  bigint: String,
  numeric: String,
  real: String,
  'double precision': String,
  boolean: () => 'true',
  date: (owner) => `2026-11-0${owner}`,
  'timestamp with time zone': (owner) => `2026-11-0${owner}T00:00:00Z`,
  'timestamp without time zone': (owner) => `2026-11-0${owner}T00:00:00`,
  'time without time zone': (owner) => `0${owner}:00`,
  interval: (owner) => `${owner} days`,
  json: (owner) => `{"seed":"${textOf(owner)}"}`,
  jsonb: (owner) => `{"seed":"${textOf(owner)}"}`,
  inet: (owner) => `10.0.0.${owner}`,
  tsvector: (owner) => `'${textOf(owner)}'`,
  tstzrange: (owner) => `[2026-11-0${owner},2026-12-0${owner})`,
  daterange: (owner) => `[2026-11-0${owner},2026-12-0${owner})`,
  int4range: (owner) => `[${owner},${owner + 1})`,
}

const literalOf = (type: string, owner: Owner): string => {
  const [base = type] = type.split(/[([]/)
  const literal = literals[base]
  if (!literal) throw new Error(`There is no example of the type ${type}.`)
  return pg.escapeLiteral(literal(owner))
}

/** An agency's value of a type, as an expression of SQL. */
export const valueOf = (type: string, owner: Owner): string =>
  type.endsWith('[]') ? `array[${literalOf(type, owner)}]::${type}` : `cast(${literalOf(type, owner)} as ${type})`

/** What an agency has in a column, as an expression of SQL. A length cuts a text, as an explicit cast does. */
const expressionOf = (table: Table, { name, type, base, kind }: Column, owner: Owner): string => {
  if (name === table.agency) return `'${agencyOf(owner)}'::uuid`
  const toAgency = table.foreignKeys.some(({ columns, parent }) => parent === 'host_agency' && columns.length === 1 && columns[0] === name)
  if (toAgency) return `'${agencyOf(owner)}'::uuid`
  if (kind === 'enum') return `(enum_range(null::${type}))[1]`
  const value = literalOf(base, owner)
  return kind === 'array' ? `array[${value}::${base}]::${type}` : `cast(${value} as ${type})`
}

/** An agency's row of a table, as JSON that `jsonb_populate_record` reads. */
export type Rows = Readonly<Record<string, Readonly<Record<Owner, Readonly<Record<string, unknown>>>>>>

export const rowsOf = async (superuser: pg.Client, tables: readonly Table[]): Promise<Rows> => {
  const rows: Record<string, Record<Owner, Record<string, unknown>>> = {}
  const owners = [1, 2, 8, 9] as const
  for (const table of tables.filter(isTable)) {
    const objectOf = (owner: Owner): string =>
      `(select to_jsonb(r) from (select ${table.columns.map((column) => `${expressionOf(table, column, owner)} as "${column.name}"`).join()}) r) as o${owner}`
    const { rows: made } = await superuser.query<Record<string, Record<string, unknown>>>(`select ${owners.map(objectOf).join(', ')}`)
    rows[table.name] = Object.fromEntries(owners.map((owner) => [owner, made[0]![`o${owner}`]!])) as Record<Owner, Record<string, unknown>>
  }
  return rows
}

/** `insert` of a row that is given as JSON, of the columns named. */
export const insertOf = (table: string, row: Readonly<Record<string, unknown>>, columns: readonly string[]): string => {
  const names = columns.map((name) => `"${name}"`).join()
  const source = `jsonb_populate_record(null::${table}, ${pg.escapeLiteral(JSON.stringify(row))})`
  return `insert into ${table} (${names}) overriding system value select ${names} from ${source}`
}

const count = async (superuser: pg.Client, sql: string): Promise<number> =>
  (await superuser.query<{ n: number }>(`select count(*)::int as n from ${sql}`)).rows[0]!.n

/**
 * Puts one row of each of two agencies into every table, within the transaction that is open, in a database that is thrown away. What
 * a row may say (CHECK, triggers) is out of the way for that: it has no part in who sees the row. Keys are not: each row's references
 * lead somewhere.
 *
 * @throws Error where a table cannot be seeded: it would go unproved.
 */
export const seed = async (superuser: pg.Client, tables: readonly Table[], rows: Rows): Promise<void> => {
  await superuser.query('set local session_replication_role = replica')
  for (const table of tables.filter(isTable)) {
    for (const check of table.checks) await superuser.query(`alter table ${table.name} drop constraint "${check}"`)
    await superuser.query(`alter table ${table.name} disable trigger user`)
    const names = table.columns.map(({ name }) => name)
    // What is nobody's has rows of its own already.
    const unlessThere = table.agency === null ? ' on conflict do nothing' : ''
    for (const owner of [1, 2] as const) {
      await superuser.query(insertOf(table.name, rows[table.name]![owner], names) + unlessThere).catch((error: Error) => {
        throw new Error(`${table.name} cannot be seeded: ${error.message}`, { cause: error })
      })
    }
  }
  await superuser.query('set local session_replication_role = origin')
  for (const { name, foreignKeys } of tables.filter(isTable)) {
    for (const { name: key, columns, parent, parentColumns } of foreignKeys) {
      const meets = columns.map((column, index) => `p."${parentColumns[index]}" = c."${column}"`).join(' and ')
      const told = columns.map((column) => `c."${column}" is not null`).join(' and ')
      const loose = await count(superuser, `${name} c where ${told} and not exists (select from ${parent} p where ${meets})`)
      if (loose > 0) throw new Error(`${name}: ${key} leads nowhere in ${loose} rows.`)
    }
  }
}

/** All that an agency has, as one digest. */
export const digestOf = async (superuser: pg.Client, tables: readonly Table[], owner: Owner): Promise<string> => {
  const whole = tables.filter((table) => isTable(table) && table.agency !== null)
  const parts = whole.map(
    ({ name, agency }) => `select '${name} ' || to_jsonb(x)::text as line from ${name} x where "${agency}" = '${agencyOf(owner)}'`,
  )
  const { rows } = await superuser.query<{ digest: string }>(
    `select md5(string_agg(line, ',' order by line)) as digest from (${parts.join(' union all ')}) l`,
  )
  return rows[0]!.digest
}
