import { LockMode } from '@mikro-orm/core'
import { dayOf, firstOfMonth } from '../../../domain/shared/calendar-day.ts'
import { newId } from '../../../domain/shared/ids.ts'
import { Refusal } from '../../../domain/shared/refusal.ts'
import {
  type Commission, type Profile, type Provider, rateInForce, type ScheduledTransition,
} from '../../../domain/provider-administration/index.ts' // prettier-ignore
import {
  ProviderProfileRecord, ProviderScheduledTransitionRecord, ProviderStatusChangeRecord,
} from '../../../domain/provider-administration/provider.entity.ts' // prettier-ignore
import type { Transaction } from '../../host/define-context.ts'
import { addAgreement, addRate, currentAgreement, lastCount } from './commission.store.ts'
import { findBy, profileColumns, providerOf, type Sealing } from './provider.rows.ts'

/** On whose behalf an account changes, and when. */
export interface Acting {
  readonly agencyId: string
  readonly now: Date
  readonly auditId: string
  /** `sub` of who asked for it. */
  readonly by: string
}

/** Columns of an account that a change can set besides its version and times. */
export type Change = Partial<Omit<ProviderProfileRecord, 'agencyId' | 'id' | 'version'>>

const plannedOf = (record: ProviderScheduledTransitionRecord): ScheduledTransition => ({ ...record, reason: record.reason ?? null })

const whole = async (tx: Transaction, record: ProviderProfileRecord, sealing: Sealing): Promise<Provider> => {
  const { agencyId, id: providerId } = record
  const agreement = await currentAgreement(tx, { agencyId, providerId })
  const planned = await tx.findOne(ProviderScheduledTransitionRecord, { agencyId, providerId, state: 'scheduled' }, { refresh: true })
  return { ...providerOf(record, sealing), commission: agreement?.commission ?? null, scheduledTransition: planned && plannedOf(planned) }
}

/** @throws Refusal NOT_FOUND: absent and another agency's alike */
export const readProvider = async (tx: Transaction, agencyId: string, id: string, sealing: Sealing): Promise<Provider> => {
  const record = await tx.findOne(ProviderProfileRecord, { agencyId, id }, { refresh: true })
  if (record === null) throw new Refusal('NOT_FOUND')
  return whole(tx, record, sealing)
}

/** The account, locked against whatever else works on it until the transaction ends. @throws Refusal NOT_FOUND */
export const takeProvider = async (tx: Transaction, agencyId: string, id: string, sealing: Sealing): Promise<Provider> => {
  const record = await tx.findOne(ProviderProfileRecord, { agencyId, id }, { refresh: true, lockMode: LockMode.PESSIMISTIC_WRITE })
  if (record === null) throw new Refusal('NOT_FOUND')
  return whole(tx, record, sealing)
}

/** @throws Refusal CONFLICT (`stale`) where the account has changed since it was read */
export const checkVersion = ({ version }: Provider, expected: number | null): void => {
  if (version !== expected) throw new Refusal('CONFLICT', 'stale')
}

/** The unique index decides who has an address; whose it is nobody is told. @see FR-015 FR-013 */
const orTaken = (error: unknown): never => {
  if ((error as { code?: unknown } | null)?.code === '23505') throw new Refusal('CONFLICT', 'duplicate')
  throw error
}

const claimSql = `
  insert into provider_sign_in_address (agency_id, provider_id, email_index)
  select distinct $1::uuid, $2::uuid, decode(e, 'hex') from unnest($3::text[]) e where not exists (
    select from provider_sign_in_address a where a.agency_id = $1 and a.provider_id = $2 and a.email_index = decode(e, 'hex'))`

/**
 * Claims an account's addresses under the former keys of the index as well, so that another account that was saved under one of them still
 * has its own. What is claimed under the current key the account's trigger writes down.
 * @throws Refusal CONFLICT (`duplicate`) where the address is taken
 */
export const claimByFormerKeys = async (
  tx: Transaction,
  { agencyId, id, email, pendingEmail }: Pick<Provider, 'agencyId' | 'id' | 'email' | 'pendingEmail'>,
  sealing: Sealing,
): Promise<void> => {
  const former = [email, pendingEmail].flatMap((one) => (one === null ? [] : findBy(sealing, agencyId).email.all(one).slice(1)))
  if (former.length > 0) await tx.sql(claimSql, [agencyId, id, former.map((one) => one.toString('hex'))]).catch(orTaken)
}

/** Changes an account: the next version. @throws Refusal CONFLICT (`duplicate`) where the address is taken */
export const changeProvider = async (
  tx: Transaction,
  { agencyId, id, version }: Provider,
  change: Change,
  { now }: Acting,
): Promise<void> => {
  const set = { ...change, version: version + 1, updatedAt: now, activityAt: now }
  await tx.nativeUpdate(ProviderProfileRecord, { agencyId, id }, set).catch(orTaken)
}

/** Agrees on a commission from now on: the agreement, the rate in force, and both in the account. */
export const agree = async (tx: Transaction, providerId: string, commission: Commission, acting: Acting): Promise<Change> => {
  const { agencyId, now, auditId } = acting
  const whose = { agencyId, providerId }
  const counted = await lastCount(tx, whose, firstOfMonth(dayOf(now.getTime())))
  const { rate, tier } = rateInForce(commission, counted?.count ?? null)
  const id = newId(now.getTime())
  await addAgreement(tx, whose, { id, commission }, acting)
  await addRate(tx, whose, {
    id: newId(now.getTime()), commissionId: id, effectiveFrom: now, rate, tier, cause: 'agreement', month: null, count: null, auditId,
  }) // prettier-ignore
  return { commissionType: commission.type, currentRate: String(rate), currentTier: tier }
}

const firstChange = (providerId: string, { agencyId, now, auditId, by }: Acting) => ({
  agencyId, id: newId(now.getTime()), providerId, previousStatus: null, newStatus: 'draft' as const, changedAt: now, changedBy: by, reason: null,
  notified: false, auditId,
}) // prettier-ignore

/** Begins an account. @throws Refusal CONFLICT (`duplicate`) where the address is taken */
export const addProvider = async (
  tx: Transaction,
  profile: Profile,
  commission: Commission | null,
  acting: Acting,
  sealing: Sealing,
  id: string = newId(acting.now.getTime()),
): Promise<string> => {
  const { agencyId, now, auditId, by } = acting
  const first = firstChange(id, acting)
  const row = {
    agencyId, id, status: 'draft' as const, statusChangeId: first.id, featured: false, version: 1, documentsStatus: 'incomplete' as const,
    ...profileColumns(profile, sealing, agencyId, id), createdAt: now, createdBy: by, updatedAt: now, activityAt: now, auditId,
  } // prettier-ignore
  await tx.insert(ProviderProfileRecord, row).catch(orTaken)
  await tx.insert(ProviderStatusChangeRecord, first)
  if (commission !== null) await tx.nativeUpdate(ProviderProfileRecord, { agencyId, id }, await agree(tx, id, commission, acting))
  return id
}
