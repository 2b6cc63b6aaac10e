import { hash } from 'node:crypto'
import { sought } from '../../../domain/provider-administration/index.ts'
import { pageOf } from '../../../domain/shared/page.ts'
import { Refusal } from '../../../domain/shared/refusal.ts'
import { type getFeaturedPhoto, type listFeaturedProviders, showFeatured } from '../../../routes/provider-administration/index.ts'
import { limitOf, positionOf } from '../../../routes/shared/paging.ts'
import type { Service } from '../../host/define-context.ts'
import { getFeaturedPhotoStatement, listFeaturedStatement } from './public.statements.ts'

type Row = Record<string, unknown>

/** Whoever keeps an answer asks again each time: a provider who is suspended is gone at once. */
const cacheControl = 'public, no-cache'

/** What is looked for, as it stands; the signs of LIKE are letters like others. */
const patternOf = (q: string | undefined): string | null => {
  const text = sought(q ?? '')
  return text === '' ? null : `%${text.replaceAll(/[\\%_]/g, String.raw`\$&`)}%`
}

const publishedOf = (row: Row) => ({
  id: row['id'] as string,
  displayName: row['display_name'] as string,
  specialty: row['specialty'] as string,
  clinicName: row['clinic_name'] as string,
  city: row['city'] as string,
  country: row['country'] as string,
  clinicPhone: row['clinic_phone'] as string,
  clinicEmail: row['clinic_email'] as string | null,
  hasPhoto: row['has_photo'] as boolean,
})

export const listFeaturedService: Service<typeof listFeaturedProviders> = {
  query: listFeaturedStatement,
  args: ({ query }) => {
    const before = positionOf(query)
    return {
      pattern: patternOf(query.q),
      specialty: query.specialty ?? null,
      country: query.country ?? null,
      before_at: new Date(before.at),
      before_id: before.id,
      row_limit: limitOf(query) + 1,
    }
  },
  present: (rows, { query }) => {
    const position = (row: Row) => ({ id: row['id'] as string, at: (row['updated_at'] as Date).getTime() })
    const body = pageOf(rows, limitOf(query), position, (row) => showFeatured(publishedOf(row)))
    return { body, etag: `"${hash('sha256', JSON.stringify(body), 'base64url')}"`, headers: { 'Cache-Control': cacheControl } }
  },
}

export const getFeaturedPhotoService: Service<typeof getFeaturedPhoto> = {
  query: getFeaturedPhotoStatement,
  args: ({ params }) => ({ provider: params.providerId }),
  present: ([row]) => {
    if (!row) throw new Refusal('NOT_FOUND')
    const objectKey = row['object_key'] as string
    // The key begins with the agency, under whose key the object is sealed; the public's role is not granted that column.
    const agencyId = objectKey.slice(0, objectKey.indexOf('/'))
    return {
      body: null,
      etag: `"${row['sha256'] as string}"`,
      // Portals of any site show it.
      headers: { 'Cross-Origin-Resource-Policy': 'cross-origin' },
      file: { objectKey, agencyId, filename: null, disposition: 'inline', cacheControl },
    }
  },
}
