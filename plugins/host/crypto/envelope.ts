import { createCipheriv, createDecipheriv, randomFillSync } from 'node:crypto'
import type { Subkeys } from './subkeys.ts'

const version = 1
const nonceBytes = 12
const tagBytes = 16
const mostText = 64 * 1024 * 1024

// Random bytes are drawn for many nonces at once: one call per nonce would cost more than the encryption of a short field.
const pool = Buffer.allocUnsafe(nonceBytes * 512)
let used = pool.length

const nextNonce = (into: Buffer, at: number): void => {
  if (used === pool.length) {
    randomFillSync(pool)
    used = 0
  }
  pool.copy(into, at, used, used + nonceBytes)
  used += nonceBytes
}

const writePart = (bytes: Buffer, part: string, at: number): number => {
  const length = bytes.write(part, at + 4)
  bytes.writeUInt32BE(length, at)
  return at + 4 + length
}

/** The parts one after another, each behind its length, so that no two lists of parts give the same bytes. */
export const lengthPrefixed = (parts: readonly string[]): Buffer => {
  let size = 0
  for (const part of parts) size += 4 + Buffer.byteLength(part)
  const bytes = Buffer.allocUnsafe(size)
  let at = 0
  for (const part of parts) at = writePart(bytes, part, at)
  return bytes
}

const associated = (keyId: string, place: readonly string[]): Buffer => lengthPrefixed([`v${version}`, keyId, ...place])

const refused = (): Error => new Error('ciphertext refused')

/**
 * Seals text as `version | length of key id | key id | nonce (12) | ciphertext | tag (16)`, AES-256-GCM with a random nonce.
 * Version, key id and `place` are authenticated: a ciphertext opens only where it was sealed and only under its own key.
 */
export const seal = (subkeys: Subkeys, scope: string, place: readonly string[], plaintext: string): Buffer => {
  const keyId = subkeys.currentId
  const head = 2 + keyId.length
  const length = Buffer.byteLength(plaintext)
  const sealed = Buffer.allocUnsafe(head + nonceBytes + length + tagBytes)
  sealed[0] = version
  sealed[1] = keyId.length
  sealed.write(keyId, 2, 'latin1')
  nextNonce(sealed, head)
  const body = sealed.subarray(head + nonceBytes, head + nonceBytes + length)
  body.write(plaintext)
  const cipher = createCipheriv('aes-256-gcm', subkeys.of(keyId, scope)!, sealed.subarray(head, head + nonceBytes))
  cipher.setAAD(associated(keyId, place))
  cipher.update(body).copy(body)
  cipher.final()
  cipher.getAuthTag().copy(sealed, head + nonceBytes + length)
  return sealed
}

const keyIdOf = (sealed: Buffer): string => {
  const length = sealed[1] ?? 0
  if (sealed[0] !== version || length < 1 || length > 16) throw refused()
  if (sealed.length < 2 + length + nonceBytes + tagBytes || sealed.length > mostText) throw refused()
  return sealed.toString('latin1', 2, 2 + length)
}

/**
 * Opens what `seal` made for the same scope and place.
 * @throws Error('ciphertext refused') on anything else, whatever is wrong with it
 */
export const open = (subkeys: Subkeys, scope: string, place: readonly string[], sealed: Buffer): string => {
  const keyId = keyIdOf(sealed)
  const key = subkeys.of(keyId, scope)
  if (!key) throw refused()
  const head = 2 + keyId.length
  const end = sealed.length - tagBytes
  const decipher = createDecipheriv('aes-256-gcm', key, sealed.subarray(head, head + nonceBytes), { authTagLength: tagBytes })
  decipher.setAAD(associated(keyId, place))
  decipher.setAuthTag(sealed.subarray(end))
  const text = decipher.update(sealed.subarray(head + nonceBytes, end))
  try {
    decipher.final()
  } catch {
    throw refused()
  }
  return text.toString('utf8')
}
