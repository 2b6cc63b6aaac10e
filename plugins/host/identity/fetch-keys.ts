import { createPublicKey, type JsonWebKey, type KeyObject } from 'node:crypto'

/** A public key of the issuer, and the algorithms that it verifies. */
export interface SigningKey {
  readonly pem: string
  readonly algorithms: readonly string[]
}

export type SigningKeys = ReadonlyMap<string, SigningKey>

export interface KeySource {
  /** The issuer's identifier; discovery is found below it and must repeat it exactly. */
  readonly issuer: string
  readonly timeoutMs: number
}

const maxBytes = 256 * 1024
const maxKeys = 100

/** Only fetches that ended well, as JSON, in time and in bounds; no redirects: the address is the issuer's word. */
const fetchJson = async (url: string, signal: AbortSignal): Promise<Record<string, unknown>> => {
  const response = await fetch(url, { signal, redirect: 'error', headers: { accept: 'application/json' } })
  const parts: Uint8Array[] = []
  let size = 0
  for await (const part of response.body ?? []) {
    size += part.byteLength
    if (size > maxBytes) throw new Error('the issuer answered with too large a document')
    parts.push(part)
  }
  if (!response.ok) throw new Error(`the issuer answered ${response.status}`)
  const parsed: unknown = JSON.parse(Buffer.concat(parts).toString('utf8'))
  if (typeof parsed !== 'object' || parsed === null) throw new Error('the issuer answered with something that is no object')
  return parsed as Record<string, unknown>
}

const keysAddress = (discovery: Record<string, unknown>, issuer: string): string => {
  if (discovery['issuer'] !== issuer) throw new Error('discovery names another issuer')
  const address = new URL(String(discovery['jwks_uri']))
  if (address.protocol !== 'https:' && address.protocol !== new URL(issuer).protocol) throw new Error('jwks_uri is not https')
  return address.href
}

const algorithmsOf = (key: KeyObject): readonly string[] => {
  const details = key.asymmetricKeyDetails
  if (key.asymmetricKeyType === 'rsa') {
    return (details?.modulusLength ?? 0) >= 2048 ? ['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512'] : []
  }
  if (key.asymmetricKeyType === 'ed25519') return ['EdDSA']
  const curves: Record<string, string> = { prime256v1: 'ES256', secp384r1: 'ES384', secp521r1: 'ES512' }
  const algorithm = curves[details?.namedCurve ?? '']
  return algorithm === undefined ? [] : [algorithm]
}

/** A key that cannot be used here (for encryption, symmetric, too short, of an unknown kind) is passed over. */
const readKey = (jwk: JsonWebKey): [string, SigningKey] | null => {
  if (typeof jwk['kid'] !== 'string' || (jwk['use'] !== undefined && jwk['use'] !== 'sig') || jwk.kty === 'oct') return null
  try {
    const key = createPublicKey({ key: jwk, format: 'jwk' })
    const algorithms = algorithmsOf(key).filter((algorithm) => jwk['alg'] === undefined || jwk['alg'] === algorithm)
    if (algorithms.length === 0) return null
    return [jwk['kid'], { pem: key.export({ type: 'spki', format: 'pem' }).toString(), algorithms }]
  } catch {
    return null
  }
}

/**
 * The issuer's current signing keys by key id, by way of discovery.
 * @throws whatever went wrong: no answer in time, another issuer's document, not one usable key
 * @see OpenID Connect Discovery 1.0, section 4.3 (the issuer must match)
 */
export const fetchKeys = async ({ issuer, timeoutMs }: KeySource, closing: AbortSignal): Promise<SigningKeys> => {
  const signal = AbortSignal.any([closing, AbortSignal.timeout(timeoutMs)])
  const discovery = await fetchJson(`${issuer.replace(/\/$/, '')}/.well-known/openid-configuration`, signal)
  const { keys } = await fetchJson(keysAddress(discovery, issuer), signal)
  if (!Array.isArray(keys)) throw new Error('the issuer answered with no key set')
  const usable = keys
    .slice(0, maxKeys)
    .map((jwk: unknown) => (typeof jwk === 'object' && jwk !== null ? readKey(jwk as JsonWebKey) : null))
    .filter((entry) => entry !== null)
  if (usable.length === 0) throw new Error('the issuer has no key that can be used')
  return new Map(usable)
}
