import { newId } from '../shared/ids.ts'
import { Refusal } from '../shared/refusal.ts'
import { type Consent, checkExpiry, reasonProblem, revocationOf, statusAt } from './consent.ts'
import type { ConsentScope } from './consent.ts'
import type { ConsentStore } from './consent.ports.ts'

export interface Grant {
  readonly agencyId: string
  readonly patientId: string
  readonly scope: ConsentScope
  readonly expiresAt: Date | null
  readonly grantedBy: string
  readonly now: Date
  readonly auditId: string
}

export interface Withdrawal {
  readonly consentId: string
  readonly reason: string | null
  readonly now: Date
  readonly auditId: string
}

/**
 * Grants consent of one scope.
 * @throws Refusal VALIDATION_FAILED where it would expire at once, CONFLICT (`duplicate`) where one is active already
 * @see 02B, Consent scope verified
 */
export const grant = async (store: ConsentStore, { auditId, now, ...asked }: Grant): Promise<Consent> => {
  checkExpiry(asked.expiresAt, now)
  const granted = { id: newId(now.getTime()), grantedAt: now, ...asked }
  await store.retireExpired(asked.patientId, asked.scope, now)
  if (!(await store.add({ ...granted, auditId }))) throw new Refusal('CONFLICT', 'duplicate')
  return { ...granted, status: 'active', revokedAt: null, reason: null }
}

/**
 * Withdraws a consent, from the next request on. Withdrawing one that is over already changes nothing and answers as it stands.
 * @returns the consent before and after
 * @throws Refusal NOT_FOUND, CONFLICT where it never was in force
 */
export const revoke = async (
  store: ConsentStore,
  { consentId, reason, now, auditId }: Withdrawal,
): Promise<{ before: Consent; after: Consent }> => {
  const problem = reasonProblem(reason)
  if (problem) throw problem
  const before = await store.take(consentId)
  if (before === null) throw new Refusal('NOT_FOUND')
  const act = revocationOf(statusAt(before, now))
  if (act === 'refuse') throw new Refusal('CONFLICT')
  if (act === 'keep') return { before, after: before }
  // Another instance's clock may be ahead: what it granted just now can be withdrawn all the same.
  const revokedAt = now < before.grantedAt ? before.grantedAt : now
  await store.revoke(consentId, { at: revokedAt, reason, auditId })
  return { before, after: { ...before, status: 'inactive', revokedAt, reason } }
}
