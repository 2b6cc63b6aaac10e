import type { ProviderDocument } from '../../../domain/provider-administration/index.ts'

type Row = Record<string, unknown>

/** A row of the compiled reads. */
export const documentOfRow = (row: Row): ProviderDocument => ({
  id: row['id'] as string,
  providerId: row['provider_id'] as string,
  type: row['type'] as ProviderDocument['type'],
  version: row['version'] as number,
  revision: row['revision'] as number,
  status: row['status'] as ProviderDocument['status'],
  filename: row['filename'] as string | null,
  contentType: row['content_type'] as ProviderDocument['contentType'],
  sizeBytes: row['size_bytes'] as number,
  sha256: row['sha256'] as string,
  scan: row['scan'] as ProviderDocument['scan'],
  objectKey: row['object_key'] as string,
  expiresOn: row['expires_on'] as string,
  uploadedAt: row['uploaded_at'] as Date,
  uploadedBy: row['uploaded_by'] as string,
  verifiedBy: row['verified_by'] as string | null,
  verifiedAt: row['verified_at'] as Date | null,
  rejectionReason: row['rejection_reason'] as string | null,
  requestedAt: row['requested_at'] as Date | null,
})
