import { mayUpload, type Provider, type ProviderDocument, standings } from '../../domain/provider-administration/index.ts'
import { dayOf } from '../../domain/shared/calendar-day.ts'
import { showOwnDocument } from './documents.presenter.ts'
import type { OwnProfileWire } from './faces.schemas.ts'
import { showProvider } from './presenter.ts'

/** All that a provider's own page is made of. */
export interface OwnAccount {
  readonly provider: Provider
  /** Every version, from the newest to the oldest. */
  readonly documents: readonly ProviderDocument[]
  /** Of the last change of status. */
  readonly reason: string | null
  readonly supportContact: string
  readonly now: Date
}

const nobody: ReadonlySet<string> = new Set()

/** The versions that stand are three approved, three newer ones, and what was rejected beside them. */
const mostShown = 100

/** @see FR-015, User Stories 3 and 6 */
export const showOwnProfile = ({ provider, documents, reason, supportContact, now }: OwnAccount): OwnProfileWire => {
  const { id, displayName, firstName, lastName, middleInitial, medicalLicenseNumber, specialty, yearsOfExperience, email, phone, ...more } =
    showProvider(provider, 'pending', { scopes: nobody, now })
  const today = dayOf(now.getTime())
  const { status } = provider
  return {
    id,
    displayName,
    status,
    accountNotice: status === 'active' || status === 'draft' ? null : { status, reason, supportContact },
    firstName,
    lastName,
    middleInitial,
    medicalLicenseNumber,
    specialty,
    yearsOfExperience,
    email,
    phone,
    secondaryEmail: more.secondaryEmail,
    clinic: more.clinic,
    commission: more.commission,
    documents: documents
      .filter((one) => one.status !== 'superseded')
      .slice(0, mostShown)
      .map((one) => showOwnDocument(one, now)),
    uploads: standings(documents)
      .filter((standing) => mayUpload(standing, today))
      .map(({ type }) => type),
  }
}
