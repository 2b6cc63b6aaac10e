import { Migrator, type Migration } from '@mikro-orm/migrations'
import { MikroORM } from '@mikro-orm/postgresql'
import pg from 'pg'

/** One step of the schema. Names are unique, stable, and applied in the order of the list. */
export interface MigrationStep {
  readonly name: string
  readonly class: MigrationClass
}

export type MigrationClass = new (...args: ConstructorParameters<typeof Migration>) => Migration

export interface MigrateOptions {
  /** Address of the database as its owner. */
  readonly url: string
  readonly migrations: readonly MigrationStep[]
  /** How long to wait for another process that migrates, and for locks; 60 000 ms unless told. */
  readonly timeoutMs?: number
}

/** Where the applied steps are written down. It holds nothing of any agency and nobody but the owner may read it. */
export const migrationTable = 'host_migration'

const lockKey = 5_067_001

const checkNames = (migrations: readonly MigrationStep[]): void => {
  const names = migrations.map(({ name }) => name)
  const twice = names.find((name, index) => names.indexOf(name) !== index)
  if (twice) throw new Error(`Two migrations are named ${twice}.`)
}

/** Holds a lock of the whole database while `work` runs: of two processes that start at once, one migrates and the other finds it done. */
const withMigrationLock = async <T>(url: string, timeoutMs: number, work: () => Promise<T>): Promise<T> => {
  const client = new pg.Client({ connectionString: url, connectionTimeoutMillis: 10_000, application_name: 'postern migrate' })
  client.on('error', () => {})
  await client.connect()
  try {
    await client.query("select set_config('lock_timeout', $1, false)", [`${timeoutMs}ms`])
    await client.query('select pg_advisory_lock($1)', [lockKey])
    return await work()
  } finally {
    await client.end().catch(() => {})
  }
}

const applyPending = async (url: string, migrations: readonly MigrationStep[], timeoutMs: number): Promise<string[]> => {
  const orm = await MikroORM.init({
    clientUrl: url,
    entities: [],
    discovery: { warnWhenNoEntities: false },
    extensions: [Migrator],
    logger: () => {},
    pool: { min: 0, max: 2 },
    // The whole address, so that what it says of TLS holds here too.
    driverOptions: { connectionString: url, connectionTimeoutMillis: 10_000, lock_timeout: timeoutMs, application_name: 'postern migrate' },
    migrations: { tableName: migrationTable, migrationsList: [...migrations], snapshot: false, silent: true, allOrNothing: true },
  })
  try {
    return (await orm.migrator.up()).map(({ name }) => name)
  } finally {
    await orm.close(true)
  }
}

/**
 * Brings a database up to date: all pending steps in one transaction, or none. Safe to run from several processes at once.
 *
 * @returns the names of the steps that were applied now.
 */
export const migrate = async ({ url, migrations, timeoutMs = 60_000 }: MigrateOptions): Promise<string[]> => {
  checkNames(migrations)
  return withMigrationLock(url, timeoutMs, () => applyPending(url, migrations, timeoutMs))
}
