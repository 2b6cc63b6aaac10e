import { Refusal } from '../../../domain/shared/refusal.ts'
import type { AgreesWithToken, AnyOperation } from '../../../routes/shared/operation.ts'
import type { Principal } from '../principal.ts'

const forbidden = (): Refusal<'FORBIDDEN'> => new Refusal('FORBIDDEN')

const hasScope = (operation: AnyOperation, principal: Principal): boolean => {
  for (const scope of operation.scopes) if (principal.scopes.has(scope)) return true
  return false
}

/** An agent reads, and only with a scope that agents may hold: what asks for none is not for it either. */
const agentMay = (operation: AnyOperation): boolean => operation.effect === 'read' && operation.anyScope !== true

/** May this caller call this operation at all? What `checkAccess` asks, as a yes or no. */
export const mayAccess = (operation: AnyOperation, principal: Principal): boolean => {
  const { audience } = principal
  if (audience === null || !operation.audience.includes(audience)) return false
  if (operation.anyScope !== true && !hasScope(operation, principal)) return false
  if (principal.agent !== null && !agentMay(operation)) return false
  return !principal.mixed || operation.effect === 'read' || !operation.audience.includes('patient')
}

/**
 * May this caller call this operation at all? Audience, one of the scopes, what an agent may, and the refusal of mixed
 * tokens on what patients write. Looks at no row, no body and no clock.
 * @throws Refusal FORBIDDEN
 * @see FusionEMS part 2; design, section 3
 */
export const checkAccess = (operation: AnyOperation, principal: Principal): void => {
  if (!mayAccess(operation, principal)) throw forbidden()
}

export interface RequestParts {
  readonly params: unknown
  readonly query: unknown
  /** Parsed, not yet validated. */
  readonly body: unknown
}

const valueOf = (part: unknown, field: string): unknown =>
  typeof part === 'object' && part !== null && Object.hasOwn(part, field) ? (part as Record<string, unknown>)[field] : undefined

const agrees = (rule: AgreesWithToken, principal: Principal, parts: RequestParts): boolean => {
  const given = valueOf(parts[rule.in], rule.field)
  return given === undefined || given === principal[rule.claim]
}

/**
 * Do the ids that the request names agree with the token? Runs before validation, so a value of any other type than the
 * claim's contradicts it too (a list of one id would otherwise be coerced into that id later); an absent one is left to the schema.
 * @throws Refusal FORBIDDEN
 */
export const checkAgreement = (operation: AnyOperation, principal: Principal, parts: RequestParts): void => {
  const { agrees: rules } = operation
  if (rules === undefined || principal.audience === null) return
  for (const rule of rules) {
    if (rule.exceptRoles?.some((role) => principal.roles.includes(role))) continue
    if (rule.audiences.includes(principal.audience) && !agrees(rule, principal, parts)) throw forbidden()
  }
}
