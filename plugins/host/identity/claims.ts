import { isUuid, platformAgency } from '../../../domain/shared/ids.ts'
import { unauthorized } from './unauthorized.ts'

/** The claims that Postern reads, checked for shape. What else a token holds is never looked at. */
export interface Claims {
  readonly sub: string
  /** Unix seconds, both. */
  readonly iat: number
  readonly exp: number
  readonly agencyId: string
  readonly scopes: readonly string[]
  /** As the token lists them, unknown ones included. */
  readonly roles: readonly string[]
  readonly patientId: string | null
  readonly providerId: string | null
  /** `act.sub`, where an agent acts. */
  readonly agentId: string | null
  readonly policyVersionId: string | null
}

const visible = /^[\x21-\x7e]{1,255}$/

const name = (value: unknown, claim: string): string => {
  if (typeof value !== 'string' || !visible.test(value)) throw unauthorized(`claim ${claim}`)
  return value
}

const id = (value: unknown, claim: string): string => {
  const lower = typeof value === 'string' ? value.toLowerCase() : ''
  if (!isUuid(lower)) throw unauthorized(`claim ${claim}`)
  return lower
}

const optionalId = (value: unknown, claim: string): string | null => (value === undefined ? null : id(value, claim))

/** The platform's own events are stored under an agency id that nobody belongs to. */
const agency = (value: unknown): string => {
  const agencyId = id(value, 'agency_id')
  if (agencyId === platformAgency) throw unauthorized('claim agency_id')
  return agencyId
}

const seconds = (value: unknown, claim: string): number => {
  if (typeof value !== 'number' || !Number.isFinite(value) || value < 0) throw unauthorized(`claim ${claim}`)
  return value
}

const scopes = (value: unknown): readonly string[] => {
  if (value === undefined) return []
  if (typeof value !== 'string') throw unauthorized('claim scope')
  return [...new Set(value.split(' ').filter((scope) => scope !== ''))]
}

const isObject = (value: unknown): value is Record<string, unknown> => typeof value === 'object' && value !== null && !Array.isArray(value)

const roles = (access: unknown): readonly string[] => {
  if (access === undefined) return []
  const listed = isObject(access) ? (access['roles'] ?? []) : null
  if (!Array.isArray(listed) || !listed.every((role) => typeof role === 'string')) throw unauthorized('claim realm_access')
  return listed
}

/** Anything in `act` says that somebody else acts: an unreadable one must not pass for a human. */
const actor = (act: unknown): string | null => {
  if (act === undefined) return null
  if (!isObject(act)) throw unauthorized('claim act')
  return name(act['sub'], 'act.sub')
}

const policyVersion = (value: unknown): string | null => (typeof value === 'string' && visible.test(value) ? value : null)

/**
 * Reads the claims of a token whose signature, issuer, audience and expiry hold.
 * @throws Refusal UNAUTHORIZED where a claim is missing or malformed
 */
export const readClaims = (payload: unknown): Claims => {
  if (!isObject(payload)) throw unauthorized('payload')
  return {
    sub: name(payload['sub'], 'sub'),
    iat: seconds(payload['iat'], 'iat'),
    exp: seconds(payload['exp'], 'exp'),
    agencyId: agency(payload['agency_id']),
    scopes: scopes(payload['scope']),
    roles: roles(payload['realm_access']),
    patientId: optionalId(payload['patient_id'], 'patient_id'),
    providerId: optionalId(payload['provider_id'], 'provider_id'),
    agentId: actor(payload['act']),
    policyVersionId: policyVersion(payload['policy_version_id']),
  }
}
