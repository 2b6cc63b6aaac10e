import { createPrivateKey } from 'node:crypto'
import { isIP } from 'node:net'
import { type FhirUpstream, type KeySet, type NamedKey, type TokenType, tokenTypes } from './app-config.ts'

/** Each of these reads one kind of value and returns `undefined` for a text that it does not understand. */
export type Parser<T> = (text: string) => T | undefined

const urlOf = (text: string): URL | undefined => (URL.canParse(text) ? new URL(text) : undefined)
const listOf = (text: string): string[] => text.split(',').map((part) => part.trim())
const differ = (values: readonly string[]): boolean => new Set(values).size === values.length

/** An address of a service, without a trailing slash; credentials have variables of their own. */
export const httpUrl: Parser<string> = (text) => {
  const url = urlOf(text)
  const plain = url && /^https?:$/.test(url.protocol) && !url.username && !url.password && !url.search && !url.hash
  return plain ? text.replace(/\/+$/, '') : undefined
}

const urlWith =
  (protocols: RegExp): Parser<string> =>
  (text) => {
    const url = urlOf(text)
    return url && protocols.test(url.protocol) && url.hostname && !url.hash ? text : undefined
  }

export const postgresUrl: Parser<string> = (text) => (urlOf(text)?.pathname.slice(1) ? urlWith(/^postgres(ql)?:$/)(text) : undefined)
export const redisUrl = urlWith(/^rediss?:$/)
export const smtpUrl = urlWith(/^smtps?:$/)

/** @see https://html.spec.whatwg.org/multipage/browsers.html#ascii-serialisation-of-an-origin */
export const origins: Parser<readonly string[]> = (text) => {
  const list = listOf(text)
  return list.every((origin) => /^https?:[^*]+$/.test(origin) && urlOf(origin)?.origin === origin) && differ(list) ? list : undefined
}

const isNetwork = (text: string): boolean => {
  const [address = '', bits, ...more] = text.split('/')
  const family = isIP(address)
  if (family === 0 || more.length > 0) return false
  return bits === undefined || (/^[1-9]\d{0,2}$/.test(bits) && Number(bits) <= (family === 4 ? 32 : 128))
}

/** A network of zero bits is everybody, and is not understood on purpose. */
export const proxies: Parser<readonly string[]> = (text) => {
  const list = listOf(text)
  return list.every((part) => isNetwork(part) || part === 'loopback' || part === 'linklocal' || part === 'uniquelocal') ? list : undefined
}

export const types: Parser<readonly TokenType[]> = (text) => {
  const list = listOf(text)
  return list.every((type): type is TokenType => tokenTypes.some((known) => known === type)) && differ(list) ? list : undefined
}

const bytesOf = (base64: string): Buffer | undefined => {
  const bytes = Buffer.from(base64, 'base64')
  return bytes.toString('base64').replace(/=+$/, '') === base64.replace(/=+$/, '') ? bytes : undefined
}

const namedKey = (text: string): NamedKey | undefined => {
  const [, id, base64] = /^([A-Za-z0-9._-]{1,32}):([A-Za-z0-9+/]+=*)$/.exec(text) ?? []
  const key = base64 === undefined ? undefined : bytesOf(base64)
  // Thirty-two equal bytes are a placeholder that somebody forgot to fill in.
  return id !== undefined && key?.length === 32 && key.some((byte) => byte !== key[0]) ? { id, key } : undefined
}

export const keySet: Parser<KeySet> = (text) => {
  const keys = listOf(text).map(namedKey)
  const read = keys.filter((key) => key !== undefined)
  return read.length === keys.length && differ(read.map((key) => key.id)) ? read : undefined
}

/** Returns PKCS #8 DER in base64, from that or from PEM. */
export const signingKey: Parser<string> = (text) => {
  const der = bytesOf(text.replace(/-----(BEGIN|END) PRIVATE KEY-----/g, '').replace(/\s+/g, ''))
  try {
    const key = createPrivateKey({ key: der ?? Buffer.alloc(0), format: 'der', type: 'pkcs8' })
    return key.asymmetricKeyType === 'ed25519' ? der!.toString('base64') : undefined
  } catch {
    return undefined
  }
}

/** Raw Ed25519 public keys in base64. */
export const publicKeys: Parser<readonly string[]> = (text) => {
  const list = listOf(text).map(bytesOf)
  const keys = list
    .filter((bytes) => bytes?.length === 32 && bytes.some((byte) => byte !== bytes[0]))
    .map((bytes) => bytes!.toString('base64'))
  return keys.length === list.length && differ(keys) ? keys : undefined
}

export const hostAndPort =
  (defaultPort: number): Parser<{ host: string; port: number }> =>
  (text) => {
    const [host = '', port] = text.split(':')
    const number = port === undefined ? defaultPort : Number(port)
    return number <= 65_535 ? { host, port: number } : undefined
  }

export const headers: Parser<Readonly<Record<string, string>>> = (text) => {
  const pairs = listOf(text).map((part) => /^([!#$%&'*+.^_`|~\w-]+)=([\x21-\x7e][\x20-\x7e]*)$/.exec(part))
  return pairs.every((pair) => pair !== null) ? Object.fromEntries(pairs.map((pair) => [pair[1]!, pair[2]!])) : undefined
}

const upstream = (value: unknown): FhirUpstream | undefined => {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return undefined
  const { baseUrl, token = null, ...unknown } = value as { baseUrl?: unknown; token?: unknown }
  const url = typeof baseUrl === 'string' ? httpUrl(baseUrl) : undefined
  const readable = url !== undefined && (token === null || (typeof token === 'string' && token !== ''))
  return readable && Object.keys(unknown).length === 0 ? { baseUrl: url, token: token as string | null } : undefined
}

const agencyId = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/

export const fhirUpstreams: Parser<Readonly<Record<string, FhirUpstream>>> = (text) => {
  let map: unknown
  try {
    map = JSON.parse(text)
  } catch {
    return undefined
  }
  if (typeof map !== 'object' || map === null || Array.isArray(map)) return undefined
  const read: Record<string, FhirUpstream> = {}
  for (const [agency, value] of Object.entries(map)) {
    const server = upstream(value)
    if (!server || !agencyId.test(agency)) return undefined
    read[agency] = server
  }
  return read
}
