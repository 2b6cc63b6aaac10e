import { agentScopes, grantsOf, roles as knownRoles, type Role } from '../../../config/permissions.ts'

export interface ScopeQuestion {
  /** What the token lists. */
  readonly tokenScopes: readonly string[]
  /** The roles under which the caller acts. */
  readonly roles: readonly Role[]
  /** The modules that the caller's agency has on. */
  readonly modules: readonly string[]
  /** Does an AI agent act under those roles? */
  readonly byAgent: boolean
}

interface Allowed {
  readonly always: ReadonlySet<string>
  /** Scope → the module that must be on. */
  readonly byModule: ReadonlyMap<string, string>
}

const allowedTo = (role: Role): Allowed => {
  const grants = grantsOf(role)
  return {
    always: new Set(grants.filter((grant) => grant.module === undefined).map((grant) => grant.scope)),
    byModule: new Map(grants.flatMap((grant) => (grant.module === undefined ? [] : [[grant.scope, grant.module]]))),
  }
}

const matrix = new Map<Role, Allowed>(knownRoles.map((role) => [role, allowedTo(role)]))
const forAgents = new Set(agentScopes)

const allows = (role: Role, scope: string, modules: readonly string[]): boolean => {
  const { always, byModule } = matrix.get(role)!
  if (always.has(scope)) return true
  const module = byModule.get(scope)
  return module !== undefined && modules.includes(module)
}

/** Do the agency's modules decide anything for a caller of these roles? */
export const modulesMatter = (roles: readonly Role[]): boolean => roles.some((role) => matrix.get(role)!.byModule.size > 0)

/**
 * What the caller may use: the token's scopes ∩ the union of what the matrix allows the roles (∩ what an agent may).
 * A token that lists more than the matrix allows never exceeds it, and a role that allows more than the token lists adds nothing.
 */
export const effectiveScopes = ({ tokenScopes, roles, modules, byAgent }: ScopeQuestion): ReadonlySet<string> =>
  new Set(tokenScopes.filter((scope) => roles.some((role) => allows(role, scope, modules)) && (!byAgent || forAgents.has(scope))))
