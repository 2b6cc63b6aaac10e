import { spawn } from 'node:child_process'
import { chmodSync, mkdirSync } from 'node:fs'
import { join } from 'node:path'
import pg from 'pg'
import { bootstrapCluster, type Logins } from '../../../plugins/host/database/bootstrap-cluster.ts'
import { startEmbeddedPostgres } from '../../../plugins/host/database/embedded-postgres.ts'
import { processorMs } from './processor-time.ts'
import { prepareDatabase } from '../../../plugins/prepare-database.ts'

/** A migrated database with an address per login. */
export interface BenchDatabase extends Logins {
  readonly superuserUrl: string
}

export interface BenchPostgres {
  /** A fresh copy of the migrated database. */
  create(name: string): Promise<BenchDatabase>
  /** The address of an empty database of one's own. */
  empty(name: string): Promise<string>
  /** Processor time of the server so far, in milliseconds. */
  cpuMs(): number
  stop(): Promise<void>
}

const template = 'bench_template'
const passwords = { owner: 'owner', app: 'app', bypass: 'bypass' }

/** Runs statements one after another, each by itself. */
export const runAll = async (url: string, statements: readonly string[]): Promise<void> => {
  const client = new pg.Client({ connectionString: url, connectionTimeoutMillis: 10_000, query_timeout: 300_000 })
  client.on('error', () => {})
  await client.connect()
  try {
    for (const statement of statements) await client.query(statement)
  } finally {
    await client.end().catch(() => {})
  }
}

/** Ends the server and removes the folder where this process is gone without having done so: the pipe to the watcher closes with it. */
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

const within = (url: string, name: string): string => Object.assign(new URL(url), { pathname: `/${name}` }).href

/**
 * A PostgreSQL that keeps its promises (fsync and synchronous_commit on, as delivered), in a folder of the run's own, which goes with
 * it if this process ends without a word.
 */
export const startBenchPostgres = async (run: string): Promise<BenchPostgres> => {
  const directory = join(run, 'postgres')
  mkdirSync(directory, { recursive: true })
  // Passable: the server runs as another user where root runs the benchmark.
  for (const folder of [run, directory]) chmodSync(folder, 0o711)
  const server = await startEmbeddedPostgres({ directory: join(directory, 'server'), durable: true })
  const release = watch(server.pid, run)
  const { superuserUrl } = server
  const stop = async (): Promise<void> => {
    await server.stop()
    release()
  }
  try {
    const logins = await bootstrapCluster({ superuserUrl, database: template, passwords })
    await prepareDatabase(logins.ownerUrl)
    return {
      async create(name) {
        await runAll(superuserUrl, [
          `create database ${name} owner postern_owner template ${template}`,
          `revoke all on database ${name} from public`,
          `grant connect on database ${name} to postern_app, postern_bypass`,
        ])
        const at = (url: string): string => within(url, name)
        return { superuserUrl: at(superuserUrl), ownerUrl: at(logins.ownerUrl), appUrl: at(logins.appUrl), bypassUrl: at(logins.bypassUrl) }
      },
      async empty(name) {
        await runAll(superuserUrl, [`create database ${name}`])
        return within(superuserUrl, name)
      },
      cpuMs: () => processorMs(server.pid),
      stop,
    }
  } catch (error) {
    await stop()
    throw error
  }
}
