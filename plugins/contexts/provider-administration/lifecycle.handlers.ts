import { dayOf, isDay } from '../../../domain/shared/calendar-day.ts'
import { invalid, Refusal } from '../../../domain/shared/refusal.ts'
import {
  checkEditable, checkReason, type Provider, reasonLength, ruleOf, type TransitionName,
} from '../../../domain/provider-administration/index.ts' // prettier-ignore
import {
  auditedProvider, type deactivateProvider, type previewDeactivation, type reactivateProvider, type setFeatured, type suspendProvider, versionOfEtag,
  type withdrawTransition,
} from '../../../routes/provider-administration/index.ts' // prettier-ignore
import type { BookingsPort, Call, Service, Transaction } from '../../host/define-context.ts'
import { actingOf, changedAnswer, type Kit } from './kit.ts'
import { changeProvider, checkVersion, readProvider, takeProvider } from './provider.store.ts'
import { addPlanned, closePlanned } from './scheduled.store.ts'
import { transit } from './transition.ts'

interface PlanBody {
  readonly reason?: string
  readonly notify?: boolean
  readonly effectiveDate?: string
}

/** The later day for which a change is planned, or null where it is meant for now. @throws Refusal VALIDATION_FAILED where the day has passed */
const laterDay = (day: string | undefined, now: Date): string | null => {
  if (day === undefined) return null
  if (!isDay(day)) throw invalid('/effectiveDate', 'date')
  const today = dayOf(now.getTime())
  if (day < today) throw invalid('/effectiveDate', 'not-past')
  return day === today ? null : day
}

/** Plans a change: the status stays, and what was planned before gives way. */
const plan = async (
  tx: Transaction,
  call: Call,
  provider: Provider,
  transition: TransitionName,
  body: PlanBody,
  effectiveDate: string,
): Promise<void> => {
  ruleOf(provider.status, transition)
  const acting = actingOf(call)
  if (provider.scheduledTransition) await closePlanned(tx, call.agencyId, provider.scheduledTransition.id, 'replaced', call.now)
  const { reason = null, notify = true } = body
  await addPlanned(tx, provider.id, { transition, reason, notify, effectiveDate, role: call.principal.role }, acting)
  await changeProvider(tx, provider, {}, acting)
}

/** Locks the provider as the caller read it. @throws Refusal NOT_FOUND, CONFLICT */
export const takeAsRead = async (kit: Kit, tx: Transaction, call: Call, id: string): Promise<Provider> => {
  const provider = await takeProvider(tx, call.agencyId, id, kit)
  checkVersion(provider, versionOfEtag(call.ifMatch))
  return provider
}

type Changing = typeof suspendProvider | typeof deactivateProvider | typeof reactivateProvider

/** Suspension, deactivation and reactivation: now, or planned for a later day. */
const change = async (kit: Kit, bookings: BookingsPort, name: TransitionName, call: Call<Changing>, tx: Transaction) => {
  const body: PlanBody = call.body
  if (body.reason !== undefined) checkReason(body.reason, reasonLength)
  const later = laterDay(body.effectiveDate, call.now)
  const before = await takeAsRead(kit, tx, call, call.params.providerId)
  const upcomingBookings = await bookings.upcoming({ agencyId: call.agencyId, providerId: before.id, at: call.now })
  const { reason = null, notify = true } = body
  const told = later === null ? await transit(kit, tx, before, { name, reason, notify }, actingOf(call), upcomingBookings) : null
  if (later !== null) await plan(tx, call, before, name, body, later)
  const { provider, answer } = await changedAnswer(kit, call, tx, before.id)
  const notification = told && { id: told.id, state: told.state, attempts: told.attempts }
  const outcome = { ...answer, before: auditedProvider(before), after: auditedProvider(provider) }
  return { outcome, notification, upcomingBookings: { ...upcomingBookings, ids: [...upcomingBookings.ids] } }
}

export const suspendService = (kit: Kit, bookings: BookingsPort): Service<typeof suspendProvider> => ({
  transact: async (call, tx) => {
    const { outcome, notification } = await change(kit, bookings, 'suspension', call, tx)
    return { ...outcome, body: { ...outcome.body, notification } }
  },
})

export const reactivateService = (kit: Kit, bookings: BookingsPort): Service<typeof reactivateProvider> => ({
  transact: async (call, tx) => {
    const { outcome, notification } = await change(kit, bookings, 'reactivation', call, tx)
    return { ...outcome, body: { ...outcome.body, notification } }
  },
})

export const deactivateService = (kit: Kit, bookings: BookingsPort): Service<typeof deactivateProvider> => ({
  transact: async (call, tx) => {
    const { outcome, notification, upcomingBookings } = await change(kit, bookings, 'deactivation', call, tx)
    return { ...outcome, body: { ...outcome.body, notification, upcomingBookings } }
  },
})

export const withdrawService = (kit: Kit): Service<typeof withdrawTransition> => ({
  transact: async (call, tx) => {
    const before = await takeAsRead(kit, tx, call, call.params.providerId)
    const { scheduledTransition } = before
    if (scheduledTransition === null) throw new Refusal('NOT_FOUND')
    await closePlanned(tx, call.agencyId, scheduledTransition.id, 'withdrawn', call.now)
    await changeProvider(tx, before, {}, actingOf(call))
    return { body: null as never, before: { scheduledTransition }, after: { scheduledTransition: null } }
  },
})

export const previewService = (kit: Kit, bookings: BookingsPort): Service<typeof previewDeactivation> => ({
  transact: async ({ agencyId, params, now }, tx) => {
    const { id } = await readProvider(tx, agencyId, params.providerId, kit)
    const upcomingBookings = await bookings.upcoming({ agencyId, providerId: id, at: now })
    return { body: { upcomingBookings: { ...upcomingBookings, ids: [...upcomingBookings.ids] } } }
  },
})

export const featureService = (kit: Kit): Service<typeof setFeatured> => ({
  transact: async (call, tx) => {
    const before = await takeAsRead(kit, tx, call, call.params.providerId)
    checkEditable(before.status)
    if (before.status !== 'active') throw new Refusal('CONFLICT')
    await changeProvider(tx, before, { featured: call.body.featured }, actingOf(call))
    const { provider, answer } = await changedAnswer(kit, call, tx, before.id)
    return { ...answer, before: { featured: before.featured }, after: { featured: provider.featured } }
  },
})
