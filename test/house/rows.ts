import pg from 'pg'

interface Teardown {
  teardown(work: () => unknown): unknown
}

/** What the superuser sees of a database, past every policy. */
export interface Rows {
  query<R extends object = Record<string, any>>(sql: string, parameters?: readonly unknown[]): Promise<R[]>
  /** How many rows each table outside the audit store has, and a digest over them. */
  state(): Promise<Record<string, string>>
  /** The columns, as `table.column`, in which a text stands: as it is, in hexadecimal or in base64. */
  columnsWith(text: string): Promise<string[]>
}

const tablesSql = `
  select c.relname as name from pg_class c
  where c.relnamespace = 'public'::regnamespace and c.relkind in ('r', 'p') and not c.relispartition order by 1`

const columnsSql = `
  select c.relname as table, a.attname as column, a.atttypid = 'bytea'::regtype as binary
  from pg_class c join pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
  where c.relnamespace = 'public'::regnamespace and c.relkind in ('r', 'p') and not c.relispartition`

/** The three ways in which the middle of a text can stand in base64; its ends depend on the neighbours. */
const inBase64 = (text: string): string[] =>
  [0, 1, 2].map((shift) =>
    Buffer.from(' '.repeat(shift) + text)
      .toString('base64')
      .slice(shift === 0 ? 0 : 4, -4),
  )

export const openRows = async (t: Teardown, superuserUrl: string): Promise<Rows> => {
  const client = new pg.Client({ connectionString: superuserUrl, connectionTimeoutMillis: 10_000, query_timeout: 30_000 })
  client.on('error', () => {})
  await client.connect()
  t.teardown(() => client.end().catch(() => {}))
  const query: Rows['query'] = async <R extends object>(sql: string, parameters: readonly unknown[] = []) =>
    (await client.query<R>(sql, [...parameters])).rows

  return {
    query,
    async state() {
      // What the calendar notes of its daily runs is nobody's request.
      const tables = (await query<{ name: string }>(tablesSql)).filter(({ name }) => !name.startsWith('audit_') && name !== 'host_job_run')
      const parts = tables.map(
        ({ name }) =>
          `select '${name}' as name, count(*) || ':' || coalesce(md5(string_agg(r::text, '|' order by r::text)), '') as state from ${name} r`,
      )
      const rows = await query<{ name: string; state: string }>(parts.join(' union all '))
      return Object.fromEntries(rows.map(({ name, state }) => [name, state]))
    },
    async columnsWith(text) {
      const columns = await query<{ table: string; column: string; binary: boolean }>(columnsSql)
      const forms = [text, Buffer.from(text).toString('hex'), ...inBase64(text)]
      const found: string[] = []
      for (const { table, column, binary } of columns) {
        const clear = forms.map((_, at) => `position($${at + 1} in "${column}"::text) > 0`).join(' or ')
        const hidden = `position(convert_to($1, 'utf8') in "${column}") > 0`
        const [row] = await query<{ there: boolean }>(
          `select exists (select from ${table} where ${binary ? hidden : clear}) as there`,
          binary ? [text] : forms,
        )
        if (row!.there) found.push(`${table}.${column}`)
      }
      return found
    },
  }
}
