import { createHmac } from 'node:crypto'
import type { BlindIndexPort } from '../ports.ts'
import { lengthPrefixed } from './envelope.ts'
import type { KeySet } from './key-set.ts'
import { createSubkeys } from './subkeys.ts'

export type BlindIndex = BlindIndexPort

/**
 * HMAC-SHA-256 fingerprints under `INDEX_KEYS`. Equal values of one purpose give equal bytes; values of different purposes never
 * compare, so that an email cannot be matched against a phone number.
 */
export const createBlindIndex = (keys: KeySet): BlindIndex => {
  const subkeys = createSubkeys(keys, 'index', 64)
  const fingerprint = (keyId: string, purpose: string, normalised: string): Buffer =>
    createHmac('sha256', subkeys.of(keyId, '')!)
      .update(lengthPrefixed([purpose, normalised]))
      .digest()
  return {
    index: (purpose, normalised) => fingerprint(subkeys.currentId, purpose, normalised),
    candidates: (purpose, normalised) => keys.map(({ id }) => fingerprint(id, purpose, normalised)),
  }
}
