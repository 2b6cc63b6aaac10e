import { type Static, Type } from '@sinclair/typebox'
import { documentsStatuses, providerStatuses } from '../../domain/provider-administration/index.ts'
import { maskedNumber } from '../shared/masking.ts'
import { operation } from '../shared/operation.ts'
import { instantIn, oneOf, strict } from '../shared/schemas.ts'
import { reads } from './common.ts'
import { listedProviderSchema } from './schemas.ts'

export const pageSizes = [25, 50, 100] as const
export const sorts = ['name', '-name', 'createdAt', '-createdAt', 'commissionRate', '-commissionRate'] as const
/** Pages beyond it are nobody's to look through: search instead. */
const lastPage = 100_000

export const pageSizeIn = Type.Unsafe<(typeof pageSizes)[number]>({
  type: 'integer',
  enum: [...pageSizes],
  description: 'Rows of a page; without it, the caller’s preference',
})

export const listProvidersQuery = strict({
  q: Type.Optional(
    maskedNumber(
      Type.String({
        maxLength: 200,
        description: 'A part of name or clinic in any case; a whole email or licence number; the licence’s last four',
      }),
      'numbers',
    ),
  ),
  status: Type.Optional(
    Type.Array(oneOf([...providerStatuses, 'all'], 'A status, or all'), { maxItems: 5, description: 'May repeat; active unless told' }),
  ),
  featured: Type.Optional(Type.Boolean({ description: 'Only those who are, or are not' })),
  commissionType: Type.Optional(oneOf(['percentage', 'tier', 'all'], 'Only those of a type')),
  createdFrom: Type.Optional(instantIn('Begun then or later')),
  createdTo: Type.Optional(instantIn('Begun before')),
  activeFrom: Type.Optional(instantIn('Last activity then or later')),
  activeTo: Type.Optional(instantIn('Last activity before')),
  sort: Type.Optional(oneOf(sorts, 'By what, a minus for downwards; by name unless told')),
  page: Type.Optional(Type.Integer({ minimum: 1, maximum: lastPage, default: 1, description: '1 for the first' })),
  pageSize: Type.Optional(pageSizeIn),
})
export type ListProvidersQuery = Static<typeof listProvidersQuery>

export const listProviders = operation({
  ...reads,
  name: 'listProviders',
  summary: 'The dashboard: find providers',
  description: 'Answers 304 to an If-None-Match with the ETag of the page as it still is: portals poll.',
  method: 'GET',
  path: '/admin/providers',
  limits: [{ policy: 'provider-search', per: 'user' }],
  entity: { type: 'provider' },
  query: listProvidersQuery,
  reply: {
    status: 200,
    schema: strict({
      items: Type.Array(listedProviderSchema, { maxItems: 100, description: 'The rows of the page' }),
      page: Type.Integer({ description: 'The page' }),
      pageSize: Type.Integer({ description: 'Rows of a page' }),
      total: Type.Integer({ description: 'Rows of all pages' }),
    }),
  },
})

const counts = (names: readonly string[], description: string) =>
  strict(Object.fromEntries(names.map((name) => [name, Type.Integer({ minimum: 0, description: 'How many' })])), description)

export const getProviderStats = operation({
  ...reads,
  audit: 'refusals',
  name: 'getProviderStats',
  summary: 'How many providers there are, by status and by documents',
  method: 'GET',
  path: '/admin/providers/stats',
  reply: {
    status: 200,
    schema: strict({
      total: Type.Integer({ minimum: 0, description: 'All of them' }),
      featured: Type.Integer({ minimum: 0, description: 'Those who are featured' }),
      byStatus: counts(providerStatuses, 'By status'),
      byDocumentsStatus: counts(documentsStatuses, 'By documents, those who are not deactivated'),
    }),
  },
})
