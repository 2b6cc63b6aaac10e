import { createServer, type AddressInfo } from 'node:net'
import { join } from 'node:path'
import { clusterFiles, prepareCluster, type ClusterFiles } from './cluster-files.ts'
import { postgresBinaries } from './postgres-binaries.ts'
import { clearStaleLock, readPostmaster } from './postmaster.ts'
import { launch, runningOn, stopServer, urlAt } from './server-process.ts'
import { withStartLock } from './start-lock.ts'
import { unprivileged } from './unprivileged.ts'

/** A PostgreSQL server of this machine, reachable on 127.0.0.1 alone. */
export interface EmbeddedPostgres {
  readonly port: number
  readonly pid: number
  /** Address of the database `postgres`, with the generated password: for setting up, never for serving. */
  readonly superuserUrl: string
  /** True where the server was running already, left behind by a process that was killed. */
  readonly attached: boolean
  /** Ends every session, writes everything down and stops the server. Safe to call twice. */
  stop(): Promise<void>
}

export interface EmbeddedPostgresOptions {
  /** Holds the data, the password and the log. Made where missing. */
  readonly directory: string
  /** False trades every promise of durability for speed: for tests alone. */
  readonly durable: boolean
  /** A free one unless told. A server that is attached to keeps the port it has. */
  readonly port?: number
  /** How long starting may take, recovery after a crash included; 60 000 ms unless told. */
  readonly timeoutMs?: number
  /** Told when the server's process has begun, well before it answers; not where it runs already. */
  readonly onLaunched?: () => void
}

const freePort = (): Promise<number> =>
  new Promise((done, failed) => {
    const server = createServer().once('error', failed)
    server.listen(0, '127.0.0.1', () => {
      const { port } = server.address() as AddressInfo
      server.close(() => done(port))
    })
  })

const start = async (files: ClusterFiles, options: EmbeddedPostgresOptions, timeoutMs: number): Promise<number> => {
  const binaries = postgresBinaries()
  const way = unprivileged(binaries.postgres, files.directory)
  await prepareCluster({ files, binaries, way, durable: options.durable })
  clearStaleLock(files.data)
  const port = options.port ?? (await freePort())
  await launch({ files, program: binaries.postgres, way, port, durable: options.durable, timeoutMs, onLaunched: options.onLaunched })
  return port
}

const startOrAttach = async (files: ClusterFiles, options: EmbeddedPostgresOptions, timeoutMs: number): Promise<EmbeddedPostgres> => {
  const found = await runningOn(files, timeoutMs)
  const port = found ?? (await start(files, options, timeoutMs))
  const pid = readPostmaster(files.data)!.pid
  return { port, pid, superuserUrl: urlAt(port, files.password), attached: found !== null, stop: () => stopServer(files.data, pid) }
}

/**
 * Starts the PostgreSQL server that comes with the project, or attaches to the one that a killed process left running on the same
 * directory. The server never runs as root, and admits by password only (scram-sha-256), on 127.0.0.1 only.
 *
 * @throws Error with a sentence that says what to do, where it cannot start here.
 */
export const startEmbeddedPostgres = async (options: EmbeddedPostgresOptions): Promise<EmbeddedPostgres> => {
  const files = clusterFiles(options.directory)
  const timeoutMs = options.timeoutMs ?? 60_000
  return withStartLock(join(files.directory, 'starting'), timeoutMs, () => startOrAttach(files, options, timeoutMs))
}
