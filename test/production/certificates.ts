import { generateKeyPairSync, randomBytes, sign, type KeyObject } from 'node:crypto'

/** X.509 in DER, as much of it as a server certificate takes: tag, length, content. */
const der = (tag: number, ...parts: readonly Buffer[]): Buffer => {
  const content = Buffer.concat(parts)
  const { length } = content
  const head = length < 128 ? [length] : length < 256 ? [0x81, length] : [0x82, length >> 8, length & 255]
  return Buffer.concat([Buffer.from([tag, ...head]), content])
}
const sequence = (...parts: readonly Buffer[]): Buffer => der(0x30, ...parts)
const object = (hex: string): Buffer => der(0x06, Buffer.from(hex, 'hex'))
const text = (tag: number, value: string): Buffer => der(tag, Buffer.from(value))
const isTrue = der(0x01, Buffer.from([0xff]))

const nameOf = (value: string): Buffer => sequence(der(0x31, sequence(object('550403'), text(0x0c, value))))
const ecdsaWithSha256 = sequence(object('2a8648ce3d040302'))
const timeOf = (ms: number): Buffer => text(0x17, `${new Date(ms).toISOString().slice(2, 19).replaceAll(/[-:T]/g, '')}Z`)
const extension = (id: string, critical: boolean, content: Buffer): Buffer =>
  sequence(object(id), ...(critical ? [isTrue] : []), der(0x04, content))

const pem = (label: string, content: Buffer): string =>
  `-----BEGIN ${label}-----\n${content.toString('base64').replaceAll(/.{64}/g, '$&\n').trimEnd()}\n-----END ${label}-----\n`

const dayMs = 86_400_000

export interface Issued {
  readonly cert: string
  readonly key: string
}

interface Subject {
  readonly name: string
  /** Host names that the certificate is for; none makes an authority. */
  readonly hosts: readonly string[]
  readonly days: number
}

const address = (host: string): Buffer => (/^[\d.]+$/.test(host) ? der(0x87, Buffer.from(host.split('.').map(Number))) : text(0x82, host))

const extensionsOf = ({ hosts }: Subject): Buffer[] =>
  hosts.length === 0
    ? [extension('551d13', true, sequence(isTrue)), extension('551d0f', true, der(0x03, Buffer.from([1, 0x06])))]
    : [extension('551d11', false, sequence(...hosts.map(address))), extension('551d25', false, sequence(object('2b06010505070301')))]

/** Signs a certificate for a new P-256 key with another's, or with its own where there is none. */
const issue = (
  subject: Subject,
  issuer?: { readonly name: string; readonly key: KeyObject },
): Issued & { readonly keyObject: KeyObject } => {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const now = Date.now()
  const body = sequence(
    der(0xa0, der(0x02, Buffer.from([2]))),
    der(0x02, Buffer.concat([Buffer.from([1]), randomBytes(15)])),
    ecdsaWithSha256,
    nameOf(issuer?.name ?? subject.name),
    sequence(timeOf(now - dayMs), timeOf(now + subject.days * dayMs)),
    nameOf(subject.name),
    publicKey.export({ type: 'spki', format: 'der' }),
    der(0xa3, sequence(...extensionsOf(subject))),
  )
  const signature = sign('sha256', body, issuer?.key ?? privateKey)
  const cert = sequence(body, ecdsaWithSha256, der(0x03, Buffer.from([0]), signature))
  const key = privateKey.export({ type: 'pkcs8', format: 'pem' }) as string
  return { cert: pem('CERTIFICATE', cert), key, keyObject: privateKey }
}

/** An authority of its own, for tests and trial runs, and certificates by it. Nothing outside is asked or trusted. */
export const createAuthority = (name: string, days = 30) => {
  const authority = issue({ name, hosts: [], days })
  return {
    cert: authority.cert,
    certificateFor: (...hosts: readonly [string, ...string[]]): Issued => {
      const { cert, key } = issue({ name: hosts[0], hosts, days }, { name, key: authority.keyObject })
      return { cert, key }
    },
  }
}
