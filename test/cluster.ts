import { spawn } from 'node:child_process'
import { chmodSync, existsSync, mkdtempSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { bootstrapCluster, type Logins } from '../plugins/host/database/bootstrap-cluster.ts'
import { startEmbeddedPostgres } from '../plugins/host/database/embedded-postgres.ts'
import { prepareDatabase } from '../plugins/prepare-database.ts'

/** One PostgreSQL for a whole run of tests; plain data, so that it travels to every test file in the environment. */
export interface TestCluster extends Logins {
  readonly superuserUrl: string
  /** Fully migrated; every test database is a copy of it. */
  readonly template: string
}

/** The variable that carries a cluster to the test files that the runner starts. */
export const clusterVariable = 'TEST_PG'

const template = 'postern_template'
const passwords = { owner: 'owner', app: 'app', bypass: 'bypass' }

/** Ends the server and removes its files when this process is gone, however it went: the pipe to the watcher closes with it. */
const watch = (pid: number, directory: string): (() => void) => {
  const gone = 'i=0; while kill -0 "$1" 2>/dev/null && [ $i -lt 100 ]; do sleep 0.1; i=$((i+1)); done'
  const script = `cat >/dev/null; kill -INT "$1" 2>/dev/null; ${gone}; rm -rf "$2"`
  const watcher = spawn('/bin/sh', ['-c', script, 'sh', String(pid), directory], { detached: true, stdio: ['pipe', 'ignore', 'ignore'] })
  watcher.on('error', () => {})
  watcher.stdin.on('error', () => {})
  watcher.unref()
  ;(watcher.stdin as unknown as { unref(): void }).unref()
  return () => watcher.stdin.end()
}

const build = async (superuserUrl: string): Promise<TestCluster> => {
  const logins = await bootstrapCluster({ superuserUrl, database: template, passwords })
  await prepareDatabase(logins.ownerUrl)
  return { ...logins, superuserUrl, template }
}

/**
 * Starts a PostgreSQL that keeps nothing, in a temporary folder, with the migrated template in it. `stop` ends it; so does the end of
 * this process.
 */
export const startTestCluster = async (): Promise<{ cluster: TestCluster; stop(): Promise<void> }> => {
  const directory = mkdtempSync(join(tmpdir(), 'postern-test-'))
  // Passable, as a data folder is elsewhere: the server runs as another user where root runs the tests.
  chmodSync(directory, 0o711)
  const server = await startEmbeddedPostgres({ directory, durable: false })
  const release = watch(server.pid, directory)
  const stop = async (): Promise<void> => {
    await server.stop()
    release()
  }
  try {
    return { cluster: await build(server.superuserUrl), stop }
  } catch (error) {
    await stop()
    throw error
  }
}
