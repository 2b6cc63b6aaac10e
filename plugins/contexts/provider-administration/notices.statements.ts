import { pageSize } from '../../../domain/shared/page.ts'
import { listAdminNotifications, listOwnNotifications } from '../../../routes/provider-administration/index.ts'
import { readStatement } from '../../host/define-context.ts'

const columns = {
  agency_id: 'uuid', id: 'uuid', kind: 'text', facts: 'json', created_at: 'timestamptz', read_at: 'timestamptz', provider_id: 'uuid', first_name: 'text',
  last_name: 'text', support_contact: 'text',
} as const // prettier-ignore

/** What a notice's words need, and whether the one who asks has read it. */
const shown = `n.agency_id, n.id, n.kind, n.facts::json, n.created_at, r.read_at, n.provider_id, p.first_name, p.last_name, coalesce(s.support_contact, '')`

const joined = (user: string): string => `
  join provider_profile p on p.agency_id = n.agency_id and p.id = n.provider_id
  left join provider_settings s on s.agency_id = n.agency_id
  left join provider_notification_reading r on r.agency_id = n.agency_id and r.notification_id = n.id and r.user_id = ${user}`

const page = (whose: string): string => `
  select ${shown}
  from (
    select * from provider_notification x
    where {{agency x}} and ${whose} and (x.created_at, x.id) < (p_before_at, p_before_id)
    order by x.created_at desc, x.id desc limit least(p_row_limit, ${pageSize.max + 1})
  ) n ${joined('p_user_id')}
  order by n.created_at desc, n.id desc`

const pageArgs = { before_at: 'timestamptz', before_id: 'uuid', row_limit: 'int' } as const

export const listAdminNoticesStatement = readStatement({
  operation: listAdminNotifications,
  args: pageArgs,
  returns: columns,
  sql: page("x.audience = 'administrators'"),
})

export const listOwnNoticesStatement = readStatement({
  operation: listOwnNotifications,
  args: { provider: 'uuid', ...pageArgs },
  returns: columns,
  sql: page("x.audience = 'provider' and x.provider_id = p_provider"),
})

/** One notice as its reader sees it: agency, id, audience, the provider whose it must be (null: any), reader. */
export const oneNoticeSql = `
  select ${shown} as support_contact from provider_notification n ${joined('$5')}
  where n.agency_id = $1 and n.id = $2 and n.audience = $3 and ($4::uuid is null or n.provider_id = $4)`

export const markReadSql = `
  insert into provider_notification_reading (agency_id, notification_id, user_id, read_at) values ($1, $2, $3, $4) on conflict do nothing`
