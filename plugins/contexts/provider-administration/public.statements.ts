import { pageSize } from '../../../domain/shared/page.ts'
import { getFeaturedPhoto, listFeaturedProviders } from '../../../routes/provider-administration/index.ts'
import { readStatement } from '../../host/define-context.ts'

/** Runs as the public's own role, which is granted these columns of this one table and nothing else. */
export const listFeaturedStatement = readStatement({
  operation: listFeaturedProviders,
  args: { pattern: 'text', specialty: 'text', country: 'text', before_at: 'timestamptz', before_id: 'uuid', row_limit: 'int' },
  returns: {
    id: 'uuid', display_name: 'text', specialty: 'text', clinic_name: 'text', city: 'text', country: 'text', clinic_phone: 'text',
    clinic_email: 'text', has_photo: 'boolean', updated_at: 'timestamptz',
  },
  sql: `
  select f.id, f.display_name, f.specialty, f.clinic_name, f.city, f.country, f.clinic_phone, f.clinic_email, f.photo_object_key is not null,
    f.updated_at
  from provider_featured f
  where (p_pattern is null or f.search_text like p_pattern) and (p_specialty is null or f.specialty = p_specialty)
    and (p_country is null or f.country = p_country) and (f.updated_at, f.id) < (p_before_at, p_before_id)
  order by f.updated_at desc, f.id desc limit least(p_row_limit, ${pageSize.max + 1})`,
}) // prettier-ignore

export const getFeaturedPhotoStatement = readStatement({
  operation: getFeaturedPhoto,
  args: { provider: 'uuid' },
  returns: { object_key: 'text', sha256: 'text' },
  sql: `
  select f.photo_object_key, f.photo_sha256 from provider_featured f where f.id = p_provider and f.photo_object_key is not null`,
})
