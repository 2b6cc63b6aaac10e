import { randomUUID } from 'node:crypto'
import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

/** An account of the development issuer. */
export interface DevAccount {
  readonly accountId: string
  readonly agencyId: string
  readonly subjectId: string
  readonly email: string
  readonly firstName: string
  readonly lastName: string
  readonly roles: readonly string[]
  readonly enabled: boolean
  /** SHA-256 of the link that opens it, and until when in milliseconds; null where none is out. */
  readonly link: { readonly hash: string; readonly until: number } | null
  /** Milliseconds; null where they never were. */
  readonly sessionsEndedAt: number | null
}

/** The accounts on disk. Each change reads, changes and replaces the file in one go, so that a crash leaves the old one or the new one. */
export interface AccountFile {
  all(): readonly DevAccount[]
  /** Changes the account that `find` finds, or leaves all as they are. @returns the changed one */
  change(find: (account: DevAccount) => boolean, change: (account: DevAccount) => DevAccount): DevAccount | null
  add(account: DevAccount): void
}

export const openAccountFile = (dataDir: string): AccountFile => {
  const path = join(dataDir, 'accounts.json')
  const read = (): readonly DevAccount[] => {
    try {
      return JSON.parse(readFileSync(path, 'utf8')) as DevAccount[]
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return []
      throw error
    }
  }
  const save = (accounts: readonly DevAccount[]): void => {
    mkdirSync(dataDir, { recursive: true })
    const aside = `${path}.${randomUUID()}`
    writeFileSync(aside, JSON.stringify(accounts), { mode: 0o600, flag: 'wx' })
    renameSync(aside, path)
  }
  return {
    all: read,
    change(find, change) {
      let changed: DevAccount | null = null
      const next = read().map((account) => (changed === null && find(account) ? (changed = change(account)) : account))
      if (changed !== null) save(next)
      return changed
    },
    add: (account) => save([...read(), account]),
  }
}
