import { generateKeyPairSync, randomUUID, sign } from 'node:crypto'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'

/** Who a token is made for. */
export interface Subject {
  readonly sub: string
  readonly agencyId: string
  readonly patientId: string
}

/** Under which roles a token is made, and what it lists. */
export interface Hat {
  readonly roles: readonly string[]
  readonly scope: string
}

/** A member of staff who takes part in appointments. */
export interface Clinician {
  readonly sub: string
  readonly agencyId: string
  readonly providerId: string
}

/** The issuer of both sides: discovery, one RS256 key, and tokens of patients and clinicians, unless another hat is asked for. */
export interface BenchIssuer {
  readonly issuer: string
  readonly publicKey: string
  /** Valid for a quarter of an hour, as people's tokens are. */
  token(subject: Subject | Clinician, hat?: Hat): string
  close(): Promise<void>
}

export const audience = 'postern'
const lifetimeSeconds = 900
const patient: Hat = {
  roles: ['patient'],
  scope: 'messaging:read messaging:write consent:read consent:write appointments:read',
}

const clinician: Hat = { roles: ['clinical_staff'], scope: 'appointments:read consent:read' }

const encode = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString('base64url')

export const startIssuer = async (): Promise<BenchIssuer> => {
  const { privateKey, publicKey } = generateKeyPairSync('rsa', { modulusLength: 2048 })
  const kid = randomUUID()
  const jwk = { ...publicKey.export({ format: 'jwk' }), kid, alg: 'RS256', use: 'sig' }
  const documents = (): Record<string, object> => ({
    '/.well-known/openid-configuration': { issuer, jwks_uri: `${issuer}/jwks` },
    '/jwks': { keys: [jwk] },
  })
  const server = createServer((request, response) => {
    const found = documents()[request.url ?? '']
    response.writeHead(found ? 200 : 404, { 'content-type': 'application/json' }).end(JSON.stringify(found ?? {}))
  })
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject).listen(0, '127.0.0.1', resolve)
  })
  const issuer = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  const header = encode({ alg: 'RS256', kid, typ: 'at+jwt' })

  return {
    issuer,
    publicKey: publicKey.export({ type: 'spki', format: 'pem' }) as string,
    token(subject, hat) {
      const { sub, agencyId } = subject
      const [who, own] =
        'patientId' in subject ? [{ patient_id: subject.patientId }, patient] : [{ provider_id: subject.providerId }, clinician]
      const { roles, scope } = hat ?? own
      const iat = Math.floor(Date.now() / 1000)
      const claims = { iss: issuer, aud: audience, sub, iat, exp: iat + lifetimeSeconds, jti: randomUUID(), scope }
      const input = `${header}.${encode({ ...claims, agency_id: agencyId, ...who, realm_access: { roles } })}`
      return `${input}.${sign('sha256', Buffer.from(input), privateKey).toString('base64url')}`
    },
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve())
        server.closeAllConnections()
      }),
  }
}
