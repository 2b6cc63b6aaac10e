import { comingReminders, reminderOutlook, reminderThresholds } from '../../../domain/provider-administration/index.ts'
import { addDays, dayOf } from '../../../domain/shared/calendar-day.ts'
import { decodeCursor, encodeCursor, type Position } from '../../../domain/shared/page.ts'
import { invalid } from '../../../domain/shared/refusal.ts'
import { type listUpcomingReminders, showReminder } from '../../../routes/provider-administration/index.ts'
import { limitOf } from '../../../routes/shared/paging.ts'
import type { Service } from '../../host/define-context.ts'
import { type ExpiringRow, expiringFrom, factsOf } from './reminders.rows.ts'

const greatest = Math.max(...reminderThresholds)

/** Documents whose reminder of one threshold comes after a place in the list, by the index of expiries: as many as a page can hold. */
const coming = `
  select c.id from unnest($6::int[]) t cross join lateral (
    select d.id from provider_document d
    where d.agency_id = $1 and d.verification_status = 'approved'
      and d.expiration_date > $2::date + t and d.expiration_date <= $3::date + t and (d.expiration_date, d.id) > ($4::date + t, $5::uuid)
      and (select p.status from provider_profile p where p.agency_id = d.agency_id and p.id = d.provider_id) in ('active', 'suspended')
      and not exists (select from provider_reminder x where x.agency_id = d.agency_id and x.document_id = d.id and x.threshold <= t)
    order by d.expiration_date, d.id limit $7
  ) c`

/** Documents of which a reminder is due already: all of today, and so in the order of their ids. */
const due = `
  select e.id from (${expiringFrom}
    and $4::date <= $2::date and ($2::date, d.id) > ($4::date, $5::uuid) and d.expiration_date <= $2::date + ${greatest}
    and d.expiration_date - $2::date <= (select max(x) from unnest($6::int[]) x where x < coalesce(r.reminded, ${greatest + 1}))
    offset 0
  ) e order by e.id limit $7`

/** Agency, today, the last day shown, the place after which the page begins (day and id), the thresholds, and a page with one more. */
const pageSql = `${expiringFrom} and d.id = any (array(${coming}) || array(${due}))`

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

/** What will be sent, by the day on which it will be: read from each threshold's place on, so that no page costs more than another. */
export const upcomingRemindersService: Service<typeof listUpcomingReminders> = {
  transact: async ({ agencyId, now, query }, tx) => {
    const today = dayOf(now.getTime())
    const days = query.days ?? reminderOutlook.default
    const limit = limitOf(query)
    const after = positionOf(query.cursor)
    const values = [agencyId, today, addDays(today, days), dayOf(after.at), after.id, reminderThresholds, limit + 1]
    const rows = await tx.sql<ExpiringRow>(pageSql, values)
    const all = comingReminders(rows.map(factsOf), today, days).filter((one) => isAfter(placeOf(one), after))
    const items = all.slice(0, limit)
    const last = items.at(-1)
    const nextCursor = last !== undefined && all.length > items.length ? encodeCursor(placeOf(last)) : null
    return { body: { items: items.map(showReminder), nextCursor } }
  },
}
