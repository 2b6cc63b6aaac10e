import { shownNotes } from '../../../domain/dea-cms/index.ts'
import { pageSize } from '../../../domain/shared/page.ts'
import {
  checkCmsReadiness, getCmsMetadata, getDeaMetadata, listCmsMetadata, listDeaExpirationAlerts, listDeaMetadata,
} from '../../../routes/dea-cms/index.ts' // prettier-ignore
import { readStatement } from '../../host/define-context.ts'

const kept = { agency_id: 'uuid', id: 'uuid', version: 'int', created_at: 'timestamptz', updated_at: 'timestamptz' } as const
/** Days go as text: a driver would make a time of them, in a zone of its own. */
const deaColumns = {
  ...kept, registrant_name: 'bytea', dea_registration_number: 'text', authorized_schedules: 'text[]', registration_status: 'text',
  issue_date: 'text', expiration_date: 'text', expiration_reminder_sent: 'boolean',
} as const // prettier-ignore
const cmsColumns = {
  ...kept, npi_reference: 'text', ptan_reference: 'text', enrollment_status: 'text', effective_date: 'text',
  payer_participation_status: 'json',
} as const // prettier-ignore
const noteColumns = { note_id: 'uuid', note_author: 'text', note: 'bytea', note_at: 'timestamptz' } as const

const asText = /_date$/
const ofWire = (name: string): string => {
  if (asText.test(name)) return `d.${name}::text`
  return name === 'payer_participation_status' ? `d.${name}::json` : `d.${name}`
}
const selected = (columns: object): string => Object.keys(columns).map(ofWire).join(', ')

const deaTable = 'dea_registrant_metadata'
const cmsTable = 'cms_enrollment_metadata'

const older = (table: string, columns: object, which: string): string => `
   select ${selected(columns)} from ${table} d
   where ${which} and {{agency d}} and d.deleted_at is null and (d.created_at, d.id) < (p_before_at, p_before_id)`
/** The constant limit tells the planner that a page is wanted: of a parameter it knows nothing, and would sort everything. */
const newestFirst = (table: string, columns: object, which = 'true'): string =>
  `(${older(table, columns, which)} order by d.created_at desc, d.id desc limit ${pageSize.max + 1})`
const pageOf = (branches: string): string =>
  `select * from (${branches}) page order by page.created_at desc, page.id desc limit p_row_limit`

/** What the indexes of a founder's reads across agencies name. */
const everywhere = 'version >= 1'

const position = { before_at: 'timestamptz', before_id: 'uuid', row_limit: 'int' } as const

/** One record, once for each of its newest notes, or once where it has none. */
const withNotes = (table: string, notes: string, columns: object): string => `
  select ${selected(columns)}, n.id, n.author_id, n.note, n.created_at
  from ${table} d left join lateral (
    select x.id, x.author_id, x.note, x.created_at from ${notes} x
    where x.agency_id = d.agency_id and x.metadata_id = d.id order by x.created_at desc, x.id desc limit ${shownNotes}
  ) n on true
  where {{agency d}} and d.id = p_metadata_id and d.deleted_at is null order by n.created_at desc, n.id desc`

export const listDeaStatement = readStatement({
  operation: listDeaMetadata,
  args: position,
  returns: deaColumns,
  everywhere,
  sql: pageOf(newestFirst(deaTable, deaColumns)),
})

export const getDeaStatement = readStatement({
  operation: getDeaMetadata,
  args: { metadata_id: 'uuid' },
  returns: { ...deaColumns, ...noteColumns },
  sql: withNotes(deaTable, 'dea_compliance_note', deaColumns),
})

/** The last day stands outside: within the page's own condition it would make the planner expect few rows, and sort them all. */
export const deaAlertsStatement = readStatement({
  operation: listDeaExpirationAlerts,
  args: { until: 'text', after_date: 'date', after_id: 'uuid', row_limit: 'int' },
  returns: deaColumns,
  everywhere,
  sql: `
  select * from (
    select ${selected(deaColumns)} from ${deaTable} d
    where {{agency d}} and d.deleted_at is null and (d.expiration_date, d.id) > (p_after_date, p_after_id)
    order by d.expiration_date, d.id limit ${pageSize.max + 1}
  ) page where page.expiration_date <= p_until order by page.expiration_date, page.id limit p_row_limit`,
})

export const listCmsStatement = readStatement({
  operation: listCmsMetadata,
  args: position,
  returns: cmsColumns,
  everywhere,
  sql: pageOf(newestFirst(cmsTable, cmsColumns)),
})

export const getCmsStatement = readStatement({
  operation: getCmsMetadata,
  args: { metadata_id: 'uuid' },
  returns: { ...cmsColumns, ...noteColumns },
  sql: withNotes(cmsTable, 'cms_compliance_note', cmsColumns),
})

/** Two branches of which one is empty by its first condition: each is planned for an index of its own; one record needs no order. */
export const readinessStatement = readStatement({
  operation: checkCmsReadiness,
  args: { metadata_id: 'uuid', ...position },
  returns: cmsColumns,
  everywhere,
  sql: pageOf(
    `${older(cmsTable, cmsColumns, 'p_metadata_id is not null and d.id = p_metadata_id')}
  union all ${newestFirst(cmsTable, cmsColumns, 'p_metadata_id is null')}`,
  ),
})
