import { createHash, createPrivateKey, createPublicKey, sign, verify, type KeyObject } from 'node:crypto'

/** An Ed25519 signature with the fingerprint of the key that made it. */
export interface Signature {
  readonly key: string
  readonly signature: string
}

export interface Signer {
  /** The fingerprint of the public key: the first 16 hex digits of its SHA-256. */
  readonly keyId: string
  /** The raw public key, 32 bytes in base64: what verifiers are given. */
  readonly publicKey: string
  sign(text: string | Buffer): Signature
}

/** Checks signatures of the public keys it was given; those of every other key are refused. */
export interface SignatureVerifier {
  readonly keyIds: readonly string[]
  verify(text: string | Buffer, signed: Signature): boolean
}

const seedPrefix = Buffer.from('302e020100300506032b657004220420', 'hex')
const publicPrefix = Buffer.from('302a300506032b6570032100', 'hex')

const exactBase64 = (text: string): Buffer | null => {
  const bytes = Buffer.from(text, 'base64')
  return bytes.length > 0 && bytes.toString('base64') === text ? bytes : null
}

const fingerprint = (rawPublicKey: Buffer): string => createHash('sha256').update(rawPublicKey).digest('hex').slice(0, 16)

const rawPublic = (key: KeyObject): Buffer => {
  const der = createPublicKey(key).export({ type: 'spki', format: 'der' })
  return der.subarray(der.length - 32)
}

const privateKeyOf = (text: string): KeyObject => {
  const bytes = exactBase64(text.trim())
  if (!bytes) throw new Error('the audit signing key is not base64')
  try {
    const der = bytes.length === 32 ? Buffer.concat([seedPrefix, bytes]) : bytes
    const key = createPrivateKey({ key: der, format: 'der', type: 'pkcs8' })
    if (key.asymmetricKeyType === 'ed25519') return key
  } catch {
    // The library's message could quote key material.
  }
  throw new Error('the audit signing key is neither an Ed25519 PKCS #8 key nor a 32-byte seed')
}

/**
 * Signs with `AUDIT_SIGNING_KEY`: an Ed25519 private key, PKCS #8 DER or its 32-byte seed, in base64.
 * @throws Error without any of the key in it
 */
export const createSigner = (signingKey: string): Signer => {
  const key = privateKeyOf(signingKey)
  const publicKey = rawPublic(key)
  const keyId = fingerprint(publicKey)
  return {
    keyId,
    publicKey: publicKey.toString('base64'),
    sign: (text) => ({ key: keyId, signature: sign(null, Buffer.from(text as string), key).toString('base64') }),
  }
}

const publicKeyOf = (text: string): readonly [string, KeyObject] => {
  const raw = exactBase64(text.trim())
  if (raw?.length !== 32) throw new Error('a public key is not 32 bytes in base64')
  return [fingerprint(raw), createPublicKey({ key: Buffer.concat([publicPrefix, raw]), format: 'der', type: 'spki' })]
}

/** Checks against raw Ed25519 public keys in base64: the current one and those that signed before a rotation. */
export const createVerifier = (publicKeys: readonly string[]): SignatureVerifier => {
  const keys = new Map(publicKeys.map(publicKeyOf))
  return {
    keyIds: [...keys.keys()],
    verify(text, signed) {
      const key = keys.get(signed.key)
      const signature = key && exactBase64(signed.signature)
      return Boolean(signature) && verify(null, Buffer.from(text as string), key!, signature as Buffer)
    },
  }
}
