import { randomBytes } from 'node:crypto'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { demoAgencies } from '../../config/personas.ts'
import { addAgency } from '../host/agencies.ts'
import { bootstrapCluster, type Logins } from '../host/database/bootstrap-cluster.ts'
import { startEmbeddedPostgres, type EmbeddedPostgres } from '../host/database/embedded-postgres.ts'

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
  const path = join(directory, 'logins.json')
  try {
    return JSON.parse(readFileSync(path, 'utf8')) as Passwords
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error
  }
  const passwords = makePasswords()
  writeFileSync(path, JSON.stringify(passwords), { mode: 0o600, flag: 'wx' })
  return passwords
}

export interface DevelopmentDatabase extends Logins {
  readonly server: EmbeddedPostgres
}

/** The embedded PostgreSQL with its logins: what `DATABASE_URL` stands for in production. */
export const startDevelopmentDatabase = async (directory: string): Promise<DevelopmentDatabase> => {
  const server = await startEmbeddedPostgres({ directory: join(directory, 'postgres'), durable: true })
  const logins = await bootstrapCluster({ superuserUrl: server.superuserUrl, database: 'postern', passwords: passwordsIn(join(directory, 'keys')) })
  return { ...logins, server }
}

/** The demo agencies; running it again changes nothing. */
export const seedDemo = async (ownerUrl: string): Promise<void> => {
  for (const agency of demoAgencies) await addAgency(ownerUrl, agency)
}
