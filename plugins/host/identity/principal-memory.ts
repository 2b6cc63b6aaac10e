import type { Clock } from '../../../domain/shared/clock.ts'
import type { Principal } from '../principal.ts'
import type { Claims } from './claims.ts'
import { modulesMatter } from './effective-scopes.ts'
import { principalOf, rolesOf } from './principal-of.ts'
import { createTokenMap } from './token-map.ts'
import { cannotTell } from './unauthorized.ts'
import { skewSeconds } from './verify-token.ts'

/** How long a switched module may go unnoticed in a token that is already known. Milliseconds. */
export const modulesFreshMs = 10_000

export interface PrincipalMemoryOptions {
  readonly clock: Clock
  /** Tokens remembered at most. */
  readonly capacity: number
  readonly agencyModules: (agencyId: string) => readonly string[] | Promise<readonly string[]>
  readonly modulesTimeoutMs: number
}

export interface PrincipalMemory {
  /** Who a known token is, while the entry holds. */
  recall(authorization: string, nowMs: number): Principal | undefined
  /** The verified claims of a known token that is not expired, whatever else about its entry is past its time. */
  claimsOf(authorization: string): Claims | null
  /** Makes the principal of verified claims and remembers it. @throws Refusal UPSTREAM_UNAVAILABLE without the agency's modules */
  admit(authorization: string, claims: Claims): Promise<Principal>
  /** Forgets everything, what is being admitted at this moment included. */
  forget(): void
  readonly size: number
}

interface Known {
  readonly claims: Claims
  readonly principal: Principal
}

const expiryMs = (claims: Claims): number => (claims.exp + skewSeconds) * 1000

const inTime = async <T>(value: T | Promise<T>, timeoutMs: number): Promise<T> => {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error('no answer in time')), timeoutMs).unref()
  })
  try {
    return await Promise.race([value, late])
  } finally {
    clearTimeout(timer)
  }
}

/** Principals of tokens whose signature was verified by these keys. */
export const createPrincipalMemory = (options: PrincipalMemoryOptions): PrincipalMemory => {
  const { clock, capacity, agencyModules, modulesTimeoutMs } = options
  const tokens = createTokenMap<Known>(capacity)
  let generation = 0

  const modulesOf = async (agencyId: string): Promise<readonly string[]> => {
    try {
      return await inTime(agencyModules(agencyId), modulesTimeoutMs)
    } catch (error) {
      throw cannotTell(error)
    }
  }

  const admit = async (authorization: string, claims: Claims): Promise<Principal> => {
    const bornIn = generation
    const asked = modulesMatter(rolesOf(claims))
    const principal = principalOf(claims, asked ? await modulesOf(claims.agencyId) : [])
    const untilMs = asked ? Math.min(expiryMs(claims), clock.now() + modulesFreshMs) : expiryMs(claims)
    if (bornIn === generation) tokens.set({ authorization, value: { claims, principal }, untilMs })
    return principal
  }

  return {
    admit,
    recall: (authorization, nowMs) => {
      const known = tokens.get(authorization)
      return known !== undefined && nowMs <= known.untilMs ? known.value.principal : undefined
    },
    claimsOf: (authorization) => {
      const claims = tokens.get(authorization)?.value.claims
      return claims !== undefined && clock.now() <= expiryMs(claims) ? claims : null
    },
    forget: () => {
      generation += 1
      tokens.clear()
    },
    get size() {
      return tokens.size
    },
  }
}
