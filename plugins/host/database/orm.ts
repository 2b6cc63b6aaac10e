import type { EntitySchema } from '@mikro-orm/core'
import { MikroORM } from '@mikro-orm/postgresql'
import type pg from 'pg'
import { serveTransactions } from './transaction-client.ts'

export interface OrmOptions {
  readonly url: string
  readonly entities: readonly EntitySchema[]
  readonly poolSize: number
  readonly statementTimeoutMs: number
  readonly lockTimeoutMs: number
}

/**
 * MikroORM for domain transactions. Its session context is set inside each transaction; the login behind it has no rights of its
 * own, so that anything run outside one is refused by the database. Its logger is silent: it prints values.
 */
export const createOrm = (options: OrmOptions): Promise<MikroORM> =>
  MikroORM.init({
    clientUrl: options.url,
    entities: options.entities as EntitySchema[],
    discovery: { warnWhenNoEntities: false },
    allowGlobalContext: false,
    debug: false,
    logger: () => undefined,
    pool: { min: 0, max: options.poolSize },
    driverOptions: {
      // Of an address MikroORM hands host, user and database to the driver, and not what the address says of TLS.
      connectionString: options.url,
      // For a connection, of which there are few, as for the database to give a new one.
      connectionTimeoutMillis: 5_000,
      query_timeout: options.statementTimeoutMs + 2_000,
      statement_timeout: options.statementTimeoutMs,
      lock_timeout: options.lockTimeoutMs,
      idle_in_transaction_session_timeout: 10_000,
      application_name: 'postern',
      pipeline: true,
      onPoolCreated: (pool: pg.Pool) => pool.on('connect', serveTransactions),
    },
  })
