import { displayName, type DocumentType, type ReminderFacts } from '../../../domain/provider-administration/index.ts'

/**
 * Documents of which administrators are reminded: approved ones of active and suspended providers. The agency is the statement's first value.
 * Each account is looked up by its key, also where the planner believes that there are few.
 */
export const expiringFrom = `
  select d.id, d.provider_id, d.type, d.expiration_date::text as expires_on, p.first_name, p.last_name, r.reminded
  from provider_document d
  join lateral (
    select y.first_name, y.last_name from provider_profile y
    where y.agency_id = d.agency_id and y.id = d.provider_id and y.status in ('active', 'suspended') limit 1
  ) p on true
  left join lateral (
    select min(x.threshold)::int as reminded from provider_reminder x where x.agency_id = d.agency_id and x.document_id = d.id
  ) r on true
  where d.agency_id = $1 and d.verification_status = 'approved'`

export interface ExpiringRow {
  readonly id: string
  readonly provider_id: string
  readonly type: DocumentType
  readonly expires_on: string
  readonly first_name: string | null
  readonly last_name: string | null
  readonly reminded: number | null
}

export const factsOf = (row: ExpiringRow): ReminderFacts => ({
  providerId: row.provider_id,
  providerName: displayName({ firstName: row.first_name, lastName: row.last_name }),
  documentId: row.id,
  documentType: row.type,
  expiresOn: row.expires_on,
  reminded: row.reminded,
})
