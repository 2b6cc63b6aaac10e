import { Refusal } from '../shared/refusal.ts'

/** What a provider account can be. @see FR-015, Screen 1 */
export const providerStatuses = ['draft', 'active', 'suspended', 'deactivated'] as const
export type ProviderStatus = (typeof providerStatuses)[number]

/** What an administrator does to a status. */
export const transitionNames = ['activation', 'suspension', 'deactivation', 'reactivation'] as const
export type TransitionName = (typeof transitionNames)[number]

export interface TransitionRule {
  readonly name: TransitionName
  readonly from: ProviderStatus
  readonly to: ProviderStatus
  /** Whether it takes a reason of 20 to 500 characters; where it does not, one may be given. */
  readonly reason: 'required' | 'optional' | 'none'
  /** Whether it can be set for a later date. */
  readonly schedulable: boolean
  /** Whether every required document must be approved and unexpired, and every required field given. */
  readonly complete: boolean
}

/**
 * Every transition there is: the database refuses any other, and so does each operation. Deactivation is final.
 * @see FR-015 FR-003, FR-004, Rules 2 to 4; design, section 9, 4 and 5
 */
export const transitions: readonly TransitionRule[] = Object.freeze([
  { name: 'activation', from: 'draft', to: 'active', reason: 'none', schedulable: false, complete: true },
  { name: 'suspension', from: 'active', to: 'suspended', reason: 'required', schedulable: true, complete: false },
  { name: 'deactivation', from: 'active', to: 'deactivated', reason: 'required', schedulable: true, complete: false },
  { name: 'deactivation', from: 'suspended', to: 'deactivated', reason: 'required', schedulable: true, complete: false },
  { name: 'reactivation', from: 'suspended', to: 'active', reason: 'optional', schedulable: true, complete: true },
])

/** A reason, in Unicode code points. @see FR-015, Screen 4 */
export const reasonLength = { min: 20, max: 500 } as const

/** The rule by which a provider of a status goes through a transition, or null where there is none. */
export const transitionFrom = (status: ProviderStatus, name: TransitionName): TransitionRule | null =>
  transitions.find((rule) => rule.from === status && rule.name === name) ?? null

/** @throws Refusal CONFLICT where the status allows no such transition */
export const ruleOf = (status: ProviderStatus, name: TransitionName): TransitionRule => {
  const rule = transitionFrom(status, name)
  if (rule === null) throw new Refusal('CONFLICT')
  return rule
}

/** Everything can be edited until deactivation. @see design, section 7 */
export const isEditable = (status: ProviderStatus): boolean => status !== 'deactivated'

/** @throws Refusal CONFLICT: nothing of a deactivated provider changes any more */
export const checkEditable = (status: ProviderStatus): void => {
  if (!isEditable(status)) throw new Refusal('CONFLICT')
}

/** What a portal may offer for a provider. */
export const actionNames = ['view', 'edit', ...transitionNames, 'feature', 'commission', 'verify-documents', 'notify'] as const
export type ActionName = (typeof actionNames)[number]

const scopeOfAction: Readonly<Record<ActionName, string>> = {
  view: 'providers:read',
  edit: 'providers:write',
  activation: 'providers:write',
  suspension: 'providers:write',
  deactivation: 'providers:write',
  reactivation: 'providers:write',
  feature: 'providers:write',
  commission: 'providers:write',
  'verify-documents': 'providers:verify',
  notify: 'providers:write',
}

const byStatus = (status: ProviderStatus, action: ActionName): boolean => {
  if (action === 'view') return true
  if (action === 'feature') return status === 'active'
  if ((transitionNames as readonly string[]).includes(action)) return transitionFrom(status, action as TransitionName) !== null
  return isEditable(status)
}

/** What the caller can do now: what the status allows, within the caller's scopes. @see FR-015, Screens 1 and 3 */
export const allowedActions = (status: ProviderStatus, scopes: ReadonlySet<string>): ActionName[] =>
  actionNames.filter((action) => byStatus(status, action) && scopes.has(scopeOfAction[action]))
