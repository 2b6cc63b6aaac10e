import { platformAgency } from '../../domain/shared/ids.ts'
import type { Audience } from '../../routes/shared/operation.ts'

/** An AI agent that acts under somebody's authority. @see RFC 8693, section 4.1 (`act`) */
export interface Delegation {
  /** `act.sub`: the agent itself. */
  readonly agentId: string
  readonly policyVersionId: string
  /** The delegator's role under whose authority it acts. */
  readonly underRole: string
}

/** Who is calling, as the verified token and the permission matrix say. Immutable and shared between requests of one token. */
export interface Principal {
  /** `sub`: the user (or the delegator, where an agent calls). */
  readonly userId: string
  readonly agencyId: string
  /** Known roles of the token, in the order of the matrix. */
  readonly roles: readonly string[]
  /** The role that stands in logs and audit rows: the first of `roles`. */
  readonly role: string
  readonly audience: Exclude<Audience, 'public'> | null
  /** Token scopes ∩ what the matrix allows the roles (∩ what an agent may, where one calls). */
  readonly scopes: ReadonlySet<string>
  readonly patientId: string | null
  readonly providerId: string | null
  /** A token of patient and staff roles together: refused on messaging and consent writes. */
  readonly mixed: boolean
  readonly agent: Delegation | null
  /** Unix seconds. */
  readonly expiresAt: number
}

/** The agency that a request works in: the caller's own, or the one that a founder entered with a reason. */
export interface AgencyScope {
  /** `null` only for a founder's read across all agencies. */
  readonly agencyId: string | null
  readonly bypass: boolean
  readonly accessReason: string | null
}

/** The caller of a public operation. */
export const anonymous: Principal = Object.freeze({
  userId: '',
  agencyId: platformAgency,
  roles: [],
  role: 'anonymous',
  audience: null,
  scopes: new Set<string>(),
  patientId: null,
  providerId: null,
  mixed: false,
  agent: null,
  expiresAt: 0,
})
