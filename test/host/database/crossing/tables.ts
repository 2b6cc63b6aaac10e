import type pg from 'pg'
import { defaultExpectation } from '../../../../plugins/host/database/isolation-expectation.ts'

/** A column that a row can be given a value for. */
export interface Column {
  readonly name: string
  /** As a cast takes it. */
  readonly type: string
  /** The type beneath arrays, domains and lengths: `uuid`, `text`, an enum's own name. */
  readonly base: string
  readonly kind: 'plain' | 'array' | 'enum' | 'range'
}

export interface ForeignKey {
  readonly name: string
  readonly columns: readonly string[]
  readonly parent: string
  readonly parentColumns: readonly string[]
}

/** A table or a view, as the catalogue has it. */
export interface Table {
  readonly name: string
  /** r table, p partitioned table, v view, m materialized view, f foreign table. */
  readonly kind: string
  readonly partition: boolean
  /** Names the agency of a row; null where the table is nobody's. */
  readonly agency: string | null
  readonly columns: readonly Column[]
  readonly foreignKeys: readonly ForeignKey[]
  /** Unique indexes, the primary key's included. */
  readonly unique: readonly { readonly name: string; readonly columns: readonly string[] }[]
  readonly checks: readonly string[]
}

const query = `
  select c.oid::regclass::text as name, c.relkind::text as kind, c.relispartition as partition,
    coalesce((select json_agg(json_build_object('name', a.attname, 'type', format_type(a.atttypid, a.atttypmod),
        'base', format_type(coalesce(nullif(e.oid, 0), nullif(y.typbasetype, 0), y.oid), null),
        'kind', case when y.typelem <> 0 and y.typcategory = 'A' then 'array' when y.typtype = 'e' then 'enum'
          when y.typtype = 'r' then 'range' else 'plain' end) order by a.attnum)
      from pg_attribute a join pg_type y on y.oid = a.atttypid left join pg_type e on e.oid = y.typelem and y.typcategory = 'A'
      where a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped and a.attgenerated = ''), '[]') as columns,
    coalesce((select json_agg(json_build_object('name', f.conname, 'parent', f.confrelid::regclass::text,
        'columns', array(select a.attname from unnest(f.conkey) with ordinality k(n, i)
          join pg_attribute a on a.attrelid = f.conrelid and a.attnum = k.n order by k.i),
        'parentColumns', array(select a.attname from unnest(f.confkey) with ordinality k(n, i)
          join pg_attribute a on a.attrelid = f.confrelid and a.attnum = k.n order by k.i)) order by f.conname)
      from pg_constraint f where f.conrelid = c.oid and f.contype = 'f' and f.conparentid = 0), '[]') as "foreignKeys",
    coalesce((select json_agg(json_build_object('name', i.indexrelid::regclass::text,
        'columns', array(select a.attname from pg_attribute a where a.attrelid = c.oid and a.attnum = any (i.indkey::int2[]))))
      from pg_index i where i.indrelid = c.oid and i.indisunique), '[]') as unique,
    array(select f.conname::text from pg_constraint f where f.conrelid = c.oid and f.contype = 'c' and f.coninhcount = 0) as checks
  from pg_class c join pg_namespace n on n.oid = c.relnamespace
  where c.relkind in ('r', 'p', 'v', 'm', 'f') and n.nspname !~ '^pg_' and n.nspname <> 'information_schema' and n.nspname <> all ($1)
  order by 1`

/** Every table and view of the product, read from the catalogue by whoever sees all of it. */
export const readTables = async (superuser: pg.Client): Promise<Table[]> => {
  const { rows } = await superuser.query<Omit<Table, 'agency'>>(query, [defaultExpectation.foreignSchemas])
  return rows.map((row) => {
    const column = defaultExpectation.agencyColumns[row.name] ?? 'agency_id'
    return { ...row, agency: row.columns.some(({ name }) => name === column) ? column : null }
  })
}

/** What a table is called where only a plain word will do. */
export const isTable = ({ kind, partition }: Table): boolean => (kind === 'r' || kind === 'p') && !partition
