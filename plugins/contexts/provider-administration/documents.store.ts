import type { DocumentStore, NewDocument, ProviderDocument, ProviderStatus } from '../../../domain/provider-administration/index.ts'
import { ProviderDocumentRecord } from '../../../domain/provider-administration/provider-document.entity.ts'
import type { Transaction } from '../../host/define-context.ts'

/** Whose documents: of one provider of one agency. */
export interface Whose {
  readonly agencyId: string
  readonly providerId: string
}

const documentOf = (record: ProviderDocumentRecord): ProviderDocument => ({
  id: record.id,
  providerId: record.providerId,
  type: record.type,
  version: record.version,
  revision: record.revision,
  status: record.verificationStatus,
  filename: record.filename ?? null,
  contentType: record.contentType,
  sizeBytes: record.sizeBytes,
  sha256: record.sha256,
  scan: record.scan,
  objectKey: record.objectKey,
  expiresOn: record.expirationDate,
  uploadedAt: record.uploadedAt,
  uploadedBy: record.uploadedBy,
  verifiedBy: record.verifiedBy ?? null,
  verifiedAt: record.verifiedAt ?? null,
  rejectionReason: record.rejectionReason ?? null,
  requestedAt: record.reuploadRequestedAt ?? null,
})

/** Versions of one provider are few; what could be more than this is not answered for. */
const mostVersions = 1_000

const columnsOf = (document: NewDocument) => {
  const { id, type, version, revision, filename, contentType, sizeBytes, sha256, objectKey, scan, uploadedAt, uploadedBy, auditId } =
    document
  return {
    id, type, version, revision, filename, contentType, sizeBytes, sha256, objectKey, scan, uploadedAt, uploadedBy, auditId,
    verificationStatus: document.status, expirationDate: document.expiresOn,
  } // prettier-ignore
}

/** Documents in PostgreSQL, inside one transaction; what may become of a row its triggers say as well. */
export const documentStore = (tx: Transaction, { agencyId, providerId }: Whose): DocumentStore => ({
  async lockProvider() {
    const [row] = await tx.sql<{ status: ProviderStatus }>(
      'select status from provider_profile where agency_id = $1 and id = $2 for update',
      [agencyId, providerId],
    )
    return row?.status ?? null
  },

  async all() {
    const records = await tx.find(
      ProviderDocumentRecord,
      { agencyId, providerId },
      { orderBy: { id: 'desc' }, limit: mostVersions, refresh: true },
    )
    return records.map(documentOf)
  },

  async add(document) {
    await tx.insert(ProviderDocumentRecord, { agencyId, providerId, ...columnsOf(document) })
  },

  async supersede(ids, at) {
    if (ids.length === 0) return
    await tx.sql(
      `update provider_document set verification_status = 'superseded', superseded_at = $3, revision = revision + 1
       where agency_id = $1 and id = any ($2::uuid[])`,
      [agencyId, [...ids], at],
    )
  },

  async decide({ id, status, reason, by, at, auditId }) {
    await tx.sql(
      `update provider_document set verification_status = $3, rejection_reason = $4, verified_by = $5, verified_at = $6, verified_audit_id = $7,
         revision = revision + 1
       where agency_id = $1 and id = $2`,
      [agencyId, id, status, reason, by, at, auditId],
    )
  },

  async request(id, { at, by }) {
    await tx.sql(
      `update provider_document set reupload_requested_at = $3, reupload_requested_by = $4, revision = revision + 1
       where agency_id = $1 and id = $2`,
      [agencyId, id, at, by],
    )
  },
})
