import {
  addDocument, approveDocument, checkEditable, checkExpiration, type DocumentChange, documentSize, type ProviderStatus, rejectDocument, requestReupload,
} from '../../../domain/provider-administration/index.ts' // prettier-ignore
import { newest, pageOf } from '../../../domain/shared/page.ts'
import { Refusal } from '../../../domain/shared/refusal.ts'
import {
  type approveProviderDocument, documentEtag, documentLocation, type getProviderDocument,
  type listProviderDocuments, type rejectProviderDocument, type requestDocumentReupload, revisionOfEtag, showDocument, showListedDocument,
  type uploadProviderDocument,
} from '../../../routes/provider-administration/index.ts' // prettier-ignore
import { limitOf, positionOf } from '../../../routes/shared/paging.ts'
import type { Call, Service, Transaction, UploadService } from '../../host/define-context.ts'
import { documentOfRow } from './documents.rows.ts'
import { getDocumentStatement, listDocumentsStatement } from './documents.statements.ts'
import { documentStore } from './documents.store.ts'
import type { TellAdministrators } from './notify.ts'
import type { Tell } from './tell.ts'

/** How many bytes the agency lets a document have. */
export const uploadLimit = async (tx: Transaction, agencyId: string): Promise<number> => {
  const [row] = await tx.sql<{ bytes: number }>('select upload_limit_bytes as bytes from provider_settings where agency_id = $1', [
    agencyId,
  ])
  return row?.bytes ?? documentSize.default
}

const statusSql = 'select status from provider_profile where agency_id = $1 and id = $2'

/** @throws Refusal NOT_FOUND */
export const providerStatusOf = async (tx: Transaction, agencyId: string, providerId: string): Promise<ProviderStatus> => {
  const [row] = await tx.sql<{ status: ProviderStatus }>(statusSql, [agencyId, providerId])
  if (!row) throw new Refusal('NOT_FOUND')
  return row.status
}

export const uploadService = (tellAdministrators: TellAdministrators): UploadService<typeof uploadProviderDocument> => ({
  accept: async ({ agencyId, body, now, params }, tx) => {
    if (body.expirationDate !== undefined) checkExpiration(body.expirationDate, now)
    checkEditable(await providerStatusOf(tx, agencyId, params.providerId))
    return { ownerId: params.providerId, maxBytes: await uploadLimit(tx, agencyId) }
  },
  store: async (call, tx, file) => {
    const { agencyId, auditId, body, now, params, principal } = call
    const { providerId } = params
    const acting = { providerId, userId: principal.userId, now, auditId }
    const store = documentStore(tx, { agencyId, providerId })
    const document = await addDocument(store, { ...file, type: body.type, expiresOn: body.expirationDate }, acting)
    const facts = { documentId: document.id, documentType: document.type }
    await tellAdministrators(tx, call, { kind: 'document-awaiting-review', providerId, cause: `awaiting:${document.id}`, facts })
    const shown = showDocument(document, now)
    return {
      body: shown,
      etag: documentEtag(document),
      location: documentLocation(providerId, document.id),
      entityId: document.id,
      after: shown,
    }
  },
})

export const listDocumentsService: Service<typeof listProviderDocuments> = {
  query: listDocumentsStatement,
  args: ({ params, query }) => ({ provider: params.providerId, before_id: positionOf(query).id, row_limit: limitOf(query) + 1 }),
  present: (rows, { query, now }) => {
    if (rows.length === 0) throw new Refusal('NOT_FOUND')
    const documents = rows.filter(({ id }) => id !== null).map(documentOfRow)
    // Ids are in the order of creation, and the place of a version is its id.
    const body = pageOf(documents, limitOf(query), ({ id }) => ({ id, at: newest.at }), (document) => showListedDocument(document, now)) // prettier-ignore
    return { body }
  },
}

export const getDocumentService: Service<typeof getProviderDocument> = {
  query: getDocumentStatement,
  args: ({ params }) => ({ provider: params.providerId, document: params.documentId }),
  present: ([row], { now }) => {
    if (!row) throw new Refusal('NOT_FOUND')
    const document = documentOfRow(row)
    return { body: showDocument(document, now), etag: documentEtag(document) }
  },
}

interface Named {
  readonly params: { readonly providerId: string; readonly documentId: string }
}

const storeOf = ({ agencyId, params }: Pick<Call, 'agencyId'> & Named, tx: Transaction) =>
  documentStore(tx, { agencyId, providerId: params.providerId })

const actingOf = ({ params, principal, now, auditId }: Pick<Call, 'principal' | 'now' | 'auditId'> & Named) => ({
  ...params,
  userId: principal.userId,
  now,
  auditId,
})

const changed = ({ before, after }: DocumentChange, now: Date) => ({
  body: showDocument(after, now),
  etag: documentEtag(after),
  before: showDocument(before, now),
  after: showDocument(after, now),
})

export const approveService = (tell: Tell): Service<typeof approveProviderDocument> => ({
  transact: async (call, tx) => {
    const change = await approveDocument(storeOf(call, tx), { ...actingOf(call), expectedRevision: revisionOfEtag(call.ifMatch) })
    await tellDecision(tell, tx, call, change, 'document-approved')
    return changed(change, call.now)
  },
})

export const rejectService = (tell: Tell): Service<typeof rejectProviderDocument> => ({
  transact: async (call, tx) => {
    const asked = { ...actingOf(call), expectedRevision: revisionOfEtag(call.ifMatch), reason: call.body.reason }
    const change = await rejectDocument(storeOf(call, tx), asked)
    await tellDecision(tell, tx, call, change, 'document-rejected')
    return changed(change, call.now)
  },
})

export const requestReuploadService = (tell: Tell): Service<typeof requestDocumentReupload> => ({
  transact: async (call, tx) => {
    const change = await requestReupload(storeOf(call, tx), actingOf(call))
    await tellDecision(tell, tx, call, change, 'document-requested')
    return changed(change, call.now)
  },
})

/** Tells the provider what was decided of a version, by mail and in their portal; once for each revision. */
export const tellDecision = (
  tell: Tell,
  tx: Transaction,
  call: Pick<Call, 'agencyId' | 'now' | 'auditId'>,
  { after }: Pick<DocumentChange, 'after'>,
  kind: 'document-approved' | 'document-rejected' | 'document-requested',
) => {
  const { id: documentId, providerId, type: documentType, revision, rejectionReason } = after
  const facts = { documentId, documentType, ...(kind === 'document-rejected' ? { reason: rejectionReason! } : {}) }
  return tell(tx, call, { kind, providerId, cause: `${kind}:${documentId}:${revision}`, facts, mail: true })
}
