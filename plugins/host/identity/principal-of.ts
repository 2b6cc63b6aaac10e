import { ownAudienceRoles, roles as knownRoles, type Role } from '../../../config/permissions.ts'
import type { Delegation, Principal } from '../principal.ts'
import type { Claims } from './claims.ts'
import { effectiveScopes } from './effective-scopes.ts'

/** The token's known roles, in the order of the matrix; unknown ones are dropped. */
export const rolesOf = (claims: Claims): readonly Role[] => knownRoles.filter((role) => claims.roles.includes(role))

const own: readonly Role[] = ownAudienceRoles
const isStaff = (role: Role): boolean => !own.includes(role)
const nothing = { audience: null, acting: [] } as const

/** Is this a machine's token and nothing else? Only then may it live longer than a person's. */
export const isServiceOnly = (claims: Claims): boolean => {
  const roles = rolesOf(claims)
  return roles.length === 1 && roles[0] === 'service' && claims.agentId === null
}

/**
 * The audience, and the roles under which the caller acts in it. A token of several kinds is the first of staff, provider,
 * service, and acts under the roles of that kind alone: scopes that a patient holds over their own records would otherwise
 * reach everybody's. `patient` is a token whose only role is patient.
 */
const audienceOf = (roles: readonly Role[], claims: Claims): { audience: Principal['audience']; acting: readonly Role[] } => {
  const staff = roles.filter(isStaff)
  if (staff.length > 0) return { audience: 'staff', acting: staff }
  if (roles.includes('provider')) return claims.providerId === null ? nothing : { audience: 'provider', acting: ['provider'] }
  if (roles.includes('service')) return { audience: 'service', acting: ['service'] }
  if (roles.includes('patient') && claims.patientId !== null) return { audience: 'patient', acting: ['patient'] }
  return nothing
}

/** The agent that acts, or that claims to: the audit wants its name in either case. */
const delegationOf = (claims: Claims, roles: readonly Role[], delegators: readonly Role[]): Delegation | null => {
  if (claims.agentId === null && !roles.includes('ai_agent')) return null
  return Object.freeze({
    agentId: claims.agentId ?? claims.sub,
    policyVersionId: claims.policyVersionId ?? '',
    underRole: delegators[0] ?? '',
  })
}

/**
 * Who is calling, by the design's section 3. A caller who may do nothing at all (no known role, a patient or provider without
 * an id, an agent without a policy version, role `ai_agent` without `act`) is authenticated but has audience `null` and no
 * scopes, so that `checkAccess` answers FORBIDDEN to everything; `agent` is set wherever an agent calls or pretends to,
 * with `policyVersionId` empty where the token names none.
 */
export const principalOf = (claims: Claims, modules: readonly string[]): Principal => {
  const roles = rolesOf(claims)
  const delegators = roles.filter((role) => role !== 'ai_agent')
  const agent = delegationOf(claims, roles, delegators)
  const lawful = agent === null || (claims.agentId !== null && claims.policyVersionId !== null)
  const { audience, acting } = lawful ? audienceOf(delegators, claims) : nothing
  return Object.freeze({
    userId: claims.sub,
    agencyId: claims.agencyId,
    roles: Object.freeze(agent === null ? roles : [...delegators, ...roles.filter((role) => role === 'ai_agent')]),
    role: delegators[0] ?? roles[0] ?? '',
    audience,
    scopes: effectiveScopes({ tokenScopes: claims.scopes, roles: acting, modules, byAgent: agent !== null }),
    patientId: audience === 'patient' ? claims.patientId : null,
    providerId: audience === 'provider' || audience === 'staff' ? claims.providerId : null,
    mixed: delegators.includes('patient') && delegators.length > 1,
    agent,
    expiresAt: claims.exp,
  })
}
