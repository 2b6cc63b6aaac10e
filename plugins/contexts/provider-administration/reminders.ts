import {
  comingReminders, displayName, type DocumentType, type ReminderFacts, reminderOutlook, reminderThresholds,
} from '../../../domain/provider-administration/index.ts' // prettier-ignore
import { addDays, dayOf } from '../../../domain/shared/calendar-day.ts'
import { type DueReminder, dueReminders, type Expiring, reminderHorizon } from '../../../domain/shared/expiry-reminders.ts'
import { decodeCursor, encodeCursor, type Position } from '../../../domain/shared/page.ts'
import { invalid } from '../../../domain/shared/refusal.ts'
import { type listUpcomingReminders, showReminder } from '../../../routes/provider-administration/index.ts'
import { limitOf } from '../../../routes/shared/paging.ts'
import type { Job, OutboxPort, Service, Transaction } from '../../host/define-context.ts'
import type { AdministratorTold } from './notices.store.ts'
import { createTellAdministratorsOfAll } from './notify.ts'

/** Of so many documents at most a page of reminders is worked out. */
const mostDocuments = 10_000

/** Approved documents of active and suspended providers that expire up to a day, the soonest first; those that were reminded of for good are left out. */
const expiringFrom = `
  select d.id, d.provider_id, d.type, d.expiration_date::text as expires_on, p.first_name, p.last_name, r.reminded
  from provider_document d
  join provider_profile p on p.agency_id = d.agency_id and p.id = d.provider_id
  left join lateral (
    select min(x.threshold)::int as reminded from provider_reminder x where x.agency_id = d.agency_id and x.document_id = d.id
  ) r on true
  where d.agency_id = $1 and d.verification_status = 'approved' and d.expiration_date <= $2::date and p.status in ('active', 'suspended')
    and r.reminded is distinct from 0`

const expiringSql = `${expiringFrom}
  order by d.expiration_date, d.id limit $3`

/** Of them those whose reminder is due on the day $4: nearer than the greatest threshold of which nobody was reminded. */
const dueSql = `${expiringFrom}
    and d.expiration_date - $4::date <= (select max(x) from unnest($5::int[]) x where x < coalesce(r.reminded, $6::int))
  order by d.expiration_date, d.id limit $3`

interface ExpiringRow {
  readonly id: string
  readonly provider_id: string
  readonly type: DocumentType
  readonly expires_on: string
  readonly first_name: string | null
  readonly last_name: string | null
  readonly reminded: number | null
}

const factsOf = (row: ExpiringRow): ReminderFacts => ({
  providerId: row.provider_id,
  providerName: displayName({ firstName: row.first_name, lastName: row.last_name }),
  documentId: row.id,
  documentType: row.type,
  expiresOn: row.expires_on,
  reminded: row.reminded,
})

const first: Position = { at: 0, id: '00000000-0000-0000-0000-000000000000' }

const positionOf = (cursor: string | undefined): Position => {
  const position = cursor === undefined ? first : decodeCursor(cursor)
  if (position === null) throw invalid('/query/cursor', 'cursor')
  return position
}

const placeOf = ({ on, documentId }: { readonly on: string; readonly documentId: string }): Position => ({
  at: Date.parse(on),
  id: documentId,
})
const isAfter = (one: Position, other: Position): boolean => one.at > other.at || (one.at === other.at && one.id > other.id)

export const upcomingRemindersService: Service<typeof listUpcomingReminders> = {
  transact: async ({ agencyId, now, query }, tx) => {
    const today = dayOf(now.getTime())
    const days = query.days ?? reminderOutlook.default
    const values = [agencyId, addDays(reminderHorizon(reminderThresholds, today), days), mostDocuments]
    const rows = await tx.sql<ExpiringRow>(expiringSql, values)
    const before = positionOf(query.cursor)
    const coming = comingReminders(rows.map(factsOf), today, days).filter((one) => isAfter(placeOf(one), before))
    const items = coming.slice(0, limitOf(query))
    const last = items.at(-1)
    const nextCursor = last !== undefined && coming.length > items.length ? encodeCursor(placeOf(last)) : null
    return { body: { items: items.map(showReminder), nextCursor } }
  },
}

const batch = 100

/** The row of the reminder decides: of two runs one tells. */
const rememberSql = `
  insert into provider_reminder (agency_id, document_id, threshold, due_on, reminded_at)
  select $1, x.document, x.threshold, $2, $3 from unnest($4::uuid[], $5::int[]) x (document, threshold)
  on conflict do nothing returning document_id`

type ExpiringDocument = Expiring & ReminderFacts

const remember = async (
  tx: Transaction,
  { agencyId, date, now }: { readonly agencyId: string; readonly date: string; readonly now: Date },
  due: readonly DueReminder<ExpiringDocument>[],
): Promise<DueReminder<ExpiringDocument>[]> => {
  const values = [agencyId, date, now, due.map(({ item }) => item.id), due.map(({ threshold }) => threshold)]
  const made = new Set((await tx.sql<{ document_id: string }>(rememberSql, values)).map((row) => row.document_id))
  return due.filter(({ item }) => made.has(item.id))
}

const toldOf = ({ item, daysLeft, cause }: DueReminder<ExpiringDocument>): AdministratorTold => {
  const { providerId, documentId, documentType, expiresOn } = item
  return { kind: 'document-expiring', providerId, cause, facts: { documentId, documentType, expiresOn, daysLeft } }
}

const dueOn = async (tx: Transaction, agencyId: string, date: string): Promise<DueReminder<ExpiringDocument>[]> => {
  const horizon = reminderHorizon(reminderThresholds, date)
  const rows = await tx.sql<ExpiringRow>(dueSql, [agencyId, horizon, batch, date, reminderThresholds, Math.max(...reminderThresholds) + 1])
  const items = rows.map((row): ExpiringDocument => ({ ...factsOf(row), id: row.id, version: '1' }))
  return dueReminders(items, reminderThresholds, date)
}

/**
 * Reminds administrators of documents that expire: 30, 7 and 0 days before, once per version; of several that were missed, the last one.
 * @see FR-015 FR-007, Rule 6, User Story 5
 */
export const reminderJob: Job<{ readonly outbox: OutboxPort }> = {
  name: 'document-reminders',
  schedule: 'daily',
  async run(call, tx, { outbox }) {
    const due = await dueOn(tx, call.agencyId, call.date)
    const told = await remember(tx, call, due)
    await createTellAdministratorsOfAll(outbox)(tx, call, told.map(toldOf))
    return { count: told.length, more: due.length === batch }
  },
}
