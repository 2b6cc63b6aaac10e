import pg from 'pg'
import { allSqlGates, type CompiledFunction, type SqlGates } from './compiled.ts'
import { compileRead, compileReadAcross } from './compile-read.ts'
import { compileWrite } from './compile-write.ts'
import type { Statement } from './statement.ts'

/** Every function that the given statements compile to. */
export const compileAll = (statements: readonly Statement[], gates: SqlGates = allSqlGates): CompiledFunction[] =>
  statements.flatMap((statement) => {
    if (statement.kind === 'write') return [compileWrite(statement, gates)]
    const read = compileRead(statement, gates)
    return statement.operation.acrossAgencies ? [read, compileReadAcross(statement)] : [read]
  })

/** Puts the compiled functions in place, as the owner; those that no statement stands for any more go. */
export const installFunctions = async (ownerUrl: string, functions: readonly CompiledFunction[]): Promise<void> => {
  const client = new pg.Client({
    connectionString: ownerUrl,
    connectionTimeoutMillis: 10_000,
    statement_timeout: 30_000,
    application_name: 'postern migrate',
  })
  client.on('error', () => undefined)
  await client.connect()
  try {
    await client.query('begin')
    await client.query('select pg_advisory_xact_lock(5067002)')
    const { rows } = await client.query<{ signature: string }>(
      "select p.oid::regprocedure::text as signature from pg_proc p where p.pronamespace = 'public'::regnamespace and p.proname like 'op\\_%'",
    )
    for (const { signature } of rows) await client.query(`drop function ${signature}`)
    for (const { ddl, name, grantee } of functions) {
      await client.query(ddl)
      await client.query(`grant execute on function ${name} to ${grantee}`)
    }
    await client.query('commit')
  } finally {
    await client.end().catch(() => undefined)
  }
}

/** Names the compiled functions whose text in the database is not what the declarations compile to. */
export const differingFunctions = async (pool: pg.Pool, functions: readonly CompiledFunction[]): Promise<string[]> => {
  const { rows } = await pool.query<{ name: string; body: string }>(
    "select p.proname as name, p.prosrc as body from pg_proc p where p.pronamespace = 'public'::regnamespace and p.proname like 'op\\_%'",
  )
  const installed = new Map(rows.map(({ name, body }) => [name, body]))
  const expected = new Map(functions.map(({ name, body }) => [name, body]))
  const differing = [...expected].filter(([name, body]) => installed.get(name) !== body).map(([name]) => name)
  return [...differing, ...[...installed.keys()].filter((name) => !expected.has(name))]
}
