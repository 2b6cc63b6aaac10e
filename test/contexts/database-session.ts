import pg from 'pg'
import type { TestDatabase } from '../database.ts'
import type { Columns, ReadStatement } from '../../plugins/host/sql/statement.ts'

/** On whose behalf a transaction of a test runs. */
export interface Session {
  readonly role?: string
  readonly agency?: string
  readonly patient?: string
}

export type Statement = readonly [sql: string, ...parameters: unknown[]]

interface Teardown {
  teardown(work: () => unknown): unknown
}

const connect = async (t: Teardown, url: string): Promise<pg.Client> => {
  const client = new pg.Client({ connectionString: url, connectionTimeoutMillis: 5_000, query_timeout: 30_000 })
  client.on('error', () => {})
  await client.connect()
  t.teardown(() => client.end())
  return client
}

const context =
  "select set_config('role', $1, true), set_config('app.current_agency', $2, true), set_config('app.current_patient', $3, true)"

/** The statement of a compiled read with `$1, $2, …` for its parameters, in the order of `hostParameters` and the declared arguments. */
const hostParameters: Columns = { agency_id: 'uuid', user_id: 'text', patient_id: 'uuid', at: 'timestamptz' }

const prepared = (statement: ReadStatement): { text: string; types: string } => {
  const columns = { ...hostParameters, ...statement.args }
  const names = Object.keys(columns)
  const own = statement.sql.replaceAll(/\{\{agency (\w+)\}\}/g, '$1.agency_id = p_agency_id')
  const text = own.replaceAll(/\bp_([a-z_]+)\b/g, (_, name: string) => `$${names.indexOf(name) + 1}`)
  return { text, types: Object.values(columns).join(', ') }
}

const literal = (value: unknown): string =>
  value === null || value === undefined ? 'null' : pg.escapeLiteral(value instanceof Date ? value.toISOString() : String(value))

/** Connections of one test: the service's login, under any role it can take, and the superuser for what a test must arrange. */
export const databaseSession = async (t: Teardown, db: TestDatabase) => {
  const app = await connect(t, db.appUrl)
  const superuser = await connect(t, db.superuserUrl)

  /** Runs statements in one transaction under a role, an agency and a patient, gives the last result, and undoes it all. */
  const within = async (session: Session, ...statements: Statement[]): Promise<pg.QueryResult> => {
    await app.query('begin')
    try {
      await app.query(context, [session.role ?? 'postern_read', session.agency ?? '', session.patient ?? ''])
      let result: pg.QueryResult | undefined
      for (const [sql, ...parameters] of statements) result = await app.query(sql, parameters)
      return result!
    } finally {
      await app.query('rollback')
    }
  }

  /** Inserts a row as the superuser. */
  const insert = (table: string, row: Readonly<Record<string, unknown>>): Promise<pg.QueryResult> => {
    const names = Object.keys(row)
    return superuser.query(`insert into ${table} (${names.join()}) values (${names.map((_, n) => `$${n + 1}`).join()})`, Object.values(row))
  }

  /** The generic plan of a compiled read's own statement under its role, as the compiled function runs it. */
  const planOf = async (statement: ReadStatement, session: Session, values: Readonly<Record<string, unknown>>): Promise<string> => {
    const { text, types } = prepared(statement)
    const given = [session.agency, 'user', session.patient, new Date(), ...Object.keys(statement.args).map((name) => values[name])]
    const { rows } = await within(
      session,
      [`prepare planned (${types}) as ${text}`],
      [`explain (analyze, costs off, timing off, summary off, buffers off) execute planned (${given.map(literal).join(', ')})`],
    )
    await app.query('deallocate planned')
    return rows.map((row) => row['QUERY PLAN'] as string).join('\n')
  }

  return { app, superuser, within, insert, planOf }
}
