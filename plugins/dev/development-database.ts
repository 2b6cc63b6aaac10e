import { randomBytes } from 'node:crypto'
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import pg from 'pg'
import { bootstrapCluster, loginsOf, type Logins } from '../host/database/bootstrap-cluster.ts'
import { startEmbeddedPostgres, type EmbeddedPostgres } from '../host/database/embedded-postgres.ts'
import { once } from './generated-secrets.ts'

interface Passwords {
  readonly owner: string
  readonly app: string
  readonly bypass: string
}

const makePasswords = (): Passwords => {
  const make = (): string => randomBytes(24).toString('base64url')
  return { owner: make(), app: make(), bypass: make() }
}

/** Made once beside the data, readable by this user alone. */
const passwordsIn = (directory: string): Passwords => {
  mkdirSync(directory, { recursive: true, mode: 0o700 })
  return JSON.parse(once(directory, 'logins.json', () => JSON.stringify(makePasswords()))) as Passwords
}

/** Sessions of other processes on the same data: a second service, a command that is still at work. */
const othersOn = async (superuserUrl: string): Promise<boolean> => {
  const client = new pg.Client({ connectionString: superuserUrl, connectionTimeoutMillis: 2_000, query_timeout: 2_000 })
  client.on('error', () => {})
  try {
    await client.connect()
    const { rowCount } = await client.query(
      "select from pg_stat_activity where backend_type = 'client backend' and pid <> pg_backend_pid()",
    )
    return rowCount !== 0
  } catch {
    return false
  } finally {
    await client.end().catch(() => {})
  }
}

/** How long one's own sessions may take to disappear, in milliseconds. */
const lingerMs = 1_000

/** The last one out stops the server: whoever ends while others still use it leaves it to them. */
const leave = async (server: EmbeddedPostgres): Promise<void> => {
  const deadline = performance.now() + lingerMs
  while (await othersOn(server.superuserUrl)) {
    if (performance.now() > deadline) return
    await delay(25)
  }
  await server.stop()
}

export interface DevelopmentDatabase extends Logins {
  readonly server: EmbeddedPostgres
  /** What `isWhole` said of it. */
  readonly whole: boolean
  /** Stops the server, unless another process still uses it. */
  stop(): Promise<void>
}

export interface DevelopmentDatabaseOptions {
  /** Told when the server's process has begun, well before it answers; not where it runs already. */
  readonly onLaunched?: () => void
  /** Asked whether the database at the owner's address lacks nothing: its logins are not made again then. */
  readonly isWhole?: (ownerUrl: string) => Promise<boolean>
}

/** The embedded PostgreSQL with its logins: what `DATABASE_URL` stands for in production. */
export const startDevelopmentDatabase = async (
  directory: string,
  { onLaunched = () => {}, isWhole = async () => false }: DevelopmentDatabaseOptions = {},
): Promise<DevelopmentDatabase> => {
  const server = await startEmbeddedPostgres({ directory: join(directory, 'postgres'), durable: true, onLaunched })
  const cluster = { superuserUrl: server.superuserUrl, database: 'postern', passwords: passwordsIn(join(directory, 'keys')) }
  const logins = loginsOf(cluster)
  const whole = await isWhole(logins.ownerUrl)
  if (!whole) await bootstrapCluster(cluster)
  return { ...logins, server, whole, stop: () => leave(server) }
}
