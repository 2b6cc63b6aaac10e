import { documentTypes as mediaTypes, largestDocument } from '../../domain/shared/documents.ts'
import { fileContent } from '../shared/files.ts'
import { operation } from '../shared/operation.ts'
import { documentsQuery, ownDocumentListSchema, ownDocumentParams, ownDocumentSchema, uploadFields } from './documents.schemas.ts'
import { ownProfileSchema } from './faces.schemas.ts'

/** A provider's own, by the claim of the token; nobody else's has an address here. @see FR-015 FR-017 */
const self = { audience: ['provider'], scopes: ['provider:self'], audit: 'record', tags: ['provider'] } as const
const document = { type: 'provider-document', param: 'documentId' } as const

export const getOwnProviderProfile = operation({
  ...self,
  name: 'getOwnProviderProfile',
  summary: 'Your account',
  description:
    'Status, clinic, commission with its tiers, documents with what was said of them. Nothing of it is edited here: an administrator does.',
  method: 'GET',
  path: '/provider/profile',
  effect: 'read',
  entity: { type: 'provider' },
  problems: ['NOT_FOUND'],
  reply: { status: 200, schema: ownProfileSchema },
})

export const listOwnDocuments = operation({
  ...self,
  name: 'listOwnDocuments',
  summary: 'Every version of your documents',
  description: 'Newest first, superseded ones included.',
  method: 'GET',
  path: '/provider/documents',
  effect: 'read',
  entity: { type: 'provider-document' },
  problems: ['NOT_FOUND'],
  query: documentsQuery,
  reply: { status: 200, schema: ownDocumentListSchema },
})

export const uploadOwnDocument = operation({
  ...self,
  name: 'uploadOwnDocument',
  summary: 'Send a document',
  description:
    'Where one is missing, was rejected, is asked for again, has expired or will within 30 days, and none awaits review. PDF, JPEG or PNG by content; it is pending until an administrator approves it.',
  method: 'POST',
  path: '/provider/documents',
  effect: 'write',
  killSwitch: 'USE_PROVIDER_ADMIN_WRITES',
  whileSuspended: true,
  idempotency: 'required',
  entity: { type: 'provider-document' },
  problems: ['CONFLICT', 'NOT_FOUND'],
  body: uploadFields,
  upload: { part: 'file', types: mediaTypes, maxBytes: largestDocument },
  reply: { status: 201, schema: ownDocumentSchema },
})

export const getOwnDocumentContent = operation({
  ...self,
  name: 'getOwnDocumentContent',
  summary: 'The content of a document of yours',
  method: 'GET',
  path: '/provider/documents/:documentId/content',
  effect: 'read',
  limits: [{ policy: 'document-content', per: 'user' }],
  entity: document,
  problems: ['NOT_FOUND'],
  params: ownDocumentParams,
  download: { types: mediaTypes },
  reply: { status: 200, schema: fileContent },
})
