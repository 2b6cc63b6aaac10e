import { randomBytes } from 'node:crypto'
import type { KeySet, NamedKey } from '../../../config/env/app-config.ts'

export type { KeySet, NamedKey } from '../../../config/env/app-config.ts'

const keyId = /^[a-z0-9-]{1,16}$/

const parseEntry = (entry: string, position: number): NamedKey => {
  const colon = entry.indexOf(':')
  const id = entry.slice(0, Math.max(colon, 0))
  if (!keyId.test(id)) throw new Error(`key ${position} has no id of 1 to 16 letters a-z, digits or hyphens before its colon`)
  const text = entry.slice(colon + 1)
  const key = Buffer.from(text, 'base64')
  // Buffer.from skips what is not base64, so only a text that comes back the same was really a key.
  if (key.length !== 32 || key.toString('base64') !== text) throw new Error(`key ${position} is not 32 bytes in base64`)
  return Object.freeze({ id, key })
}

/**
 * Reads `id:base64,id:base64`. The first key seals, the others still open what they sealed.
 * @throws Error that says which entry is wrong, never what it holds
 */
export const parseKeySet = (text: string): KeySet => {
  const keys = text.split(',').map((entry, index) => parseEntry(entry.trim(), index + 1))
  if (new Set(keys.map(({ id }) => id)).size < keys.length) throw new Error('two keys have the same id')
  return Object.freeze(keys)
}

/** A fresh key as one entry of a key set, for the development profile and for rotation by hand. */
export const generateKey = (id = 'dev1'): string => `${id}:${randomBytes(32).toString('base64')}`
