import { Type } from '@sinclair/typebox'
import { largestPhoto, photoTypes } from '../../domain/provider-administration/index.ts'
import { fileContent } from '../shared/files.ts'
import { operation } from '../shared/operation.ts'
import { instantOut, oneOf, strict } from '../shared/schemas.ts'
import { ofProvider, writes } from './common.ts'
import { providerId, providerParams } from './fields.ts'

/** Where everybody sees a featured provider's photo; the tag changes with the picture, so that it can be kept by whoever has it. */
export const photoUrl = (providerId: string): string => `/api/public/providers/${providerId}/photo`

const photoSchema = strict({
  providerId,
  contentType: oneOf(photoTypes, 'By content'),
  sizeBytes: Type.Integer({ description: 'Bytes, without the metadata' }),
  uploadedAt: instantOut('When it came'),
  photoUrl: Type.String({ description: 'Where the public sees it while the provider is featured' }),
})

export const putProviderPhoto = operation({
  ...writes,
  name: 'putProviderPhoto',
  summary: 'Set a provider’s public photo',
  description:
    'JPEG or PNG by content, up to 5 MB. Where, when and with what it was taken is left out. It is public while the provider is featured.',
  method: 'PUT',
  path: '/admin/providers/:providerId/photo',
  entity: ofProvider,
  problems: ['CONFLICT', 'NOT_FOUND'],
  params: providerParams,
  body: strict({}),
  upload: { part: 'file', types: photoTypes, maxBytes: largestPhoto },
  reply: { status: 200, schema: photoSchema },
})

export const deleteProviderPhoto = operation({
  ...writes,
  name: 'deleteProviderPhoto',
  summary: 'Take a provider’s public photo away',
  method: 'DELETE',
  path: '/admin/providers/:providerId/photo',
  entity: ofProvider,
  problems: ['CONFLICT', 'NOT_FOUND'],
  params: providerParams,
  reply: { status: 204, schema: null },
})

export const getFeaturedPhoto = operation({
  name: 'getFeaturedPhoto',
  summary: 'The photo of a featured provider',
  description: 'For everybody, while the provider is featured.',
  method: 'GET',
  path: '/public/providers/:providerId/photo',
  effect: 'read',
  audience: ['public'],
  scopes: [],
  audit: 'refusals',
  tags: ['public'],
  problems: ['NOT_FOUND'],
  params: providerParams,
  download: { types: photoTypes },
  reply: { status: 200, schema: fileContent },
})
