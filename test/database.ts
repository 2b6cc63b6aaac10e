import { randomBytes } from 'node:crypto'
import pg from 'pg'
import { migrate, type MigrationStep } from '../plugins/host/database/migrate.ts'
import type { Logins } from '../plugins/host/database/bootstrap-cluster.ts'
import { clusterVariable, prepareTemplate, startTestCluster, type TestCluster } from './cluster.ts'

/** A database of one test file, with an address per login. */
export interface TestDatabase extends Logins {
  readonly name: string
  readonly superuserUrl: string
}

export interface TestDatabaseOptions {
  /** Begins with an empty database and applies exactly these, instead of copying the fully migrated one. */
  readonly migrations?: readonly MigrationStep[]
  /** With these, even where a copy of the host's own part would save most of the work. */
  readonly fromNothing?: boolean
}

/** What of a test is needed: tap's `t`. */
interface Teardown {
  teardown(work: () => unknown): unknown
}

const given = process.env[clusterVariable]
let own: Promise<TestCluster> | undefined
let prepared: Promise<TestCluster> | undefined

/** The runner's cluster, or where a test file was started by itself, one that lives as long as this process. */
const clusterWith = async (what: 'logins' | 'template'): Promise<TestCluster> => {
  if (given) return JSON.parse(given) as TestCluster
  own ??= startTestCluster().then((started) => started.cluster)
  return what === 'template' ? (prepared ??= own.then(prepareTemplate)) : own
}

const asSuperuser = async (url: string, statements: readonly string[]): Promise<void> => {
  const client = new pg.Client({ connectionString: url, connectionTimeoutMillis: 10_000, query_timeout: 60_000 })
  client.on('error', () => {})
  await client.connect()
  try {
    for (const statement of statements) await client.query(statement)
  } finally {
    await client.end().catch(() => {})
  }
}

const within = (url: string, name: string): string => Object.assign(new URL(url), { pathname: `/${name}` }).href

/** What a database begins as a copy of. */
const originOf = ({ template, hostTemplate }: TestCluster, { migrations, fromNothing = false }: TestDatabaseOptions): string => {
  if (!migrations) return template
  const beginsWithHost = hostTemplate !== null && hostTemplate.steps.every((name, index) => migrations[index]?.name === name)
  return beginsWithHost && !fromNothing ? hostTemplate.name : 'template1'
}

/** A copy has its own grants on the database itself: they are not copied along. */
const creation = (name: string, template: string): string[] => [
  `create database ${name} owner postern_owner template ${template} strategy file_copy`,
  `revoke all on database ${name} from public`,
  `grant connect on database ${name} to postern_app, postern_bypass`,
]

/**
 * A database for this test alone, dropped when the test ends (whoever is still connected). Ask for it before whatever uses it, so
 * that it is torn down after.
 */
export const testDatabase = async (t: Teardown, options: TestDatabaseOptions = {}): Promise<TestDatabase> => {
  const cluster = await clusterWith(options.migrations ? 'logins' : 'template')
  const { superuserUrl, ownerUrl, appUrl, bypassUrl } = cluster
  const name = `t_${process.pid}_${randomBytes(5).toString('hex')}`
  await asSuperuser(superuserUrl, creation(name, originOf(cluster, options)))
  t.teardown(() => asSuperuser(superuserUrl, [`drop database if exists ${name} with (force)`]))
  const at = (url: string): string => within(url, name)
  const database = { name, superuserUrl: at(superuserUrl), ownerUrl: at(ownerUrl), appUrl: at(appUrl), bypassUrl: at(bypassUrl) }
  if (options.migrations) await migrate({ url: database.ownerUrl, migrations: options.migrations })
  return database
}
