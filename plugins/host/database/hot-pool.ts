import pg from 'pg'

export interface HotPoolOptions {
  readonly url: string
  readonly size: number
  /** Server-side bound of one statement, in milliseconds. */
  readonly statementTimeoutMs: number
  /** How long a statement may wait for a lock, in milliseconds: what a duplicate request waits for its twin. */
  readonly lockTimeoutMs: number
  readonly onError: (error: Error) => void
}

/**
 * The pool behind compiled statements. It stays inside the host: a context holds statements, never a connection.
 * Its login has no rights of its own, so that a query without a role is refused by the database.
 */
export const createHotPool = (options: HotPoolOptions): pg.Pool => {
  const pool = new pg.Pool({
    connectionString: options.url,
    max: options.size,
    min: 1,
    idleTimeoutMillis: 60_000,
    connectionTimeoutMillis: 2_000,
    query_timeout: options.statementTimeoutMs + 2_000,
    statement_timeout: options.statementTimeoutMs,
    lock_timeout: options.lockTimeoutMs,
    idle_in_transaction_session_timeout: 10_000,
    application_name: 'postern',
    keepAlive: true,
  })
  pool.on('error', options.onError)
  // A checked-out client whose backend dies emits as well; without a listener that would end the process.
  pool.on('connect', (client) => client.on('error', options.onError))
  return pool
}
