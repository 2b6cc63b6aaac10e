import { createPrivateKey, randomUUID, sign, type JsonWebKey } from 'node:crypto'
import type { Persona } from '../../config/personas.ts'

/** Changes to an ordinary token, for trying out what must be refused. `undefined` takes a member away. */
export interface TokenOverrides {
  readonly header?: Readonly<Record<string, unknown>>
  readonly claims?: Readonly<Record<string, unknown>>
  readonly lifetimeSeconds?: number
}

export interface TokenTerms {
  readonly issuer: string
  readonly audience: string
  readonly nowMs: number
}

/** Seconds: a person's token and a machine's. */
export const personTokenSeconds = 900
export const serviceTokenSeconds = 3600

const isService = (persona: Persona): boolean => persona.roles.includes('service')

/** The claims that depend on who somebody is, not on when or where the token is made. @see design, section 3 */
export const identityClaims = (persona: Persona): Record<string, unknown> => ({
  agency_id: persona.agencyId,
  realm_access: { roles: persona.roles },
  patient_id: persona.patientId,
  provider_id: persona.providerId,
  act: persona.agent && { sub: persona.agent.sub },
  policy_version_id: persona.agent?.policyVersionId,
})

export const tokenClaims = (persona: Persona, terms: TokenTerms, lifetimeSeconds?: number): Record<string, unknown> => {
  const iat = Math.floor(terms.nowMs / 1000)
  const lifetime = lifetimeSeconds ?? (isService(persona) ? serviceTokenSeconds : personTokenSeconds)
  return {
    iss: terms.issuer,
    aud: terms.audience,
    sub: persona.sub,
    iat,
    exp: iat + lifetime,
    jti: randomUUID(),
    scope: persona.scopes.join(' '),
    ...identityClaims(persona),
  }
}

const encode = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString('base64url')

/** A signed access token. @see RFC 9068 (`typ` at+jwt) */
export const signToken = (jwk: JsonWebKey, claims: Record<string, unknown>, overrides: TokenOverrides = {}): string => {
  const header = { alg: jwk['alg'], kid: jwk['kid'], typ: 'at+jwt', ...overrides.header }
  const input = `${encode(header)}.${encode({ ...claims, ...overrides.claims })}`
  const key = createPrivateKey({ key: jwk, format: 'jwk' })
  const digest = jwk['alg'] === 'EdDSA' ? null : 'sha256'
  return `${input}.${sign(digest, Buffer.from(input), { key, dsaEncoding: 'ieee-p1363' }).toString('base64url')}`
}
