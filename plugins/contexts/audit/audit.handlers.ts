import { exportName, periodOf, type Period } from '../../../domain/audit/index.ts'
import { parseInstant } from '../../../domain/shared/instant.ts'
import { pageOf } from '../../../domain/shared/page.ts'
import { invalid } from '../../../domain/shared/refusal.ts'
import {
  type exportAuditEvents, type listAiActions, type listAuditEvents, showAiAction, showEvent, showVerification, type verifyAuditTrail,
} from '../../../routes/audit/index.ts' // prettier-ignore
import { limitOf, positionOf } from '../../../routes/shared/paging.ts'
import type { AuditStore, Service } from '../../host/define-context.ts'

const instantOf = (text: string | undefined, pointer: string): Date | undefined => {
  if (text === undefined) return undefined
  const instant = parseInstant(text)
  if (instant === null) throw invalid(pointer, 'date-time')
  return instant
}

const askedPeriod = ({ from, to }: { readonly from?: string; readonly to?: string }): Period =>
  periodOf(instantOf(from, '/query/from'), instantOf(to, '/query/to'))

/** One row more than the page holds tells whether there is another page. */
const pageFilter = (query: { readonly cursor?: string; readonly limit?: number }) => {
  const { at, id } = positionOf(query)
  return { before: { at: new Date(at), id }, limit: limitOf(query) + 1 }
}

/** Whose trail is asked, and who is concerned where that is everybody's. */
const trailOf = ({ acrossAgencies, agencyId }: { readonly acrossAgencies: boolean; readonly agencyId: string }): string | null =>
  acrossAgencies ? null : agencyId
const agenciesOf = (rows: readonly { readonly agencyId: string }[]): string[] => rows.map((row) => row.agencyId)

const placeOf = ({ id, at }: { readonly id: string; readonly at: string }) => ({ id, at: Date.parse(at) })

export const listEventsService = (store: AuditStore): Service<typeof listAuditEvents> => ({
  answer: async (call) => {
    const { query } = call
    const { action, actor, entity, outcome } = query
    const events = await store.events(trailOf(call), { action, actor, entity, outcome, ...askedPeriod(query), ...pageFilter(query) })
    return { body: pageOf(events, limitOf(query), placeOf, showEvent), agencyIds: agenciesOf(events) }
  },
})

export const aiActionsService = (store: AuditStore): Service<typeof listAiActions> => ({
  answer: async (call) => {
    const { query } = call
    const actions = await store.aiActions(trailOf(call), pageFilter(query))
    return { body: pageOf(actions, limitOf(query), placeOf, showAiAction), agencyIds: agenciesOf(actions) }
  },
})

export const exportService = (store: AuditStore): Service<typeof exportAuditEvents> => ({
  answer: async ({ agencyId, query, now }) => {
    const period = askedPeriod(query)
    const stream = await store.export(agencyId, period)
    return {
      // A stream goes out as it comes; the schema says what it carries.
      body: stream as unknown as string,
      headers: {
        'content-type': 'application/x-ndjson; charset=utf-8',
        'content-disposition': `attachment; filename="${exportName(agencyId, period, now)}"`,
      },
    }
  },
})

export const verificationService = (store: AuditStore): Service<typeof verifyAuditTrail> => ({
  answer: async ({ agencyId }) => ({ body: showVerification(await store.verify(agencyId)) }),
})
