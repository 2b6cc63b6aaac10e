import { checkEditable, largestPhoto, photoTypes, withoutMetadata } from '../../../domain/provider-administration/index.ts'
import { Refusal } from '../../../domain/shared/refusal.ts'
import { type deleteProviderPhoto, photoUrl, type putProviderPhoto } from '../../../routes/provider-administration/index.ts'
import type { DocumentsPort, Service, Transaction, UploadService } from '../../host/define-context.ts'
import { providerStatusOf } from './documents.handlers.ts'
import { documentStore } from './documents.store.ts'

/** Takes the photo's row away and gives its object up; false where there is none. */
const removePhoto = async (documents: DocumentsPort, tx: Transaction, agencyId: string, providerId: string): Promise<boolean> => {
  const text = 'delete from provider_photo where agency_id = $1 and provider_id = $2 returning object_key'
  const [row] = await tx.sql<{ object_key: string }>(text, [agencyId, providerId])
  if (row) await documents.release(tx, { agencyId, objectKey: row.object_key })
  return row !== undefined
}

/** @throws Refusal NOT_FOUND, CONFLICT where nothing of the provider changes any more */
const lock = async (tx: Transaction, agencyId: string, providerId: string): Promise<void> => {
  const status = await documentStore(tx, { agencyId, providerId }).lockProvider()
  if (status === null) throw new Refusal('NOT_FOUND')
  checkEditable(status)
}

const insertSql = `
  insert into provider_photo (agency_id, provider_id, object_key, content_type, size_bytes, sha256, uploaded_at, uploaded_by, audit_id)
  values ($1, $2, $3, $4, $5, $6, $7, $8, $9)`

/** The picture without its metadata; what it said of place and time never reaches the store. */
export const putPhotoService = (documents: DocumentsPort): UploadService<typeof putProviderPhoto> => ({
  accept: async ({ agencyId, params }, tx) => {
    checkEditable(await providerStatusOf(tx, agencyId, params.providerId))
    return { ownerId: params.providerId, maxBytes: largestPhoto, types: photoTypes, transform: withoutMetadata }
  },
  store: async ({ agencyId, auditId, now, params, principal }, tx, { objectKey, contentType, sizeBytes, sha256 }) => {
    const { providerId } = params
    const type = photoTypes.find((one) => one === contentType)
    if (!type) throw new Refusal('VALIDATION_FAILED', 'media-type')
    await lock(tx, agencyId, providerId)
    await removePhoto(documents, tx, agencyId, providerId)
    await tx.sql(insertSql, [agencyId, providerId, objectKey, type, sizeBytes, sha256, now, principal.userId, auditId])
    const shown = { providerId, contentType: type, sizeBytes, uploadedAt: now.toISOString(), photoUrl: photoUrl(providerId) }
    return { body: shown, etag: `"${sha256}"`, after: { ...shown, sha256 } }
  },
})

export const deletePhotoService = (documents: DocumentsPort): Service<typeof deleteProviderPhoto> => ({
  transact: async ({ agencyId, params }, tx) => {
    await lock(tx, agencyId, params.providerId)
    if (!(await removePhoto(documents, tx, agencyId, params.providerId))) throw new Refusal('NOT_FOUND')
    return { body: null as never, before: { photo: true }, after: { photo: false } }
  },
})
