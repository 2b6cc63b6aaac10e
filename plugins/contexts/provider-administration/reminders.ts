import { type ReminderFacts, reminderThresholds } from '../../../domain/provider-administration/index.ts'
import { type DueReminder, dueReminders, type Expiring, reminderHorizon } from '../../../domain/shared/expiry-reminders.ts'
import type { Job, OutboxPort, Transaction } from '../../host/define-context.ts'
import type { AdministratorTold } from './notices.store.ts'
import { createTellAdministratorsOfAll } from './notify.ts'
import { type ExpiringRow, expiringFrom, factsOf } from './reminders.rows.ts'

/** Those that expire up to a day and whose reminder is due on the day $4: nearer than the greatest threshold of which nobody was reminded. */
const dueSql = `${expiringFrom} and d.expiration_date <= $2::date and r.reminded is distinct from 0
    and d.expiration_date - $4::date <= (select max(x) from unnest($5::int[]) x where x < coalesce(r.reminded, $6::int))
  order by d.expiration_date, d.id limit $3`

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
