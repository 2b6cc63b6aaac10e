import type { Notice, NoticeFacts } from '../../../domain/provider-administration/index.ts'
import { pageOf } from '../../../domain/shared/page.ts'
import { Refusal } from '../../../domain/shared/refusal.ts'
import {
  type listAdminNotifications, type listOwnNotifications, type PortalNotice, type readAdminNotification, type readOwnNotification, showAdminNotice,
  showOwnNotice,
} from '../../../routes/provider-administration/index.ts' // prettier-ignore
import { limitOf, positionOf } from '../../../routes/shared/paging.ts'
import type { Call, Service, Transaction } from '../../host/define-context.ts'
import { listAdminNoticesStatement, listOwnNoticesStatement, markReadSql, oneNoticeSql } from './notices.statements.ts'
import type { NoticeAudience } from './notices.store.ts'

type Row = Record<string, unknown>

const noticeOf = (row: Row): PortalNotice => ({
  id: row['id'] as string,
  kind: row['kind'] as Notice,
  facts: row['facts'] as NoticeFacts,
  // A compiled read gives times as such, a statement of a domain transaction as texts.
  createdAt: new Date(row['created_at'] as Date | string),
  readAt: row['read_at'] === null ? null : new Date(row['read_at'] as Date | string),
  providerId: row['provider_id'] as string,
  firstName: row['first_name'] as string | null,
  lastName: row['last_name'] as string | null,
  supportContact: row['support_contact'] as string,
})

type PageQuery = Parameters<typeof positionOf>[0] & Parameters<typeof limitOf>[0]

const pageArgs = (query: PageQuery) => {
  const before = positionOf(query)
  return { before_at: new Date(before.at), before_id: before.id, row_limit: limitOf(query) + 1 }
}

const noticesPage = <Item>(rows: readonly Row[], query: PageQuery, show: (notice: PortalNotice) => Item) => ({
  body: pageOf(rows.map(noticeOf), limitOf(query), ({ id, createdAt }) => ({ id, at: createdAt.getTime() }), show),
})

export const listAdminNoticesService: Service<typeof listAdminNotifications> = {
  query: listAdminNoticesStatement,
  args: ({ query }) => pageArgs(query),
  present: (rows, { query }) => noticesPage(rows, query, showAdminNotice),
}

export const listOwnNoticesService: Service<typeof listOwnNotifications> = {
  query: listOwnNoticesStatement,
  args: ({ principal, query }) => ({ provider: principal.providerId, ...pageArgs(query) }),
  present: (rows, { query }) => noticesPage(rows, query, showOwnNotice),
}

/** Marks a notice as read by the caller, once, and gives it as it stands then. @throws Refusal NOT_FOUND */
const read = async (
  { agencyId, now, principal, params }: Pick<Call, 'agencyId' | 'now' | 'principal'> & { params: { notificationId: string } },
  tx: Transaction,
  audience: NoticeAudience,
): Promise<PortalNotice> => {
  const whose = audience === 'provider' ? principal.providerId : null
  const find = () => tx.sql<Row>(oneNoticeSql, [agencyId, params.notificationId, audience, whose, principal.userId])
  const [there] = await find()
  if (!there) throw new Refusal('NOT_FOUND')
  await tx.sql(markReadSql, [agencyId, params.notificationId, principal.userId, now])
  const [marked] = await find()
  return noticeOf(marked!)
}

export const readAdminNoticeService: Service<typeof readAdminNotification> = {
  transact: async (call, tx) => ({ body: showAdminNotice(await read(call, tx, 'administrators')) }),
}

export const readOwnNoticeService: Service<typeof readOwnNotification> = {
  transact: async (call, tx) => ({ body: showOwnNotice(await read(call, tx, 'provider')) }),
}
