import { randomBytes } from 'node:crypto'
import { newId } from '../../../domain/shared/ids.ts'
import { createDocumentKeyCipher, type KeySet } from '../crypto/index.ts'

/** The key that the documents of one owner are sealed under. */
export interface DataKey {
  readonly id: string
  readonly key: Buffer
  /** Sealed under the key-encryption key of this id: what the database keeps. */
  readonly wrapped: Buffer
  readonly wrappedBy: string
}

export interface KeyOwner {
  readonly agencyId: string
  readonly ownerId: string
}

export interface DataKeys {
  /** The id of the key-encryption key that wraps now; a data key that another one wrapped is for reading. */
  readonly wrapsWith: string
  /** `id` is a new one unless told. */
  make(owner: KeyOwner, now: number, id?: string): DataKey
  /** @throws Error('ciphertext refused') where the wrapping key is gone, or the wrapped one is another owner's */
  unwrap(owner: KeyOwner, id: string, wrapped: Buffer): Buffer
}

/** Data keys per owner, wrapped by `DOCUMENT_KEYS`. Whoever deletes a wrapped key, or the key that wraps it, makes its documents unreadable. */
export const createDataKeys = (keys: KeySet): DataKeys => {
  const cipher = createDocumentKeyCipher(keys)
  const wrapsWith = keys[0]!.id
  return {
    wrapsWith,
    make({ agencyId, ownerId }, now, id = newId(now)) {
      const key = randomBytes(32)
      return { id, key, wrapped: cipher.seal(key.toString('base64'), { agencyId, ownerId, keyId: id }), wrappedBy: wrapsWith }
    },
    unwrap: ({ agencyId, ownerId }, id, wrapped) => Buffer.from(cipher.open(wrapped, { agencyId, ownerId, keyId: id }), 'base64'),
  }
}
