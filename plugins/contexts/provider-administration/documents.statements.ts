import { pageSize } from '../../../domain/shared/page.ts'
import { getProviderDocument, listOwnDocuments, listProviderDocuments } from '../../../routes/provider-administration/index.ts'
import { readStatement } from '../../host/define-context.ts'

const columns = {
  agency_id: 'uuid', id: 'uuid', provider_id: 'uuid', type: 'text', version: 'int', revision: 'int', status: 'text', filename: 'text',
  content_type: 'text', size_bytes: 'int', sha256: 'text', scan: 'text', object_key: 'text', expires_on: 'text', uploaded_at: 'timestamptz',
  uploaded_by: 'text', verified_by: 'text', verified_at: 'timestamptz', rejection_reason: 'text', requested_at: 'timestamptz',
} as const // prettier-ignore

const selected = `d.agency_id, d.id, d.provider_id, d.type, d.version, d.revision, d.verification_status, d.filename, d.content_type, d.size_bytes,
  d.sha256, d.scan, d.object_key, d.expiration_date::text, d.uploaded_at, d.uploaded_by, d.verified_by, d.verified_at, d.rejection_reason,
  d.reupload_requested_at`

/** A page of a provider's versions; a provider without any still gives a row, so that it is not taken for no provider. */
const page = `
  select p.agency_id, d.id, p.id, d.type, d.version, d.revision, d.verification_status, d.filename, d.content_type, d.size_bytes, d.sha256, d.scan,
    d.object_key, d.expiration_date::text, d.uploaded_at, d.uploaded_by, d.verified_by, d.verified_at, d.rejection_reason, d.reupload_requested_at
  from provider_profile p left join lateral (
    select * from provider_document d
    where d.agency_id = p.agency_id and d.provider_id = p.id and d.id < p_before_id
    order by d.id desc limit least(p_row_limit, ${pageSize.max + 1})
  ) d on true
  where {{agency p}} and p.id = p_provider order by d.id desc`

const pageArgs = { provider: 'uuid', before_id: 'uuid', row_limit: 'int' } as const

export const listDocumentsStatement = readStatement({ operation: listProviderDocuments, args: pageArgs, returns: columns, sql: page })

export const listOwnDocumentsStatement = readStatement({ operation: listOwnDocuments, args: pageArgs, returns: columns, sql: page })

export const getDocumentStatement = readStatement({
  operation: getProviderDocument,
  args: { provider: 'uuid', document: 'uuid' },
  returns: columns,
  sql: `select ${selected} from provider_document d where {{agency d}} and d.id = p_document and d.provider_id = p_provider`,
})
