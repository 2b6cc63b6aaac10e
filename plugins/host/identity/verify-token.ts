import jwt from '@fastify/jwt'
import Fastify from 'fastify'
import type { Clock } from '../../../domain/shared/clock.ts'
import { readClaims, type Claims } from './claims.ts'
import type { SigningKey } from './fetch-keys.ts'
import { isServiceOnly } from './principal-of.ts'
import { unauthorized } from './unauthorized.ts'

/** Seconds by which the issuer's clock and ours may differ, and the longest life of a person's token. */
export const skewSeconds = 30
export const personLifetimeSeconds = 900

export interface VerifierOptions {
  readonly issuer: string
  readonly audience: string
  /** The only signature algorithms accepted; symmetric ones and `none` cannot be among them. */
  readonly algorithms: readonly string[]
  /** Accepted `typ` headers, such as `at+jwt`. */
  readonly acceptedTypes: readonly string[]
  readonly clock: Clock
}

export interface Header {
  readonly alg: string
  readonly kid: string
}

export interface Verifier {
  /** Reads and judges the header, trusting nothing. @throws Refusal UNAUTHORIZED */
  header(token: string): Header
  /** Verifies signature and claims. @throws Refusal UNAUTHORIZED */
  verify(token: string, header: Header, key: SigningKey): Claims
  close(): Promise<void>
}

const mediaType = (typ: string): string => typ.toLowerCase().replace(/^application\//, '')

/** Life span by the token's own word. @see design, section 3: people's tokens live at most 15 minutes */
const checkLifetime = (claims: Claims, nowSeconds: number): void => {
  if (claims.iat > nowSeconds + skewSeconds) throw unauthorized('claim iat')
  if (claims.exp <= claims.iat) throw unauthorized('claim exp')
  if (claims.exp - claims.iat > personLifetimeSeconds && !isServiceOnly(claims)) throw unauthorized('lifetime')
}

/** A Keycloak ID or refresh token names its kind in the payload: where the header says only `JWT`, that word counts. */
const checkKind = (payload: object): void => {
  const kind = (payload as { typ?: unknown }).typ
  if (kind !== undefined && kind !== 'Bearer') throw unauthorized('claim typ')
}

/** Whatever the library throws means one thing to the caller. */
const orUnauthorized = <T>(check: string, run: () => T): T => {
  try {
    return run()
  } catch {
    throw unauthorized(check)
  }
}

/**
 * Verification by @fastify/jwt, on an instance of its own that serves nothing: the key is chosen here, by key id and
 * algorithm together, so that no key is ever used with an algorithm that is not its own.
 */
export const createVerifier = async (options: VerifierOptions): Promise<Verifier> => {
  const { issuer, audience, algorithms, acceptedTypes, clock } = options
  const types = acceptedTypes.map(mediaType)
  const app = Fastify({ logger: false })
  const noDefaultKey = (): Promise<string> => Promise.reject(new Error('keys are given per token'))
  await app.register(jwt, { secret: { public: noDefaultKey } })
  await app.ready()

  const header = (token: string): Header => {
    const decoded = orUnauthorized('format', () => app.jwt.decode<{ header: Record<string, unknown> }>(token, { complete: true }))
    const { alg, kid, typ } = decoded!.header
    if (typeof alg !== 'string' || !algorithms.includes(alg)) throw unauthorized('header alg')
    if (typeof typ !== 'string' || !types.includes(mediaType(typ))) throw unauthorized('header typ')
    if (typeof kid !== 'string' || kid === '') throw unauthorized('header kid')
    return { alg, kid }
  }

  const verify = (token: string, { alg }: Header, key: SigningKey): Claims => {
    if (!key.algorithms.includes(alg)) throw unauthorized('header alg')
    const nowMs = clock.now()
    const payload = orUnauthorized('signature or claims', () =>
      app.jwt.verify<object>(token, {
        key: key.pem,
        algorithms: [alg as 'RS256'],
        allowedIss: issuer,
        allowedAud: audience,
        requiredClaims: ['exp', 'iat', 'iss', 'aud', 'sub'],
        clockTimestamp: nowMs,
        clockTolerance: skewSeconds * 1000,
        cache: false,
      }),
    )
    checkKind(payload)
    const claims = readClaims(payload)
    checkLifetime(claims, nowMs / 1000)
    return claims
  }

  return { header, verify, close: () => app.close() }
}
