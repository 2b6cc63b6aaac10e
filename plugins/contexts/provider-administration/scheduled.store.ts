import { ProviderScheduledTransitionRecord } from '../../../domain/provider-administration/provider.entity.ts'
import type { TransitionName } from '../../../domain/provider-administration/index.ts'
import { newId } from '../../../domain/shared/ids.ts'
import type { Transaction } from '../../host/define-context.ts'
import type { Acting } from './provider.store.ts'

export interface Planned {
  readonly transition: TransitionName
  readonly reason: string | null
  readonly notify: boolean
  readonly effectiveDate: string
  /** Role in which it was planned; the change will be audited as that of its planner. */
  readonly role: string
}

/** What becomes of a plan; nothing of it is removed. */
export const closePlanned = async (
  tx: Transaction,
  agencyId: string,
  id: string,
  state: 'withdrawn' | 'replaced' | 'done' | 'refused',
  at: Date,
): Promise<void> => {
  await tx.nativeUpdate(ProviderScheduledTransitionRecord, { agencyId, id }, { state, closedAt: at })
}

export const addPlanned = async (
  tx: Transaction,
  providerId: string,
  planned: Planned,
  { agencyId, now, auditId, by }: Acting,
): Promise<void> => {
  const { transition, reason, notify, effectiveDate, role } = planned
  await tx.insert(ProviderScheduledTransitionRecord, {
    agencyId, id: newId(now.getTime()), providerId, transition, reason, notify, effectiveDate, scheduledAt: now, scheduledBy: by, scheduledRole: role,
    state: 'scheduled', auditId,
  }) // prettier-ignore
}

export interface DuePlan extends Planned {
  readonly id: string
  readonly providerId: string
  readonly scheduledBy: string
}

/**
 * A plan whose day has come. It is not locked: whoever changes a status takes the account first and what is planned for it after that, and a
 * job that did it the other way round would sooner or later lock them out and be locked out by them. Take the account, then look again.
 */
export const findDue = async (tx: Transaction, agencyId: string, date: string): Promise<DuePlan | null> => {
  const [row] = await tx.sql<DuePlan>(
    `select id, provider_id as "providerId", transition, reason, notify, effective_date::text as "effectiveDate", scheduled_by as "scheduledBy",
       scheduled_role as role
     from provider_scheduled_transition where agency_id = $1 and state = 'scheduled' and effective_date <= $2::date
     order by effective_date, id limit 1`,
    [agencyId, date],
  )
  return row ?? null
}
