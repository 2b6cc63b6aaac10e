import { Refusal } from '../../../domain/shared/refusal.ts'
import { type accessProviderDocument, getProviderDocumentContent } from '../../../routes/provider-administration/index.ts'
import type { Service, TicketsPort, Transaction } from '../../host/define-context.ts'

const fileSql = 'select object_key, filename, sha256 from provider_document where agency_id = $1 and provider_id = $2 and id = $3'

/** The stored file of one version. @throws Refusal NOT_FOUND */
export const fileOf = async (tx: Transaction, agencyId: string, providerId: string, documentId: string) => {
  const [row] = await tx.sql<{ object_key: string; filename: string | null }>(fileSql, [agencyId, providerId, documentId])
  if (!row) throw new Refusal('NOT_FOUND')
  return { objectKey: row.object_key, filename: row.filename, disposition: 'inline' } as const
}

export const accessService = (tickets: TicketsPort): Service<typeof accessProviderDocument> => ({
  transact: async (call, tx) => {
    const { providerId, documentId } = call.params
    await fileOf(tx, call.agencyId, providerId, documentId)
    const { url, expiresAt } = tickets.issue(call, getProviderDocumentContent, { providerId, documentId })
    return { body: { url, expiresAt: expiresAt.toISOString() } }
  },
})

export const contentService: Service<typeof getProviderDocumentContent> = {
  transact: async ({ agencyId, params }, tx) => ({ body: null, file: await fileOf(tx, agencyId, params.providerId, params.documentId) }),
}
