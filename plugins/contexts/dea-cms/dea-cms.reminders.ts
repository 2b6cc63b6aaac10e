import { reminderThresholds } from '../../../domain/dea-cms/index.ts'
import { dayOf, daysBetween } from '../../../domain/shared/calendar-day.ts'
import { dueReminders, type Expiring } from '../../../domain/shared/expiry-reminders.ts'
import {
  composeMail, type ContextScope, type Due, type Job, type MailDelivery, reminderRecipients, type Transaction,
} from '../../host/define-context.ts' // prettier-ignore

type Scope = ContextScope<'fields' | 'queue'>

const kind = 'dea-expiry'
export const remindersName = 'dea-expiry-reminders'

interface Row {
  readonly id: string
  readonly version: number
  readonly expires: string
  readonly reminded: number | null
}

/**
 * The next registration whose time has come: one that is nearer than the greatest threshold of which nobody was reminded. One at a time,
 * so that each has its own row in the audit; held until the transaction ends.
 */
const nextDue = `
  select id, expiration_version as version, expiration_date::text as expires, reminded_days as reminded from dea_registrant_metadata
  where agency_id = $1 and deleted_at is null and expiration_date <= $2::date + $4::int
    and expiration_date - $2::date <= (select max(t) from unnest($3::int[]) t where t < coalesce(reminded_days, $4::int + 1))
  order by expiration_date, id limit 1 for update skip locked`

const markReminded = 'update dea_registrant_metadata set reminded_days = $3 where agency_id = $1 and id = $2'

const expiring = ({ id, version, expires, reminded }: Row): Expiring => ({ id, version: String(version), expiresOn: expires, reminded })

/** Reminds an agency's administrators, and nobody else, of registrations that expire. @see FusionEMS part 5; design, section 8 */
export const expiryReminders: Job<Scope> = {
  name: remindersName,
  schedule: 'daily',
  killSwitch: 'USE_DEA_PORTAL',
  async run(call, tx, { fields, outbox }) {
    const nothing = { count: 0, more: false }
    // Until somebody says whom to remind, nothing counts as reminded: the first run afterwards catches up.
    if ((await reminderRecipients(tx, fields, call.agencyId)).length === 0) return nothing
    const [row] = await tx.sql<Row>(nextDue, [call.agencyId, call.date, reminderThresholds, Math.max(...reminderThresholds)])
    const [due] = row ? dueReminders([expiring(row)], reminderThresholds, call.date) : []
    if (!due) return nothing
    const { item, threshold, daysLeft, cause } = due
    await outbox.add(tx, call, [{ kind, cause, subjectId: item.id }])
    await tx.sql(markReminded, [call.agencyId, item.id, threshold])
    const after = { reminder: { threshold, daysLeft, expirationDate: item.expiresOn } }
    return { count: 1, more: true, entity: { type: 'dea-metadata', id: item.id }, after }
  },
}

interface Mailed {
  readonly number: string
  readonly expires: string
}

const told = `select dea_registration_number as number, expiration_date::text as expires from dea_registrant_metadata
  where agency_id = $1 and id = $2 and expiration_version = $3 and deleted_at is null`

const markSent = `update dea_registrant_metadata set expiration_reminder_sent = true
  where agency_id = $1 and id = $2 and expiration_version = $3 and deleted_at is null`

/** The version of the expiration date that the row is for: `expiry:<id>:<version>:<threshold>`. */
const versionOf = ({ cause }: Pick<Due, 'cause'>): number => Number(cause.split(':')[2])

const inWords = (days: number): string => {
  if (days < 0) return `expired ${-days === 1 ? 'a day' : `${-days} days`} ago`
  if (days === 0) return 'expires today'
  return `expires in ${days === 1 ? 'a day' : `${days} days`}`
}

/** Numbers are shown by their last four digits in mails, as licence numbers are. */
const words = ({ number, expires }: Mailed, days: number) => ({
  subject: `A DEA registration ${inWords(days)}`,
  paragraphs: [
    `The DEA registration ending in ${number.slice(-4)} ${inWords(days)}, on ${expires}.`,
    'Nothing was sent to the DEA. Renew the registration there, then bring the record up to date in the DEA portal.',
  ],
  footer: ['You receive this because your agency names you as a recipient of reminders.'],
})

const prepare = async (due: Due, tx: Transaction, { fields }: Scope) => {
  const to = await reminderRecipients(tx, fields, due.agencyId)
  const [row] = await tx.sql<Mailed>(told, [due.agencyId, due.subjectId, versionOf(due)])
  // Removed, or given another date, since it was written down.
  if (!row || to.length === 0) return null
  return { to, ...composeMail(words(row, daysBetween(dayOf(due.now.getTime()), row.expires))) }
}

export const expiryMail: MailDelivery<Scope> = {
  kind,
  prepare,
  async settled({ state, agencyId, subjectId, ...due }, tx) {
    if (state === 'sent') await tx.sql(markSent, [agencyId, subjectId, versionOf(due)])
  },
}
