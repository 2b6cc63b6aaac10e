import { createPrivateKey, generateKeyPairSync, randomBytes, randomUUID, type JsonWebKey } from 'node:crypto'
import { linkSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

export type IssuerAlgorithm = 'RS256' | 'ES256' | 'EdDSA'

/** What the development issuer keeps over restarts. Private keys included: the file is readable by its owner alone. */
export interface IssuerState {
  /** Newest first; the first signs, all of them verify. */
  readonly keys: readonly JsonWebKey[]
  readonly clientSecret: string
  /** Where it listened last: tokens name the address, so a restart keeps it where it can. */
  readonly port: number
}

export const newKey = (algorithm: IssuerAlgorithm): JsonWebKey => {
  const pair =
    algorithm === 'RS256'
      ? generateKeyPairSync('rsa', { modulusLength: 2048 })
      : algorithm === 'ES256'
        ? generateKeyPairSync('ec', { namedCurve: 'P-256' })
        : generateKeyPairSync('ed25519')
  return { ...pair.privateKey.export({ format: 'jwk' }), kid: randomUUID(), alg: algorithm, use: 'sig' }
}

const fileIn = (dataDir: string): string => join(dataDir, 'issuer.json')

const draftOf = (dataDir: string, state: IssuerState): string => {
  const draft = `${fileIn(dataDir)}.${randomUUID()}`
  writeFileSync(draft, JSON.stringify(state), { mode: 0o600, flag: 'wx' })
  return draft
}

const read = (dataDir: string): IssuerState | null => {
  let text: string
  try {
    text = readFileSync(fileIn(dataDir), 'utf8')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null
    throw error
  }
  try {
    const state = JSON.parse(text) as IssuerState
    state.keys.forEach((jwk) => createPrivateKey({ key: jwk, format: 'jwk' }))
    if (state.keys.length === 0 || typeof state.clientSecret !== 'string' || !Number.isInteger(state.port)) throw new Error('incomplete')
    return state
  } catch {
    throw new Error(`${fileIn(dataDir)} does not hold the development issuer's keys. Delete it, and new ones are made.`)
  }
}

/** Replaces the file in one step: a crash leaves the old one or the new one. */
export const saveState = (dataDir: string, state: IssuerState): void => renameSync(draftOf(dataDir, state), fileIn(dataDir))

/** The kept state, made on the first start. Where two processes start at once, both get what the first one made. */
export const loadState = (dataDir: string, algorithm: IssuerAlgorithm): IssuerState => {
  const kept = read(dataDir)
  if (kept !== null) return kept
  mkdirSync(dataDir, { recursive: true })
  const made: IssuerState = { keys: [newKey(algorithm)], clientSecret: randomBytes(24).toString('base64url'), port: 0 }
  const draft = draftOf(dataDir, made)
  try {
    linkSync(draft, fileIn(dataDir))
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
  } finally {
    rmSync(draft)
  }
  return read(dataDir)!
}
