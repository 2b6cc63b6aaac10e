import type { AdministratorNotice, Notice, NoticeFacts } from '../../../domain/provider-administration/index.ts'
import { newId } from '../../../domain/shared/ids.ts'
import type { Transaction } from '../../host/define-context.ts'
import type { TellingCall } from './tell.ts'

/** In whose portal a notice stands. */
export type NoticeAudience = 'provider' | 'administrators'

/** One notice of a portal, before it has an id. */
export interface PostedNotice {
  readonly audience: NoticeAudience
  readonly kind: Notice
  readonly providerId: string
  readonly cause: string
  readonly facts: NoticeFacts
}

const insertSql = `
  insert into provider_notification (agency_id, id, audience, provider_id, kind, cause, facts, created_at)
  values ($1, $2, $3, $4, $5, $6, $7::jsonb, $8)
  on conflict (agency_id, audience, cause) do nothing returning id`

const findSql = 'select id from provider_notification where agency_id = $1 and audience = $2 and cause = $3'

/** Puts a notice into a portal, once for its cause. @returns its id, and whether this call made it */
export const postNotice = async (
  tx: Transaction,
  { agencyId, now }: TellingCall,
  { audience, kind, providerId, cause, facts }: PostedNotice,
): Promise<{ readonly id: string; readonly isNew: boolean }> => {
  const values = [agencyId, newId(now.getTime()), audience, providerId, kind, cause, JSON.stringify(facts), now]
  const [made] = await tx.sql<{ id: string }>(insertSql, values)
  if (made) return { id: made.id, isNew: true }
  const [known] = await tx.sql<{ id: string }>(findSql, [agencyId, audience, cause])
  return { id: known!.id, isNew: false }
}

const insertAllSql = `
  insert into provider_notification (agency_id, id, audience, provider_id, kind, cause, facts, created_at)
  select $1, x.id, 'administrators', x.provider, x.kind, x.cause, x.facts, $2
  from jsonb_to_recordset($3::jsonb) x (id uuid, provider uuid, kind text, cause text, facts jsonb)
  on conflict (agency_id, audience, cause) do nothing returning id`

/** Puts notices into the administrators' portal, each once for its cause. @returns those that this call made, with their ids */
export const postAdministratorNotices = async (
  tx: Transaction,
  { agencyId, now }: TellingCall,
  told: readonly AdministratorTold[],
): Promise<(AdministratorTold & { readonly id: string })[]> => {
  const asked = told.map((one) => ({ ...one, id: newId(now.getTime()), provider: one.providerId }))
  const made = new Set((await tx.sql<{ id: string }>(insertAllSql, [agencyId, now, JSON.stringify(asked)])).map(({ id }) => id))
  return asked.filter(({ id }) => made.has(id))
}

/** What administrators are told about a provider. */
export interface AdministratorTold {
  readonly kind: AdministratorNotice
  readonly providerId: string
  readonly cause: string
  readonly facts: NoticeFacts
}
