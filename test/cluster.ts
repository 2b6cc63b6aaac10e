import { spawn } from 'node:child_process'
import { accessSync, chmodSync, constants, globSync, mkdtempSync, rmSync, statfsSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { bootstrapCluster, type Logins } from '../plugins/host/database/bootstrap-cluster.ts'
import { startEmbeddedPostgres } from '../plugins/host/database/embedded-postgres.ts'
import { readPostmaster } from '../plugins/host/database/postmaster.ts'
import { stopServer } from '../plugins/host/database/server-process.ts'

/** One PostgreSQL for a whole run of tests; plain data, so that it travels to every test file in the environment. */
export interface TestCluster extends Logins {
  readonly superuserUrl: string
  /** The database that the test databases are copies of; it has no tables before `prepareTemplate`. */
  readonly template: string
  /** A database with the host's own steps, which most begin with; null before `prepareTemplate`. */
  readonly hostTemplate: { readonly name: string; readonly steps: readonly string[] } | null
}

export interface StartedCluster {
  readonly cluster: TestCluster
  /** For the temporary files of the tests; gone with the cluster. */
  readonly temporary: string
  stop(): Promise<void>
}

/** The variable that carries a cluster to the test files that the runner starts. */
export const clusterVariable = 'TEST_PG'

const template = 'postern_template'
const passwords = { owner: 'owner', app: 'app', bypass: 'bypass' }

/** Ends the server and removes its files when this process is gone, however it went: the pipe to the watcher closes with it. */
const watch = (pid: number, folders: readonly string[]): (() => void) => {
  const gone = 'i=0; while kill -0 "$1" 2>/dev/null && [ $i -lt 100 ]; do sleep 0.1; i=$((i+1)); done'
  const script = `cat >/dev/null; kill -INT "$1" 2>/dev/null; ${gone}; shift; rm -rf "$@"`
  const watcher = spawn('/bin/sh', ['-c', script, 'sh', String(pid), ...folders], { detached: true, stdio: ['pipe', 'ignore', 'ignore'] })
  watcher.on('error', () => {})
  watcher.stdin.on('error', () => {})
  watcher.unref()
  ;(watcher.stdin as unknown as { unref(): void }).unref()
  return () => watcher.stdin.end()
}

/** Servers that an interrupted test started for itself and could not stop any more. */
const stopStrays = async (folder: string): Promise<void> => {
  for (const lock of globSync('**/postmaster.pid', { cwd: folder })) {
    const data = dirname(join(folder, lock))
    await stopServer(data, readPostmaster(data)?.pid ?? 0)
  }
}

const sharedMemory = '/dev/shm'
/** Several times what the whole suite takes. */
const roomInMemory = 4 * 1024 ** 3

/** In memory where there is room: a copy of the template is seven hundred files, which a disk takes half a second to make. */
const quickFolder = (): string => {
  try {
    accessSync(sharedMemory, constants.W_OK | constants.X_OK)
    const { bavail, bsize } = statfsSync(sharedMemory)
    return bavail * bsize >= roomInMemory ? sharedMemory : tmpdir()
  } catch {
    return tmpdir()
  }
}

/**
 * Starts a PostgreSQL that keeps nothing, in a temporary folder, with the logins and an empty template in it. `stop` ends it and
 * removes the folders; so does the end of this process.
 */
export const startTestCluster = async (): Promise<StartedCluster> => {
  // Apart: what tests write may be large, or a program.
  const [directory, temporary] = [quickFolder(), tmpdir()].map((folder) => mkdtempSync(join(folder, 'postern-test-'))) as [string, string]
  // Passable, as a data folder is elsewhere: the server runs as another user where root runs the tests.
  for (const folder of [directory, temporary]) chmodSync(folder, 0o711)
  const { pid, superuserUrl, ...server } = await startEmbeddedPostgres({ directory, durable: false }).catch((error: unknown) => {
    for (const folder of [directory, temporary]) rmSync(folder, { recursive: true, force: true })
    throw error
  })
  const release = watch(pid, [directory, temporary])
  const stop = async (): Promise<void> => {
    await stopStrays(temporary)
    await server.stop()
    for (const folder of [directory, temporary]) rmSync(folder, { recursive: true, force: true })
    release()
  }
  try {
    const logins = await bootstrapCluster({ superuserUrl, database: template, passwords })
    return { cluster: { ...logins, superuserUrl, template, hostTemplate: null }, temporary, stop }
  } catch (error) {
    await stop()
    throw error
  }
}

/**
 * The product keeps 36 months of audit partitions ahead. They would be two thirds of the files of every copy, and rows without a month
 * of their own go to the default partition, so tests keep this month and the next two.
 */
const forgetFarMonths = `
  do $$ declare far text; begin
    for far in
      select relname from pg_class where relispartition and relkind = 'r' and relname ~ '_\\d{4}_\\d{2}$'
        and to_date(right(relname, 7), 'YYYY_MM') > now() + interval '2 months'
    loop execute format('drop table %I', far); end loop;
  end $$`

/**
 * Brings the template to the schema of the product, and keeps a copy of it as the host alone makes it. Loads the product only now: tests
 * of its foundations do without.
 */
export const prepareTemplate = async (cluster: TestCluster): Promise<TestCluster> => {
  const { ownerUrl, superuserUrl } = cluster
  const { prepareDatabase } = await import('../plugins/prepare-database.ts')
  const { withOwner } = await import('../plugins/host/agencies.ts')
  const { migrate } = await import('../plugins/host/database/migrate.ts')
  const { hostMigrations } = await import('../plugins/host/migrations/index.ts')
  await migrate({ url: ownerUrl, migrations: hostMigrations })
  await withOwner(ownerUrl, (client) => client.query(forgetFarMonths))
  const hostTemplate = { name: `${template}_of_host`, steps: hostMigrations.map(({ name }) => name) }
  await withOwner(superuserUrl, (client) => client.query(`create database ${hostTemplate.name} template ${template} strategy file_copy`))
  await prepareDatabase(ownerUrl)
  return { ...cluster, hostTemplate }
}
