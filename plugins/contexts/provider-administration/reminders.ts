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
import { createTellAdministrators } from './notify.ts'

/** More documents than this do not run out within a year. */
const mostDocuments = 10_000

/** Approved documents of active and suspended providers that expire up to a day, the soonest first; those that were reminded of for good are left out. */
const expiringSql = `
  select d.id, d.provider_id, d.type, d.expiration_date::text as expires_on, p.first_name, p.last_name, r.reminded
  from provider_document d
  join provider_profile p on p.agency_id = d.agency_id and p.id = d.provider_id
  left join lateral (
    select min(x.threshold)::int as reminded from provider_reminder x where x.agency_id = d.agency_id and x.document_id = d.id
  ) r on true
  where d.agency_id = $1 and d.verification_status = 'approved' and d.expiration_date <= $2::date and p.status in ('active', 'suspended')
    and r.reminded is distinct from 0
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

const rememberSql = `
  insert into provider_reminder (agency_id, document_id, threshold, due_on, reminded_at) values ($1, $2, $3, $4, $5)
  on conflict do nothing returning document_id`

type ExpiringDocument = Expiring & ReminderFacts

/** The row of the reminder decides: of two runs one tells. */
const remind = async (
  tx: Transaction,
  call: { readonly agencyId: string; readonly now: Date; readonly auditId: string; readonly date: string },
  { item, threshold, daysLeft, cause }: DueReminder<ExpiringDocument>,
  outbox: OutboxPort,
): Promise<boolean> => {
  const { providerId, documentId, documentType, expiresOn } = item
  const made = await tx.sql(rememberSql, [call.agencyId, documentId, threshold, call.date, call.now])
  if (made.length === 0) return false
  const facts = { documentId, documentType, expiresOn, daysLeft }
  await createTellAdministrators(outbox)(tx, call, { kind: 'document-expiring', providerId, cause, facts })
  return true
}

/**
 * Reminds administrators of documents that expire: 30, 7 and 0 days before, once per version; of several that were missed, the last one.
 * @see FR-015 FR-007, Rule 6, User Story 5
 */
export const reminderJob: Job<{ readonly outbox: OutboxPort }> = {
  name: 'document-reminders',
  schedule: 'daily',
  async run(call, tx, { outbox }) {
    const rows = await tx.sql<ExpiringRow>(expiringSql, [call.agencyId, reminderHorizon(reminderThresholds, call.date), mostDocuments])
    const items = rows.map((row): ExpiringDocument => ({ ...factsOf(row), id: row.id, version: '1' }))
    const due = dueReminders(items, reminderThresholds, call.date)
    let count = 0
    for (const reminder of due.slice(0, batch)) if (await remind(tx, call, reminder, outbox)) count += 1
    return { count, more: due.length > batch }
  },
}
