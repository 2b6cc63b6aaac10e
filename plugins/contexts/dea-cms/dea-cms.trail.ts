import { pageOf } from '../../../domain/shared/page.ts'
import * as routes from '../../../routes/dea-cms/index.ts'
import { limitOf, positionOf } from '../../../routes/shared/paging.ts'
import type { AuditStore, Service } from '../../host/define-context.ts'

/** Both portals' logs have one shape. */
type LogOperation = typeof routes.listDeaAuditLog

/** The operations of one portal by name: what they were asked, and nothing else, is in its log. */
const actionsOf = (tag: string): string[] =>
  Object.values(routes).flatMap((exported) =>
    typeof exported === 'object' && (exported.tags as readonly string[]).includes(tag) ? [exported.name] : [],
  )

/** The audit trail's rows of one portal. There is no history beside it: what is shown is what the chain proves. */
export const auditLogService = (store: AuditStore, portal: 'dea' | 'cms', besides: readonly string[] = []): Service<LogOperation> => {
  const actions = [...actionsOf(portal), ...besides]
  return {
    answer: async ({ agencyId, query }) => {
      const { at, id } = positionOf(query)
      const filter = { actions, entity: query.metadataId, before: { at: new Date(at), id }, limit: limitOf(query) + 1 }
      const events = await store.events(agencyId, filter)
      return { body: pageOf(events, limitOf(query), (event) => ({ id: event.id, at: Date.parse(event.at) }), routes.showLogged) }
    },
  }
}
