import { bypassLogin, roleNames, type RoleKey } from './roles.ts'

type Command = 'select' | 'insert' | 'update'
/** What a role may do with a table; `update (status, note)` limits it to columns. */
export type Privilege = Command | 'delete' | `${Command} (${string})`

export interface TenantTable {
  readonly table: string
  /** What each role may do; a role that is not named may do nothing. */
  readonly grants: { readonly [Role in RoleKey]?: readonly Privilege[] }
  /** Whose agency a row is; `agency_id` unless told. */
  readonly agencyColumn?: string
  /** Names the patient of a row: a patient's own session reaches no other's, whatever the query asks. */
  readonly patientColumn?: string
  /** Names the author (`sub`) of a row: sessions of the roles in `authorRoles` reach their own rows alone. */
  readonly authorColumn?: string
  /** `draft` unless told. */
  readonly authorRoles?: readonly RoleKey[]
  /** May a founder read it across agencies? */
  readonly bypass?: boolean
  /** The columns that everybody may read without a token, of every row; the boot check must know the table as published. */
  readonly published?: readonly string[]
}

const identifier = /^[a-z_][a-z0-9_]{0,62}$/

const checked = (name: string): string => {
  if (!identifier.test(name)) throw new Error(`${name} is no plain identifier of the database.`)
  return name
}

const checkedPrivilege = (privilege: Privilege): string => {
  if (!/^(select|insert|update|delete)( \([a-z0-9_]+(, [a-z0-9_]+)*\))?$/.test(privilege)) throw new Error(`${privilege} is no privilege.`)
  return privilege
}

/** The whole predicate of every permissive policy. `(select …)` makes it one evaluation per statement. */
const agencyPredicate = (column: string): string => `${column} = (select current_agency())`
/** The host's own two roles, under which no context's SQL ever runs, work a batch of writes at once: the agencies of its requests. */
const batchRoles: readonly RoleKey[] = ['gate', 'auditWriter']
const batchPredicate = (column: string): string => `${column} = any ((select current_agencies())::uuid[])`
const patientPredicate = (column: string): string =>
  `(select current_patients() is null) or ${column} = any ((select current_patients())::uuid[])`
const authorPredicate = (column: string): string => `${column} = (select current_actor())`

const both = (predicate: string): string => `using (${predicate}) with check (${predicate})`

/** A role that only reads needs no check, one that only adds needs no filter; whoever changes rows has both. */
const clauses = (privileges: readonly string[], predicate: string): string => {
  const commands = new Set(privileges.map((privilege) => privilege.split(' ')[0]))
  if (commands.size === 1 && commands.has('select')) return `for select to %s using (${predicate})`
  if (commands.size === 1 && commands.has('insert')) return `for insert to %s with check (${predicate})`
  return `for all to %s ${both(predicate)}`
}

const roleSql = (table: string, key: RoleKey, privileges: readonly Privilege[], predicate: string): string[] => {
  const role = roleNames[key]
  const granted = privileges.map(checkedPrivilege)
  return [
    `grant ${granted.join(', ')} on ${table} to ${role}`,
    `create policy ${table}_${role.replace('postern_', '')} on ${table} as permissive ${clauses(granted, predicate).replace('%s', role)}`,
  ]
}

const bypassSql = (table: string): string[] => [
  `grant select on ${table} to ${bypassLogin}`,
  `create policy ${table}_bypass on ${table} as permissive for select to ${bypassLogin} using (true)`,
]

/** The one policy without an agency: what it lets through has been published. */
const publicSql = (table: string, columns: readonly string[]): string[] => [
  `grant select (${columns.map(checked).join(', ')}) on ${table} to ${roleNames.public}`,
  `create policy ${table}_public on ${table} as permissive for select to ${roleNames.public} using (true)`,
]

/** Restrictive policies only narrow: the patient's binds whoever gets in, by whatever role. */
const patientSql = (table: string, column: string): string =>
  `create policy ${table}_patient on ${table} as restrictive for all to public ${both(patientPredicate(column))}`

const authorSql = (table: string, column: string, roles: readonly RoleKey[]): string => {
  const names = roles.map((key) => roleNames[key]).join(', ')
  return `create policy ${table}_author on ${table} as restrictive for all to ${names} ${both(authorPredicate(column))}`
}

/**
 * The statements that close a table to every agency but the one a transaction works in: row security, forced on the owner too, one
 * permissive policy per role whose whole predicate is the agency, restrictive ones for patients and authors, and the grants. They
 * follow the table's own `create table`; the boot check refuses a tenant table without them.
 *
 * @throws Error where a name is not a plain identifier or a role is granted nothing.
 * @see design, section 4: data and isolation
 */
export const tenantTable = (declared: TenantTable): string[] => {
  const table = checked(declared.table)
  const column = checked(declared.agencyColumn ?? 'agency_id')
  const predicate = (key: RoleKey): string => (batchRoles.includes(key) ? batchPredicate(column) : agencyPredicate(column))
  const grants = Object.entries(declared.grants) as [RoleKey, readonly Privilege[]][]
  const empty = grants.find(([, privileges]) => privileges.length === 0)
  if (empty) throw new Error(`${table} grants ${empty[0]} an empty list: leave the role out.`)
  return [
    `alter table ${table} enable row level security`,
    `alter table ${table} force row level security`,
    ...grants.flatMap(([key, privileges]) => roleSql(table, key, privileges, predicate(key))),
    ...(declared.patientColumn ? [patientSql(table, checked(declared.patientColumn))] : []),
    ...(declared.authorColumn ? [authorSql(table, checked(declared.authorColumn), declared.authorRoles ?? ['draft'])] : []),
    ...(declared.bypass ? bypassSql(table) : []),
    ...(declared.published ? publicSql(table, declared.published) : []),
  ]
}
