import { readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import pg from 'pg'

/** What the lock file of a data directory says about the server that wrote it. */
export interface Postmaster {
  readonly pid: number
  readonly port: number
}

const lockFile = (data: string): string => join(data, 'postmaster.pid')

/** Reads the lock file; null where there is none, or none that can be read whole yet. */
export const readPostmaster = (data: string): Postmaster | null => {
  try {
    const lines = readFileSync(lockFile(data), 'utf8').split('\n')
    const [pid, port] = [Number(lines[0]), Number(lines[3])]
    return Number.isInteger(pid) && pid > 0 && Number.isInteger(port) && port > 0 ? { pid, port } : null
  } catch {
    return null
  }
}

/** Is that process alive, and is it a server of this data directory (not a stranger that was given the same id)? */
export const isServerOf = (data: string, pid: number): boolean => {
  try {
    const words = readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0')
    return words.includes(data) && words.some((word) => word.endsWith('/postgres'))
  } catch {
    return false
  }
}

const isAlive = (pid: number): boolean => {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM'
  }
}

/**
 * Removes a lock file that PostgreSQL itself would stumble over: one that was never written whole, or one whose process id a stranger
 * has by now. Any other it judges better itself, for it also sees orphaned sessions that still use the data.
 */
export const clearStaleLock = (data: string): void => {
  const found = readPostmaster(data)
  if (found && (isServerOf(data, found.pid) || !isAlive(found.pid))) return
  rmSync(lockFile(data), { force: true })
}

/**
 * Does a server answer at this address, and is this its data directory?
 *
 * @throws Error where it answers that the password is wrong; every other failure is a no.
 */
export const answers = async (url: string, data: string): Promise<boolean> => {
  const client = new pg.Client({ connectionString: url, connectionTimeoutMillis: 2_000, query_timeout: 2_000 })
  client.on('error', () => {})
  try {
    await client.connect()
    const { rows } = await client.query<{ data_directory: string }>('show data_directory')
    return rows[0]?.data_directory === data
  } catch (error) {
    if ((error as { code?: string }).code === '28P01')
      throw new Error(`The server of ${data} has another password than the one beside it.`, { cause: error })
    return false
  } finally {
    await client.end().catch(() => {})
  }
}
