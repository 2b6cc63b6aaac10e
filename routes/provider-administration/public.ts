import { type Static, Type } from '@sinclair/typebox'
import { countryPattern, profileLimits } from '../../domain/provider-administration/index.ts'
import { operation } from '../shared/operation.ts'
import { cursorList, cursorQuery } from '../shared/paging.ts'
import { strict } from '../shared/schemas.ts'
import { providerId, textOrNull } from './fields.ts'

const said = (description: string) => Type.String({ description })

/** What patients see, and all that they see: the clinic's contact, never the provider's own. @see FR-015, Privacy Rule 1 */
export const featuredProviderSchema = strict({
  id: providerId,
  displayName: said('Dr. First Last'),
  specialty: said('Specialty'),
  verified: Type.Unsafe<true>({ type: 'boolean', enum: [true], description: 'Every required document is verified' }),
  clinic: strict({
    name: said('Name of the clinic'),
    city: said('City'),
    country: said('ISO 3166-1 alpha-2'),
    phone: said('E.164'),
    email: Type.Optional(said('Address of the clinic')),
  }),
  photoUrl: textOrNull('Where the photo is; null: there is none'),
})
export type FeaturedProviderWire = Static<typeof featuredProviderSchema>

const featuredQuery = strict({
  q: Type.Optional(Type.String({ minLength: 1, maxLength: 200, description: 'Part of a name or a clinic, any case' })),
  specialty: Type.Optional(Type.String({ minLength: 1, maxLength: profileLimits.specialty, description: 'Exactly this specialty' })),
  country: Type.Optional(Type.String({ pattern: countryPattern, maxLength: 2, description: 'ISO 3166-1 alpha-2' })),
  ...cursorQuery,
})

export const listFeaturedProviders = operation({
  name: 'listFeaturedProviders',
  summary: 'Featured providers, for patients',
  description: 'Active and featured, the last changed first; an empty list where there are none. With ETag: ask again with If-None-Match.',
  method: 'GET',
  path: '/public/providers/featured',
  effect: 'read',
  audience: ['public'],
  scopes: [],
  audit: 'refusals',
  tags: ['public'],
  query: featuredQuery,
  reply: { status: 200, schema: cursorList(featuredProviderSchema) },
})
