/**
 * The permission matrix as data: which scopes a role may use, whatever its token says.
 * @see FusionEMS part 2 (word for word), part 5 (button code), and the table of added roles in the design, section 3
 */

/** A scope as the matrix lists it. What stands in parentheses there is a condition that code enforces, never part of the name. */
export interface Grant {
  readonly scope: string
  readonly condition?: string
  /** The agency module that must be on for the grant to hold. */
  readonly module?: AgencyModule
}

/** Where a role's grants come from: the matrix word for word, then what was added to it. */
export interface RolePermissions {
  readonly source: 'FusionEMS part 2' | 'FusionEMS part 5' | 'FR-015' | 'portals'
  readonly listed: readonly Grant[]
  readonly added: readonly Grant[]
}

export const agencyModules = ['billing', 'dea'] as const
export type AgencyModule = (typeof agencyModules)[number]

const all = (...scopes: string[]): Grant[] => scopes.map((scope) => ({ scope }))
const only = (scope: string, condition: string): Grant => ({ scope, condition })

/** Every role that is known here, in the order of the documents. Roles of a token that are not in it count for nothing. */
export const roles = [
  'founder',
  'agency_administrator',
  'qa_reviewer',
  'peer_reviewer',
  'clinical_staff',
  'billing_staff',
  'compliance_officer',
  'ai_agent',
  'controlled_substance_officer',
  'billing_administrator',
  'billing_operations',
  'provider_super_admin',
  'provider_manager',
  'document_verifier',
  'provider_read_only',
  'patient',
  'provider',
  'service',
] as const
export type Role = (typeof roles)[number]

/** Roles that are an audience of their own; every other role is staff. */
export const ownAudienceRoles = ['patient', 'provider', 'service'] as const satisfies readonly Role[]

export const permissions: Readonly<Record<Role, RolePermissions>> = {
  founder: {
    source: 'FusionEMS part 2',
    listed: [
      ...all('founder:read', 'founder:write', 'founder:admin'),
      ...all('billing:execute', 'billing:governance'),
      ...all('collections:governance', 'qa:governance'),
      ...all('reports:cross_agency', 'analytics:cross_agency'),
      ...all('dea:view', 'dea:edit', 'cms:view', 'cms:edit'),
    ],
    // Every other scope but `founderExceptions` is added by `grantsOf`, so that a scope added below reaches the founder too.
    added: [],
  },
  agency_administrator: {
    source: 'FusionEMS part 2',
    listed: [
      ...all('agency:read', 'agency:admin'),
      ...all('reports:agency', 'analytics:agency'),
      ...all('messaging:agency', 'documentation:read'),
      { scope: 'cms:view', condition: 'if billing enabled', module: 'billing' },
    ],
    added: [{ scope: 'dea:view', condition: 'if DEA enabled', module: 'dea' }, ...all('appointments:read')],
  },
  qa_reviewer: {
    source: 'FusionEMS part 2',
    listed: [
      ...all('qa:read', 'qa:write', 'qa:review'),
      ...all('peer_review:assign', 'education:assign'),
      only('clinical:read', 'qa_context'),
    ],
    added: [],
  },
  peer_reviewer: {
    source: 'FusionEMS part 2',
    listed: [...all('peer_review:read', 'peer_review:write'), only('clinical:read', 'peer_review_context')],
    added: [],
  },
  clinical_staff: {
    source: 'FusionEMS part 2',
    listed: [
      only('clinical:write', 'own_records'),
      ...all('epcr:read'),
      only('epcr:write', 'own'),
      ...all('protocols:read'),
      only('training:read', 'own'),
    ],
    added: [...all('consent:read', 'appointments:read', 'advisor:consult'), only('drafts:write', 'own')],
  },
  billing_staff: {
    source: 'FusionEMS part 2',
    listed: [only('billing:read', 'agency_scoped'), ...all('billing_reports:read', 'billing_analytics:read'), ...all('cms:view')],
    added: [],
  },
  compliance_officer: {
    source: 'FusionEMS part 2',
    listed: [...all('dea:view', 'dea:edit'), ...all('cms:view', 'cms:edit'), ...all('compliance:read', 'compliance:write')],
    added: all('audit:read'),
  },
  // An agent has no authority of its own: it acts under its delegator's roles, within `agentScopes`.
  ai_agent: { source: 'FusionEMS part 2', listed: [], added: [] },
  controlled_substance_officer: { source: 'FusionEMS part 5', listed: [], added: all('dea:view') },
  billing_administrator: { source: 'FusionEMS part 5', listed: [], added: all('cms:view') },
  billing_operations: { source: 'FusionEMS part 5', listed: [], added: all('cms:view') },
  provider_super_admin: {
    source: 'FR-015',
    listed: [],
    added: all('providers:read', 'providers:write', 'providers:verify', 'providers:settings'),
  },
  provider_manager: { source: 'FR-015', listed: [], added: all('providers:read', 'providers:write', 'providers:verify') },
  document_verifier: { source: 'FR-015', listed: [], added: all('providers:read', 'providers:verify') },
  provider_read_only: { source: 'FR-015', listed: [], added: all('providers:read') },
  patient: {
    source: 'portals',
    listed: [],
    added: ['consent:read', 'consent:write', 'messaging:read', 'messaging:write', 'appointments:read'].map((scope) => only(scope, 'own')),
  },
  provider: { source: 'portals', listed: [], added: all('provider:self') },
  service: { source: 'portals', listed: [], added: all('procedures:report', 'bookings:consume') },
}

/** Scopes with which one acts as oneself or as a machine; a founder's full authority stops at them. */
export const founderExceptions: readonly string[] = [
  'messaging:read',
  'messaging:write',
  'consent:write',
  'drafts:write',
  'provider:self',
  'procedures:report',
  'bookings:consume',
]

/** All that an AI agent may ever use, of what its delegator holds. @see FusionEMS part 2, AI Agents */
export const agentScopes: readonly string[] = ['consent:read', 'appointments:read', 'dea:view', 'cms:view']

/** Every scope that some role can hold, each once, in the order of the matrix. */
export const everyScope: readonly string[] = [
  ...new Set(roles.flatMap((role) => [...permissions[role].listed, ...permissions[role].added].map((grant) => grant.scope))),
]

const founderGrants: readonly Grant[] = all(...everyScope.filter((scope) => !founderExceptions.includes(scope)))

/** All that a role may hold, conditions and modules attached. */
export const grantsOf = (role: Role): readonly Grant[] =>
  role === 'founder' ? founderGrants : [...permissions[role].listed, ...permissions[role].added]

/** One line of the printed matrix. */
export interface PermissionRow {
  readonly role: Role
  readonly source: RolePermissions['source']
  /** As a reader expects them: `clinical:read (qa_context)`. */
  readonly scopes: readonly string[]
}

const shown = (grant: Grant): string => (grant.condition === undefined ? grant.scope : `${grant.scope} (${grant.condition})`)

/** The matrix as rows for the README, the docs page and the printed contract. */
export const permissionTable = (): readonly PermissionRow[] =>
  roles.map((role) => ({ role, source: permissions[role].source, scopes: grantsOf(role).map(shown) }))
