import {
  addDocument, checkEditable, checkExpiration, checkOwnUpload, type DocumentType, type ProviderDocument,
} from '../../../domain/provider-administration/index.ts' // prettier-ignore
import { newest, pageOf } from '../../../domain/shared/page.ts'
import { Refusal } from '../../../domain/shared/refusal.ts'
import {
  type getOwnDocumentContent, type getOwnProviderProfile, type listOwnDocuments, ownDocumentLocation, showOwnDocument, showOwnProfile,
  type uploadOwnDocument,
} from '../../../routes/provider-administration/index.ts' // prettier-ignore
import { limitOf, positionOf } from '../../../routes/shared/paging.ts'
import type { Call, Service, Transaction, UploadService } from '../../host/define-context.ts'
import { fileOf } from './document-content.handlers.ts'
import { providerStatusOf, uploadLimit } from './documents.handlers.ts'
import { documentOfRow } from './documents.rows.ts'
import { listOwnDocumentsStatement } from './documents.statements.ts'
import { documentStore } from './documents.store.ts'
import type { TellAdministrators } from './notify.ts'
import type { Sealing } from './provider.rows.ts'
import { readProvider } from './provider.store.ts'
import { readSettings } from './settings.store.ts'

/** Whose face it is: the claim of the token, which nothing of a request can widen. */
const ownId = ({ principal }: Pick<Call, 'principal'>): string => {
  if (principal.providerId === null) throw new Refusal('NOT_FOUND')
  return principal.providerId
}

const reasonSql = `
  select reason from provider_status_change where agency_id = $1 and provider_id = $2 order by changed_at desc, id desc limit 1`

const lastReason = async (tx: Transaction, agencyId: string, providerId: string): Promise<string | null> => {
  const [row] = await tx.sql<{ reason: string | null }>(reasonSql, [agencyId, providerId])
  return row?.reason ?? null
}

export const ownProfileService = (sealing: Sealing): Service<typeof getOwnProviderProfile> => ({
  transact: async (call, tx) => {
    const { agencyId, now } = call
    const providerId = ownId(call)
    const provider = await readProvider(tx, agencyId, providerId, sealing)
    const documents = await documentStore(tx, { agencyId, providerId }).all()
    const reason = await lastReason(tx, agencyId, providerId)
    const { supportContact } = await readSettings(tx, agencyId, sealing.fields)
    return { body: showOwnProfile({ provider, documents, reason, supportContact, now }), entityId: providerId }
  },
})

export const listOwnDocumentsService: Service<typeof listOwnDocuments> = {
  query: listOwnDocumentsStatement,
  args: (call) => ({ provider: ownId(call), before_id: positionOf(call.query).id, row_limit: limitOf(call.query) + 1 }),
  present: (rows, { query, now }) => {
    if (rows.length === 0) throw new Refusal('NOT_FOUND')
    const documents: ProviderDocument[] = rows.filter(({ id }) => id !== null).map(documentOfRow)
    const body = pageOf(documents, limitOf(query), ({ id }) => ({ id, at: newest.at }), (document) => showOwnDocument(document, now)) // prettier-ignore
    return { body }
  },
}

/** Refused before a byte of the file is read; asked again, under the provider's lock, where the row is written. */
const admitOwn = async (
  { agencyId, now }: Pick<Call, 'agencyId' | 'now'>,
  tx: Transaction,
  providerId: string,
  type: DocumentType | undefined,
) => {
  checkEditable(await providerStatusOf(tx, agencyId, providerId))
  if (type === undefined) return
  checkOwnUpload(await documentStore(tx, { agencyId, providerId }).all(), type, now)
}

export const ownUploadService = (tellAdministrators: TellAdministrators): UploadService<typeof uploadOwnDocument> => ({
  accept: async (call, tx) => {
    const { agencyId, body, now } = call
    const providerId = ownId(call)
    if (body.expirationDate !== undefined) checkExpiration(body.expirationDate, now)
    await admitOwn(call, tx, providerId, body.type)
    return { ownerId: providerId, maxBytes: await uploadLimit(tx, agencyId) }
  },
  store: async (call, tx, file) => {
    const { agencyId, auditId, body, now, principal } = call
    const providerId = ownId(call)
    const acting = { providerId, userId: principal.userId, now, auditId }
    const upload = { ...file, type: body.type, expiresOn: body.expirationDate }
    const document = await addDocument(documentStore(tx, { agencyId, providerId }), upload, acting, { own: true })
    const facts = { documentId: document.id, documentType: document.type }
    await tellAdministrators(tx, call, { kind: 'document-awaiting-review', providerId, cause: `awaiting:${document.id}`, facts })
    const shown = showOwnDocument(document, now)
    return { body: shown, location: ownDocumentLocation(document.id), entityId: document.id, after: shown }
  },
})

export const ownContentService: Service<typeof getOwnDocumentContent> = {
  transact: async (call, tx) => ({ body: null, file: await fileOf(tx, call.agencyId, ownId(call), call.params.documentId) }),
}
