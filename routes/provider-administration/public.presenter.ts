import { photoUrl } from './photo.ts'
import type { FeaturedProviderWire } from './public.ts'

/** A published row, by its columns. */
export interface Published {
  readonly id: string
  readonly displayName: string
  readonly specialty: string
  readonly clinicName: string
  readonly city: string
  readonly country: string
  readonly clinicPhone: string
  readonly clinicEmail: string | null
  readonly hasPhoto: boolean
}

/** Whoever is published is active, and was activated with every document approved. */
export const showFeatured = (row: Published): FeaturedProviderWire => {
  const { id, displayName, specialty, clinicName: name, city, country, clinicPhone: phone, clinicEmail: email, hasPhoto } = row
  return {
    id,
    displayName,
    specialty,
    verified: true,
    clinic: { name, city, country, phone, ...(email === null ? {} : { email }) },
    photoUrl: hasPhoto ? photoUrl(id) : null,
  }
}
