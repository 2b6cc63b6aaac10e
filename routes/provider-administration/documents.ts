import { documentTypes as mediaTypes, largestDocument } from '../../domain/shared/documents.ts'
import { fileContent } from '../shared/files.ts'
import { operation } from '../shared/operation.ts'
import { resumableOperations } from '../shared/resumable.ts'
import {
  documentAccessSchema, documentContentQuery, documentListSchema, documentSchema, documentsQuery, emptyBody, providerDocumentParams,
  providerDocumentsParams, rejectionBody, uploadFields,
} from './documents.schemas.ts' // prettier-ignore

const staff = { audience: ['staff'], audit: 'record', tags: ['provider-administration'] } as const
const entity = { type: 'provider-document', param: 'documentId' } as const
const killSwitch = 'USE_PROVIDER_ADMIN_WRITES'
/** Who may look into a document: not everybody who may read the account. @see FR-015 FR-011 */
const lookInto = ['providers:verify', 'providers:write'] as const
const upload = { part: 'file', types: mediaTypes, maxBytes: largestDocument, resumable: true } as const

/** A file of any size in pieces, before it is a document: `uploadId` of the upload below names it. @see FR-015, Edge Cases, upload fails mid-upload */
export const documentUploads = resumableOperations({
  audience: ['staff'],
  scopes: ['providers:write'],
  tags: staff.tags,
  noun: 'document',
  path: '/admin/uploads',
  effect: 'admin',
  killSwitch,
})

export const uploadProviderDocument = operation({
  ...staff,
  name: 'uploadProviderDocument',
  summary: 'Add a version of a provider’s document',
  description:
    'PDF, JPEG or PNG by content, up to the size that the settings say. It is pending until it is approved; an approved version counts until then, one that was pending or rejected is superseded.',
  method: 'POST',
  path: '/admin/providers/:providerId/documents',
  effect: 'admin',
  scopes: ['providers:write'],
  killSwitch,
  idempotency: 'required',
  entity: { type: 'provider-document' },
  problems: ['CONFLICT', 'NOT_FOUND'],
  params: providerDocumentsParams,
  body: uploadFields,
  upload,
  reply: { status: 201, schema: documentSchema },
})

export const listProviderDocuments = operation({
  ...staff,
  name: 'listProviderDocuments',
  summary: 'Every version of a provider’s documents',
  description: 'Newest first, superseded ones included.',
  method: 'GET',
  path: '/admin/providers/:providerId/documents',
  effect: 'read',
  scopes: ['providers:read'],
  entity: { type: 'provider', param: 'providerId' },
  problems: ['NOT_FOUND'],
  params: providerDocumentsParams,
  query: documentsQuery,
  reply: { status: 200, schema: documentListSchema },
})

export const getProviderDocument = operation({
  ...staff,
  name: 'getProviderDocument',
  summary: 'One version of a provider’s document, without its content',
  method: 'GET',
  path: '/admin/providers/:providerId/documents/:documentId',
  effect: 'read',
  scopes: ['providers:read'],
  entity,
  problems: ['NOT_FOUND'],
  params: providerDocumentParams,
  reply: { status: 200, schema: documentSchema },
})

/** What every decision about one version has. */
const decision = {
  ...staff,
  method: 'POST',
  effect: 'admin',
  killSwitch,
  entity,
  problems: ['CONFLICT', 'NOT_FOUND'],
  params: providerDocumentParams,
  reply: { status: 200, schema: documentSchema },
} as const

export const approveProviderDocument = operation({
  ...decision,
  name: 'approveProviderDocument',
  summary: 'Approve a document',
  description: 'Pending or rejected, and not expired. The version that counted before is superseded; the provider is told.',
  path: '/admin/providers/:providerId/documents/:documentId/approval',
  scopes: ['providers:verify'],
  ifMatch: true,
  body: emptyBody,
})

export const rejectProviderDocument = operation({
  ...decision,
  name: 'rejectProviderDocument',
  summary: 'Reject a document with a reason',
  description: 'Pending or approved. An active provider stays active; the provider is told why.',
  path: '/admin/providers/:providerId/documents/:documentId/rejection',
  scopes: ['providers:verify'],
  ifMatch: true,
  body: rejectionBody,
})

export const requestDocumentReupload = operation({
  ...decision,
  name: 'requestDocumentReupload',
  summary: 'Ask the provider for a new version',
  description: 'The version itself stays what it is; the provider is told and may upload.',
  path: '/admin/providers/:providerId/documents/:documentId/reupload-request',
  scopes: lookInto,
  body: emptyBody,
})

export const accessProviderDocument = operation({
  ...staff,
  name: 'accessProviderDocument',
  summary: 'An address that shows a document once',
  description: 'For a viewer that cannot send a token: sealed, for this document and this caller, for one use and 60 s.',
  method: 'POST',
  path: '/admin/providers/:providerId/documents/:documentId/access',
  effect: 'admin',
  scopes: lookInto,
  limits: [{ policy: 'document-access', per: 'user' }],
  idempotency: 'none',
  entity,
  problems: ['NOT_FOUND'],
  params: providerDocumentParams,
  body: emptyBody,
  reply: { status: 200, schema: documentAccessSchema },
})

export const getProviderDocumentContent = operation({
  ...staff,
  name: 'getProviderDocumentContent',
  summary: 'The content of a document',
  description: 'With a bearer token, or by an address that was handed out. Each use is recorded.',
  method: 'GET',
  path: '/admin/providers/:providerId/documents/:documentId/content',
  effect: 'read',
  scopes: lookInto,
  ticket: true,
  limits: [{ policy: 'document-content', per: 'user' }],
  entity,
  problems: ['NOT_FOUND'],
  params: providerDocumentParams,
  query: documentContentQuery,
  download: { types: mediaTypes },
  reply: { status: 200, schema: fileContent },
})
