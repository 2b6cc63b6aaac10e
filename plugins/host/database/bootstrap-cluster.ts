import pg from 'pg'
import { appLogin, bypassLogin, ownerLogin } from './roles.ts'

export interface Logins {
  readonly ownerUrl: string
  readonly appUrl: string
  readonly bypassUrl: string
}

export interface BootstrapOptions {
  readonly superuserUrl: string
  readonly database: string
  /** Set on every call, so that the caller's own record of them is always the one that holds. */
  readonly passwords: { readonly owner: string; readonly app: string; readonly bypass: string }
}

const { escapeIdentifier: name, escapeLiteral: text } = pg

const createLogin = (login: string, attributes: string, password: string): string => `
  do $$ begin
    if not exists (select from pg_roles where rolname = ${text(login)}) then create role ${name(login)}; end if;
  end $$;
  alter role ${name(login)} with login nosuperuser nobypassrls nocreatedb noreplication ${attributes} password ${text(password)};`

/** The owner administers the two others (so that migrations may grant to them) without being able to act as them. */
const administers = (login: string): string => `grant ${name(login)} to ${name(ownerLogin)} with admin true, inherit false, set false;`

const withDatabase = (url: string, user: string, password: string, database: string): string => {
  const address = new URL(url)
  address.username = user
  address.password = password
  address.pathname = `/${encodeURIComponent(database)}`
  return address.href
}

/** The addresses of the three logins, whether they are there or not. */
export const loginsOf = ({ superuserUrl: url, database, passwords }: BootstrapOptions): Logins => ({
  ownerUrl: withDatabase(url, ownerLogin, passwords.owner, database),
  appUrl: withDatabase(url, appLogin, passwords.app, database),
  bypassUrl: withDatabase(url, bypassLogin, passwords.bypass, database),
})

const setUp = async (client: pg.Client, { database, passwords }: BootstrapOptions): Promise<void> => {
  await client.query("begin; select pg_advisory_xact_lock(hashtext('postern bootstrap'))")
  await client.query(createLogin(ownerLogin, 'createrole inherit', passwords.owner))
  await client.query(createLogin(appLogin, 'nocreaterole noinherit', passwords.app))
  await client.query(createLogin(bypassLogin, 'nocreaterole noinherit', passwords.bypass))
  await client.query(administers(appLogin) + administers(bypassLogin))
  await client.query('commit')
  const { rowCount } = await client.query('select from pg_database where datname = $1', [database])
  if (rowCount) return
  await client.query(`create database ${name(database)} owner ${name(ownerLogin)}`).catch((error: { code?: string }) => {
    if (error.code !== '42P04' && error.code !== '23505') throw error
  })
}

/**
 * Makes the three logins and the database in a cluster that this project owns (the embedded one). Idempotent, and safe to run twice
 * at once. Elsewhere an administrator makes the owner login and the database; the first migration makes the rest.
 */
export const bootstrapCluster = async (options: BootstrapOptions): Promise<Logins> => {
  const client = new pg.Client({ connectionString: options.superuserUrl, connectionTimeoutMillis: 10_000, statement_timeout: 30_000 })
  client.on('error', () => {})
  await client.connect()
  try {
    await setUp(client, options)
  } finally {
    await client.end().catch(() => {})
  }
  return loginsOf(options)
}
