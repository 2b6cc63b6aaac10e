import { encodeCursor, newest, pageOf } from '../../../domain/shared/page.ts'
import type { ProviderStatus } from '../../../domain/provider-administration/index.ts'
import * as declared from '../../../routes/provider-administration/index.ts'
import type { listBookingEvents, listProviderActivity, listStatusHistory } from '../../../routes/provider-administration/index.ts'
import { limitOf, positionOf } from '../../../routes/shared/paging.ts'
import type { AuditStore, Service } from '../../host/define-context.ts'
import { instantOf } from './instant.ts'
import type { Kit } from './kit.ts'
import { readProvider } from './provider.store.ts'

interface StatusRow {
  readonly id: string
  readonly previous_status: ProviderStatus
  readonly new_status: ProviderStatus
  readonly changed_at: string
  readonly changed_by: string
  readonly reason: string | null
}

/** The first row of an account is its creation, which changed no status. */
const historySql = `
  select id, previous_status, new_status, ${instantOf('changed_at')} as changed_at, changed_by, reason from provider_status_change
  where agency_id = $1 and provider_id = $2 and previous_status is not null and (changed_at, id) < ($3, $4)
  order by provider_status_change.changed_at desc, id desc limit $5`

export const statusHistoryService = (kit: Kit): Service<typeof listStatusHistory> => ({
  transact: async ({ agencyId, params, query }, tx) => {
    const { id } = await readProvider(tx, agencyId, params.providerId, kit)
    const before = positionOf(query)
    const rows = await tx.sql<StatusRow>(historySql, [agencyId, id, new Date(before.at), before.id, limitOf(query) + 1])
    const place = (row: StatusRow) => ({ id: row.id, at: Date.parse(row.changed_at) })
    const show = (row: StatusRow) => ({
      id: row.id,
      previousStatus: row.previous_status,
      newStatus: row.new_status,
      changedAt: row.changed_at,
      changedBy: row.changed_by,
      reason: row.reason,
    })
    return { body: pageOf(rows, limitOf(query), place, show) }
  },
})

/** What is done about a provider; who merely looked stands in the audit alone. */
const acts: readonly string[] = [
  ...Object.values(declared).flatMap((one) => (typeof one === 'object' && 'method' in one && one.method !== 'GET' ? [one.name] : [])),
  'job.provider-scheduled-transitions',
  'job.provider-tiers',
  'job.provider-retention',
]

/** The fields in which a record differs before and after; never what they say. */
const changedFields = (before: unknown, after: unknown): string[] => {
  const one = (before ?? {}) as Record<string, unknown>
  const other = (after ?? {}) as Record<string, unknown>
  const names = new Set([...Object.keys(one), ...Object.keys(other)])
  return [...names].filter((name) => JSON.stringify(one[name]) !== JSON.stringify(other[name])).slice(0, 100)
}

const documentsSql = 'select id from provider_document where agency_id = $1 and provider_id = $2 order by id desc limit 1000'

export const activityService = (kit: Kit, audit: AuditStore): Service<typeof listProviderActivity> => ({
  transact: async ({ agencyId, params, query }, tx) => {
    const { id } = await readProvider(tx, agencyId, params.providerId, kit)
    const documents = await tx.sql<{ id: string }>(documentsSql, [agencyId, id])
    const { at, id: last } = positionOf(query)
    const entities = [id, ...documents.map((document) => document.id)]
    const events = await audit.events(agencyId, {
      entities,
      actions: acts,
      before: { at: new Date(at), id: last },
      limit: limitOf(query) + 1,
    })
    const place = (event: (typeof events)[number]) => ({ id: event.id, at: Date.parse(event.at) })
    const show = (event: (typeof events)[number]) => ({
      id: event.id,
      at: event.at,
      action: event.action,
      actor: event.userId,
      role: event.role,
      ip: event.ip,
      outcome: event.outcome,
      details: changedFields(event.before, event.after),
    })
    return { body: pageOf(events, limitOf(query), place, show) }
  },
})

interface EventRow {
  readonly id: string
  readonly position: string
  readonly provider_id: string
  readonly kind: 'provider-suspended' | 'provider-deactivated' | 'provider-reactivated'
  readonly known: boolean
  readonly booking_ids: string[]
  readonly booking_count: number
  readonly occurred_at: string
}

const eventsSql = `
  select id, position, provider_id, kind, known, booking_ids, booking_count, ${instantOf('occurred_at')} as occurred_at from provider_booking_event
  where agency_id = $1 and position > $2 order by position limit $3`

export const bookingEventsService = (): Service<typeof listBookingEvents> => ({
  transact: async ({ agencyId, query }, tx) => {
    const position = positionOf(query)
    // A place in this list is a number, not a time.
    const rows = await tx.sql<EventRow>(eventsSql, [agencyId, position === newest ? 0 : position.at, limitOf(query) + 1])
    const cursorOf = (row: EventRow): string => encodeCursor({ id: row.id, at: Number(row.position) })
    const shown = rows.slice(0, limitOf(query))
    const items = shown.map((row) => ({
      id: row.id,
      kind: row.kind,
      providerId: row.provider_id,
      occurredAt: row.occurred_at,
      upcomingBookings: { known: row.known, count: row.booking_count, ids: row.booking_ids },
      cursor: cursorOf(row),
    }))
    return { body: { items, nextCursor: rows.length > shown.length ? cursorOf(shown.at(-1)!) : null } }
  },
})
