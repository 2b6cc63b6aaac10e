import { generateKeyPairSync, randomBytes, randomUUID } from 'node:crypto'
import { linkSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Keys, KeySet, KeysConfig } from '../../config/env.ts'

const makeSet = (): string => `dev-1:${randomBytes(32).toString('base64')}`

const makeSigningKey = (): string => generateKeyPairSync('ed25519').privateKey.export({ type: 'pkcs8', format: 'der' }).toString('base64')

const readSet = (text: string): KeySet =>
  text.split(',').map((part) => {
    const at = part.indexOf(':')
    const key = Buffer.from(part.slice(at + 1), 'base64')
    if (at < 1 || key.length !== 32)
      throw new Error('A generated key file is damaged: restore it, or remove it together with the data it protects.')
    return { id: part.slice(0, at), key }
  })

const codeOf = (error: unknown): string | undefined => (error as NodeJS.ErrnoException).code

/** A link never replaces a file that is already there. Some mounted file systems know no links: there the last writer wins. */
const putInPlace = (aside: string, path: string): void => {
  try {
    linkSync(aside, path)
  } catch (error) {
    if (codeOf(error) === 'EEXIST') return
    if (!['EPERM', 'ENOTSUP', 'ENOSYS'].includes(codeOf(error) ?? '')) throw error
    renameSync(aside, path)
  }
}

/** Writes aside, then puts in place: of several processes that start at once, one wins and all read the same secret. */
export const once = (directory: string, name: string, make: () => string): string => {
  const path = join(directory, name)
  const aside = `${path}.${randomUUID()}`
  try {
    return readFileSync(path, 'utf8')
  } catch (error) {
    if (codeOf(error) !== 'ENOENT') throw error
  }
  try {
    writeFileSync(aside, make(), { mode: 0o600, flag: 'wx', flush: true })
    putInPlace(aside, path)
  } finally {
    rmSync(aside, { force: true })
  }
  return readFileSync(path, 'utf8')
}

/**
 * Fills in the keys that the environment did not set: made once in `generateIn` (0700, files 0600), read ever after.
 * Development only: production has refused to start before anything gets here.
 * @throws Error where the directory cannot be written or a file is damaged; never with key material in it
 */
export const completeKeys = (keys: KeysConfig): Keys => {
  const { generateIn, ...given } = keys
  const set = (name: 'fields' | 'index' | 'documents' | 'audit'): KeySet => given[name] ?? readSet(once(generateIn, name, makeSet))
  if (Object.values(given).some((key) => key === null)) mkdirSync(generateIn, { recursive: true, mode: 0o700 })
  return Object.freeze({
    fields: set('fields'),
    index: set('index'),
    documents: set('documents'),
    audit: set('audit'),
    auditSigning: given.auditSigning ?? once(generateIn, 'audit-signing', makeSigningKey),
  })
}
