import { systemClock, type Clock } from '../../../domain/shared/clock.ts'
import type { IdentityPort } from '../ports.ts'
import type { Principal } from '../principal.ts'
import { fetchKeys } from './fetch-keys.ts'
import { createKeySet } from './key-set.ts'
import { createPrincipalMemory } from './principal-memory.ts'
import { unauthorized } from './unauthorized.ts'
import { createVerifier } from './verify-token.ts'

export interface IdentityOptions {
  /** `iss` of every token, and where discovery is found. */
  readonly issuer: string
  /** What `aud` must hold. */
  readonly audience: string
  /** Signature algorithms; asymmetric ones only. */
  readonly algorithms?: readonly string[]
  /** `typ` headers; `JWT` is added for issuers that do not know `at+jwt`. */
  readonly acceptedTypes?: readonly string[]
  /** The modules that an agency has on; asked for administrators of agencies only, and again after 10 s. */
  readonly agencyModules: (agencyId: string) => readonly string[] | Promise<readonly string[]>
  readonly clock?: Clock
  /** How long the issuer may take to give its keys. Milliseconds. */
  readonly timeoutMs?: number
  /** How long `agencyModules` may take. Milliseconds. */
  readonly modulesTimeoutMs?: number
  /** Tokens remembered at most. */
  readonly capacity?: number
}

export interface Identity extends IdentityPort {
  /** Loads the issuer's keys unless usable ones are there. @throws Refusal UPSTREAM_UNAVAILABLE */
  warmUp(): Promise<void>
  /** For readiness and metrics. `keysAgeMs` is Infinity before the first load. */
  stats(): { readonly tokens: number; readonly keysAgeMs: number }
}

const asymmetric = /^(?:RS|PS|ES)(?:256|384|512)$|^EdDSA$/
const bearer = /^bearer +([A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]*)$/i
const longestHeader = 8192

const acceptable = (algorithms: readonly string[]): readonly string[] => {
  if (algorithms.every((algorithm) => asymmetric.test(algorithm))) return algorithms
  throw new Error('only asymmetric signature algorithms can be accepted')
}

const tokenIn = (authorization: string): string => {
  if (authorization.length > longestHeader) throw unauthorized('size')
  const token = bearer.exec(authorization)?.[1]
  if (token === undefined) throw unauthorized('format')
  return token
}

/**
 * Reads bearer tokens. A token that was verified once is answered from memory, without a promise, until it expires or the
 * issuer's keys change; everything else goes through key lookup, signature and claims.
 *
 * The issuer's keys are asked for again every 5 minutes and for unknown key ids (at most every 10 s); while the issuer does not
 * answer, the last keys serve for one hour. @see design, section 3
 */
export const createIdentity = (options: IdentityOptions): Identity => {
  const { issuer, audience, agencyModules, clock = systemClock, capacity = 10_000 } = options
  const { timeoutMs = 5_000, modulesTimeoutMs = 5_000, acceptedTypes = ['at+jwt'] } = options
  const algorithms = acceptable(options.algorithms ?? ['RS256', 'ES256', 'EdDSA'])
  const closing = new AbortController()
  const memory = createPrincipalMemory({ clock, capacity, agencyModules, modulesTimeoutMs })
  const fetchOnce = () => fetchKeys({ issuer, timeoutMs }, closing.signal)
  const keys = createKeySet({ clock, fetchKeys: fetchOnce, onRotation: memory.forget })
  const opening = createVerifier({ issuer, audience, algorithms, acceptedTypes, clock })
  opening.catch(() => undefined) // told to whoever asks first

  const admit = async (authorization: string, token: string): Promise<Principal> => {
    const verifier = await opening
    const header = verifier.header(token)
    await keys.load()
    const known = memory.claimsOf(authorization)
    if (known !== null) return memory.admit(authorization, known)
    await keys.seek(header.kid)
    // Without a pause from here to the memory, so that no rotation comes between key and entry.
    return memory.admit(authorization, verifier.verify(token, header, keys.get(header.kid)))
  }

  const authenticate = (authorization: string | undefined): Principal | Promise<Principal> => {
    if (authorization === undefined) throw unauthorized('no token')
    const now = clock.now()
    const known = memory.recall(authorization, now)
    if (known !== undefined && (now < keys.checkAtMs() || keys.touch())) return known
    return admit(authorization, tokenIn(authorization))
  }

  const close = async (): Promise<void> => {
    closing.abort()
    memory.forget()
    await (await opening).close()
  }

  return { authenticate, close, warmUp: () => keys.load(), stats: () => ({ tokens: memory.size, keysAgeMs: keys.ageMs() }) }
}
