import {
  type DocumentBlocker, documentBlockers, missingFields, type Provider, type ProviderStatus, ruleOf, type TransitionName, type TransitionRule,
} from '../../../domain/provider-administration/index.ts' // prettier-ignore
import { ProviderStatusChangeRecord } from '../../../domain/provider-administration/provider.entity.ts'
import { dayOf } from '../../../domain/shared/calendar-day.ts'
import { newId } from '../../../domain/shared/ids.ts'
import { Refusal } from '../../../domain/shared/refusal.ts'
import type { UpcomingBookings, Transaction } from '../../host/define-context.ts'
import { documentStore } from './documents.store.ts'
import type { Kit } from './kit.ts'
import { closePlanned } from './scheduled.store.ts'
import { type Acting, type Change, changeProvider } from './provider.store.ts'

/** A transition that somebody asked for, now or on an earlier day for this one. */
export interface Asked {
  readonly name: TransitionName
  readonly reason: string | null
  readonly notify: boolean
  /** The day for which it was planned. */
  readonly effectiveDate?: string
}

/** Every reason at once why a provider cannot be active. */
export interface Obstacles {
  readonly blockers: readonly DocumentBlocker[]
  readonly missing: readonly string[]
}

export const obstaclesOf = async (tx: Transaction, provider: Provider, now: Date): Promise<Obstacles> => {
  const { agencyId, id: providerId, commission } = provider
  const documents = await documentStore(tx, { agencyId, providerId }).all()
  return { blockers: documentBlockers(documents, dayOf(now.getTime())), missing: missingFields(provider, commission) }
}

/** @throws Refusal CONFLICT with every blocker and every missing field. @see FR-015 B2, FR-004, FR-021 */
export const checkObstacles = ({ blockers, missing }: Obstacles): void => {
  if (blockers.length > 0 || missing.length > 0) throw new Refusal('CONFLICT', 'default', { extension: { blockers, missing } })
}

const kindOf = { suspended: 'suspended', deactivated: 'deactivated', active: 'reactivated' } as const

/** Hands the change to the booking system, with what is booked; nothing is cancelled here. */
const tellBookings = async (
  tx: Transaction,
  { id: providerId }: Provider,
  { agencyId, now, auditId }: Acting,
  to: keyof typeof kindOf,
  bookings: UpcomingBookings,
): Promise<void> => {
  await tx.sql(
    `insert into provider_booking_event (agency_id, id, provider_id, kind, known, booking_ids, booking_count, occurred_at, audit_id)
     values ($1, $2, $3, $4, $5, $6, $7, $8, $9)`,
    [agencyId, newId(now.getTime()), providerId, `provider-${kindOf[to]}`, bookings.known, [...bookings.ids], bookings.count, now, auditId],
  )
}

const marksOf = (to: ProviderStatus, provider: Provider, now: Date): Change => ({
  status: to,
  ...(to === 'active' ? { activatedAt: provider.activatedAt ?? now } : { featured: false }),
  ...(to === 'deactivated' ? { deactivatedAt: now, pendingEmail: null, pendingEmailIndex: null, pendingEmailAt: null } : {}),
})

const notices = { activation: 'activated', suspension: 'suspended', deactivation: 'deactivated', reactivation: 'reactivated' } as const

/** @throws Refusal CONFLICT where the status allows no such transition, or with what keeps the provider from being active */
export const checkTransition = async (tx: Transaction, provider: Provider, name: TransitionName, now: Date): Promise<TransitionRule> => {
  const rule = ruleOf(provider.status, name)
  if (rule.complete) checkObstacles(await obstaclesOf(tx, provider, now))
  return rule
}

/**
 * Takes a provider through a transition, with all that follows from it in the same transaction: history, what patients see, what was planned,
 * the booking system, the sign-in account, and the provider, who is told.
 * @returns the state of the mail; null where none was asked for
 * @throws Refusal CONFLICT
 */
export const transit = async (kit: Kit, tx: Transaction, provider: Provider, asked: Asked, acting: Acting, bookings: UpcomingBookings) => {
  const { agencyId, now, auditId, by } = acting
  const { to, from } = await checkTransition(tx, provider, asked.name, now)
  const changeId = newId(now.getTime())
  await tx.insert(ProviderStatusChangeRecord, {
    agencyId, id: changeId, providerId: provider.id, previousStatus: from, newStatus: to, changedAt: now, changedBy: by, reason: asked.reason,
    notified: asked.notify, auditId,
  }) // prettier-ignore
  await changeProvider(tx, provider, { ...marksOf(to, provider, now), statusChangeId: changeId }, acting)
  if (provider.scheduledTransition)
    await closePlanned(tx, agencyId, provider.scheduledTransition.id, asked.effectiveDate ? 'done' : 'replaced', now)
  if (from !== 'draft') await tellBookings(tx, provider, acting, to as keyof typeof kindOf, bookings)
  await kit.followAccount(tx, acting, provider.id)
  const facts = {
    ...(asked.reason === null ? {} : { reason: asked.reason }),
    ...(asked.effectiveDate === undefined ? {} : { effectiveDate: asked.effectiveDate }),
  }
  const kind = notices[asked.name]
  return kit.tell(tx, acting, { kind, providerId: provider.id, cause: `${kind}:${changeId}`, facts, mail: asked.notify })
}
