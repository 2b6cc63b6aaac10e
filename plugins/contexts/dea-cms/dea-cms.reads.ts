import { readinessOf } from '../../../domain/dea-cms/index.ts'
import { addDays, dayOf } from '../../../domain/shared/calendar-day.ts'
import { pageOf, type Position } from '../../../domain/shared/page.ts'
import { Refusal } from '../../../domain/shared/refusal.ts'
import {
  type checkCmsReadiness, cmsEtag, deaEtag, type getCmsMetadata, type getDeaMetadata, type listCmsMetadata, type listDeaExpirationAlerts,
  type listDeaMetadata, showAlert, showCms, showDea, showListedCms, showListedDea, showReadiness,
} from '../../../routes/dea-cms/index.ts' // prettier-ignore
import { limitOf, positionOf } from '../../../routes/shared/paging.ts'
import type { FieldCipherPort, Service } from '../../host/define-context.ts'
import { cmsOf, deaOf, notesOf } from './dea-cms.rows.ts'
import {
  deaAlertsStatement, getCmsStatement, getDeaStatement, listCmsStatement, listDeaStatement, readinessStatement,
} from './dea-cms.statements.ts' // prettier-ignore

type Row = Record<string, unknown>
type PageQuery = { readonly cursor?: string; readonly limit?: number }

/** One row more than the page holds tells whether there is another page. */
const pageArgs = (query: PageQuery) => {
  const { at, id } = positionOf(query)
  return { before_at: new Date(at), before_id: id, row_limit: limitOf(query) + 1 }
}
const byCreation = (row: Row): Position => ({ id: row.id as string, at: (row.created_at as Date).getTime() })

export const listDeaService = (fields: FieldCipherPort): Service<typeof listDeaMetadata> => ({
  query: listDeaStatement,
  args: ({ query }) => pageArgs(query),
  present: (rows, { query }) => ({ body: pageOf(rows, limitOf(query), byCreation, (row) => showListedDea(deaOf(row, fields))) }),
})

export const getDeaService = (fields: FieldCipherPort): Service<typeof getDeaMetadata> => ({
  query: getDeaStatement,
  args: ({ params }) => ({ metadata_id: params.metadataId }),
  present: (rows) => {
    const [row] = rows
    if (!row) throw new Refusal('NOT_FOUND')
    const record = deaOf(row, fields)
    return { body: showDea(record, notesOf(rows, 'dea', fields)), etag: deaEtag(record) }
  },
})

/** Before every row of a list that runs from the soonest to the latest. */
const soonest: Position = { at: 0, id: '00000000-0000-0000-0000-000000000000' }
const defaultDays = 90

export const deaAlertsService = (fields: FieldCipherPort): Service<typeof listDeaExpirationAlerts> => ({
  query: deaAlertsStatement,
  args: ({ query, now }) => {
    const after = query.cursor === undefined ? soonest : positionOf(query)
    const until = addDays(dayOf(now.getTime()), query.withinDays ?? defaultDays)
    return { until, after_date: dayOf(after.at), after_id: after.id, row_limit: limitOf(query) + 1 }
  },
  present: (rows, { query, now }) => {
    const byExpiration = (row: Row): Position => ({ id: row.id as string, at: Date.parse(row.expiration_date as string) })
    return { body: pageOf(rows, limitOf(query), byExpiration, (row) => showAlert(deaOf(row, fields), now)) }
  },
})

export const listCmsService = (): Service<typeof listCmsMetadata> => ({
  query: listCmsStatement,
  args: ({ query }) => pageArgs(query),
  present: (rows, { query, now }) => ({ body: pageOf(rows, limitOf(query), byCreation, (row) => showListedCms(cmsOf(row), now)) }),
})

export const getCmsService = (fields: FieldCipherPort): Service<typeof getCmsMetadata> => ({
  query: getCmsStatement,
  args: ({ params }) => ({ metadata_id: params.metadataId }),
  present: (rows, { now }) => {
    const [row] = rows
    if (!row) throw new Refusal('NOT_FOUND')
    const record = cmsOf(row)
    return {
      body: showCms(record, notesOf(rows, 'cms', fields), now),
      etag: cmsEtag(record, readinessOf(record.content, dayOf(now.getTime()))),
    }
  },
})

export const readinessService = (): Service<typeof checkCmsReadiness> => ({
  query: readinessStatement,
  args: ({ query }) => ({ metadata_id: query.metadataId ?? null, ...pageArgs(query) }),
  present: (rows, { query, now }) => ({ body: pageOf(rows, limitOf(query), byCreation, (row) => showReadiness(cmsOf(row), now)) }),
})
