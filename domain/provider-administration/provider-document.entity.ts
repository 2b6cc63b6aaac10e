import { defineEntity, p } from '@mikro-orm/core'
import { documentTypes as mediaTypes } from '../shared/documents.ts'
import { documentTypes, verificationStatuses } from './document.ts'

const ProviderDocumentSchema = defineEntity({
  name: 'ProviderDocument',
  tableName: 'provider_document',
  properties: {
    agencyId: p.uuid().primary(),
    id: p.uuid().primary(),
    providerId: p.uuid(),
    type: p.enum(documentTypes),
    version: p.integer(),
    revision: p.integer(),
    verificationStatus: p.enum(verificationStatuses),
    expirationDate: p.date(),
    filename: p.text().nullable(),
    contentType: p.enum(mediaTypes),
    sizeBytes: p.integer(),
    sha256: p.text(),
    /** Where the host keeps the bytes, sealed. */
    objectKey: p.text(),
    scan: p.enum(['clean', 'not-scanned'] as const),
    uploadedAt: p.datetime(3),
    uploadedBy: p.text(),
    verifiedAt: p.datetime(3).nullable(),
    verifiedBy: p.text().nullable(),
    rejectionReason: p.text().nullable(),
    reuploadRequestedAt: p.datetime(3).nullable(),
    reuploadRequestedBy: p.text().nullable(),
    supersededAt: p.datetime(3).nullable(),
    auditId: p.uuid(),
    verifiedAuditId: p.uuid().nullable(),
  },
})

/** One version of a document as PostgreSQL keeps it, without its content. */
export class ProviderDocumentRecord extends ProviderDocumentSchema.class {}
ProviderDocumentSchema.setClass(ProviderDocumentRecord)

export { ProviderDocumentSchema }
