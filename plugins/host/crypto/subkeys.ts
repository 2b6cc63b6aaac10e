import { createSecretKey, hkdfSync, type KeyObject } from 'node:crypto'
import type { KeySet } from './key-set.ts'

/** Keys of one purpose, derived per scope (an agency) and key id. */
export interface Subkeys {
  readonly currentId: string
  /** The derived key, or `undefined` where the set has no key of that id. */
  of(keyId: string, scope: string): KeyObject | undefined
}

/**
 * HKDF-SHA-256 per purpose and scope, so that a key never serves two uses and a ciphertext of one agency cannot be opened as
 * another's. Derived keys are remembered for up to `limit` scopes a key; beyond it the oldest is derived again when it is needed.
 */
export const createSubkeys = (keys: KeySet, purpose: string, limit = 4_096): Subkeys => {
  const masters = new Map(keys.map(({ id, key }) => [id, key]))
  const derived = new Map<string, Map<string, KeyObject>>(keys.map(({ id }) => [id, new Map()]))
  const currentId = keys[0]!.id
  return {
    currentId,
    of(keyId, scope) {
      const ofKey = derived.get(keyId)
      const known = ofKey?.get(scope)
      if (known || !ofKey) return known
      const key = createSecretKey(Buffer.from(hkdfSync('sha256', masters.get(keyId)!, Buffer.from(scope), `postern/${purpose}/v1`, 32)))
      if (ofKey.size >= limit) ofKey.delete(ofKey.keys().next().value!)
      ofKey.set(scope, key)
      return key
    },
  }
}
