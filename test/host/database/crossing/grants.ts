import type pg from 'pg'

/** The columns of a table that a role may name in a statement. */
export interface Granted {
  readonly select: readonly string[]
  readonly insert: readonly string[]
  readonly update: readonly string[]
}

export type Grants = (table: string, role: string) => Granted

const columns = (privilege: string): string =>
  `coalesce(array_agg(a.attname::text order by a.attname) filter (where a.attgenerated = '' and has_column_privilege(r.rolname, c.oid, a.attnum, '${privilege}')), '{}')`

/** Who may do what, so that each attempt goes as far as its role can. */
export const readGrants = async (superuser: pg.Client, tables: readonly string[]): Promise<Grants> => {
  const { rows } = await superuser.query<Granted & { key: string }>(
    `select c.oid::regclass::text || ' ' || r.rolname as key, ${columns('select')} as select, ${columns('insert')} as insert, ${columns('update')} as update
     from pg_class c join pg_namespace n on n.oid = c.relnamespace join pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped,
       pg_roles r
     where c.relkind in ('r', 'p', 'v', 'm', 'f') and n.nspname !~ '^pg_' and n.nspname <> 'information_schema' and r.rolname ~ '^postern_'
       and c.relacl is not null and c.oid::regclass::text = any ($1)
     group by 1`,
    [tables],
  )
  const byKey = new Map(rows.map((row) => [row.key, row]))
  return (table, role) => byKey.get(`${table} ${role}`) ?? { select: [], insert: [], update: [] }
}
