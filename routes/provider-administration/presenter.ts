import { hash } from 'node:crypto'
import { dayOf } from '../../domain/shared/calendar-day.ts'
import {
  allowedActions, type Commission, displayName, hasExpired, type IdentityState, missingFields, type Provider, type ProviderRow,
} from '../../domain/provider-administration/index.ts' // prettier-ignore
import { showInstant, showInstantOrNull } from '../../domain/shared/instant.ts'
import { invalid } from '../../domain/shared/refusal.ts'
import type { CommissionWire } from './fields.ts'
import type { ListedProviderWire, ProviderWire } from './schemas.ts'

/** Who looks, and when: what they may see of a licence, and what they may do. */
export interface Viewer {
  readonly scopes: ReadonlySet<string>
  readonly now: Date
}

/** Where a provider is read. */
export const providerLocation = (id: string): string => `/api/admin/providers/${id}`

/**
 * The version, and a digest of all that a caller sees of it: documents, allowed actions and rates change without an edit, so that the tag of a
 * cached answer must, while If-Match asks for the version alone.
 */
export const providerEtag = (provider: Pick<Provider, 'version'>, shown: object): string =>
  `"${provider.version}-${hash('sha256', JSON.stringify(shown), 'hex').slice(0, 16)}"`

/** The tag of a row: enough for If-Match. */
export const versionEtag = (version: number): string => `"${version}"`

/** The version that an ETag stands for, or null where it is none of ours. */
export const versionOfEtag = (etag: string | null): number | null => {
  const [, digits] = /^"(0|[1-9]\d{0,8})(?:-[0-9a-f]{16})?"$/.exec(etag ?? '') ?? []
  return digits === undefined ? null : Number(digits)
}

const showCommission = (commission: Commission | null, rate: number | null, tier: number | null): ProviderWire['commission'] => {
  if (commission === null) return null
  const inForce = { currentRate: rate!, currentTier: tier }
  if (commission.type === 'percentage') return { type: 'percentage', percentage: commission.percentage, ...inForce }
  return { type: 'tier', tiers: commission.tiers.map((one) => ({ ...one })), ...inForce }
}

const showScheduled = ({ scheduledTransition: planned }: Provider): ProviderWire['scheduledTransition'] => {
  if (planned === null) return null
  const { transition, effectiveDate, reason, notify, scheduledAt, scheduledBy } = planned
  return { transition, effectiveDate, reason, notify, scheduledAt: showInstant(scheduledAt), scheduledBy }
}

/** A provider to an administrator. The licence number is whole for those who may edit it. @see FR-015, Screen 3; design, section 4 */
export const showProvider = (provider: Provider, identity: IdentityState, { scopes, now }: Viewer): ProviderWire => {
  const { medicalLicenseNumber: license, commission, clinic } = provider
  const { agencyId: _, version: __, currentTier, documentsExpireOn, welcomedAt: ___, ...shown } = provider
  return {
    ...shown,
    displayName: displayName(provider),
    medicalLicenseNumber: license && (scopes.has('providers:write') ? license.reveal() : license.masked()),
    clinic: { ...clinic, address: { ...clinic.address } },
    commission: showCommission(commission, provider.currentRate, currentTier),
    documentsExpired: hasExpired(documentsExpireOn, dayOf(now.getTime())),
    missing: missingFields(provider, commission),
    allowedActions: allowedActions(provider.status, scopes),
    scheduledTransition: showScheduled(provider),
    identity,
    createdAt: showInstant(provider.createdAt),
    updatedAt: showInstant(provider.updatedAt),
    activityAt: showInstant(provider.activityAt),
    activatedAt: showInstantOrNull(provider.activatedAt),
    deactivatedAt: showInstantOrNull(provider.deactivatedAt),
  }
}

/** What the audit keeps of a provider before and after a change: the licence number masked, which is its type's doing. */
export const auditedProvider = (provider: Provider): object => {
  const { agencyId: _, documentsStatus: __, documentsExpireOn: ___, ...kept } = provider
  return { ...kept, medicalLicenseNumber: provider.medicalLicenseNumber?.masked() ?? null }
}

/** A row of the dashboard. @see FR-015, Screen 1 */
export const showListedProvider = (row: ProviderRow, { scopes, now }: Viewer): ListedProviderWire => ({
  id: row.id,
  displayName: displayName(row),
  clinicName: row.clinicName,
  status: row.status,
  featured: row.featured,
  documentsStatus: row.documentsStatus,
  documentsExpired: hasExpired(row.documentsExpireOn, dayOf(now.getTime())),
  createdAt: showInstant(row.createdAt),
  allowedActions: allowedActions(row.status, scopes),
  commissionType: row.commissionType,
  currentRate: row.currentRate,
  etag: versionEtag(row.version),
})

/** What was sent as a commission. @throws Refusal VALIDATION_FAILED where it is not of the one type that it names */
export const commissionOf = (sent: CommissionWire, at: string): Commission => {
  const { type, percentage, tiers } = sent
  if (type === 'percentage') {
    if (percentage === undefined) throw invalid(`${at}/percentage`, 'required')
    if (tiers !== undefined) throw invalid(`${at}/tiers`, 'additionalProperties')
    return { type, percentage }
  }
  if (tiers === undefined) throw invalid(`${at}/tiers`, 'required')
  if (percentage !== undefined) throw invalid(`${at}/percentage`, 'additionalProperties')
  return { type, tiers }
}
