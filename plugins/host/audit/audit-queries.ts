import type { ClientBase } from 'pg'
import { platformAgency } from '../../../domain/shared/ids.ts'
import { eventColumns } from './audit-record.ts'
import type { StoredEvent } from './canonical.ts'

/** What an auditor asks for; everything given must hold. */
export interface EventFilter {
  readonly action?: string
  /** The names of operations, few: the newest rows of each by its index, and of those the newest. */
  readonly actions?: readonly string[]
  /** A user id. */
  readonly actor?: string
  /** The id of a record. */
  readonly entity?: string
  readonly outcome?: string
  /** One of these records. */
  readonly entities?: readonly string[]
  /** From this time on. */
  readonly from?: Date
  /** Before this time. */
  readonly to?: Date
  /** Rows older than this position: the last row of the page before. */
  readonly before: { readonly at: Date; readonly id: string }
  /** Most rows. */
  readonly limit: number
}

/** One entry of the AI action log. */
export interface AiAction {
  readonly id: string
  readonly agencyId: string
  readonly at: string
  /** `AI Agent under <role> authority`. @see FusionEMS part 2 */
  readonly executedBy: string
  readonly agentId: string
  readonly policyVersionId: string | null
  readonly underRole: string | null
  readonly userId: string | null
  readonly action: string
  readonly outcome: string
  readonly reason: string | null
  readonly patientId: string | null
  readonly entityType: string | null
  readonly entityId: string | null
  readonly requestId: string | null
}

const conditions = { action: 'action', actor: 'user_id', entity: 'entity_id', outcome: 'outcome' } as const

const newestFirst = 'order by at desc, id desc limit $4'

/** The newest rows of one agency's actions (`$5`). A page of each is enough: no page holds more. */
const newestOfActions = (columns: string, where: readonly string[]): string =>
  `select newest.* from unnest($5::text[]) wanted
   cross join lateral (
     select ${columns} from audit_event where agency_id = $1 and action = wanted and ${where.join(' and ')} ${newestFirst}
   ) newest ${newestFirst}`

/** The newest rows of one agency; of every agency, the newest of each by its index, and of those the newest. */
const newestOf = (columns: string, table: string, where: readonly string[], agencyId: string | null): string =>
  agencyId !== null
    ? `select ${columns} from ${table} where agency_id = $1 and ${where.join(' and ')} ${newestFirst}`
    : `select newest.* from (select id from host_agency union all select $1::uuid) agency
       cross join lateral (select ${columns} from ${table} where agency_id = agency.id and ${where.join(' and ')} ${newestFirst}) newest
       ${newestFirst}`

/** By the actions' index, unless the rows of one record, which are few, or of every agency are asked for. */
const eventsSql = (agencyId: string | null, { actions, entity, entities }: EventFilter, where: string[]): string => {
  if (actions && agencyId !== null && entity === undefined && entities === undefined) return newestOfActions(eventColumns, where)
  return newestOf(eventColumns, 'audit_event', actions ? [...where, 'action = any($5::text[])'] : where, agencyId)
}

/** Rows of one agency, or of all and of none (`null`), the newest first. */
export const readEvents = async (client: ClientBase, agencyId: string | null, filter: EventFilter): Promise<StoredEvent[]> => {
  const values: unknown[] = [agencyId ?? platformAgency, filter.before.at, filter.before.id, filter.limit]
  const where = ['(at, id) < ($2, $3)']
  if (filter.actions) values.push(filter.actions)
  const add = (condition: (parameter: string) => string, value: unknown): void => {
    values.push(value)
    where.push(condition(`$${values.length}`))
  }
  for (const [name, column] of Object.entries(conditions)) {
    const value = filter[name as keyof typeof conditions]
    if (value !== undefined) add((parameter) => `${column} = ${parameter}`, value)
  }
  if (filter.entities) add((parameter) => `entity_id = any (${parameter}::text[])`, filter.entities)
  // The index of refusals is partial: only a predicate that the planner can prove lets it be used.
  if (filter.outcome !== undefined && !['success', 'replayed'].includes(filter.outcome))
    where.push("outcome not in ('success', 'replayed')")
  if (filter.from) add((parameter) => `at >= ${parameter}`, filter.from)
  if (filter.to) add((parameter) => `at < ${parameter}`, filter.to)
  return (await client.query(eventsSql(agencyId, filter, where), values)).rows as StoredEvent[]
}

const aiActionColumns = `
    id, agency_id as "agencyId", at, executed_by as "executedBy", agent_id as "agentId", policy_version_id as "policyVersionId",
    under_role as "underRole", user_id as "userId", action, outcome, reason, patient_id as "patientId", entity_type as "entityType",
    entity_id as "entityId", request_id as "requestId"`

/** What AI agents did in one agency, or in all (`null`), the newest first. */
export const readAiActions = async (
  client: ClientBase,
  agencyId: string | null,
  filter: Pick<EventFilter, 'before' | 'limit'>,
): Promise<AiAction[]> => {
  const text = newestOf(aiActionColumns, 'audit_ai_action', ['(at, id) < ($2, $3)'], agencyId)
  const values = [agencyId ?? platformAgency, filter.before.at, filter.before.id, filter.limit]
  const { rows } = await client.query<Omit<AiAction, 'at'> & { at: Date }>(text, values)
  return rows.map((row) => ({ ...row, at: row.at.toISOString() }))
}
