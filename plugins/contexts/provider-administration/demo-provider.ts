import { emptyProfile, licenseNumber, type Profile, type ProviderStatus } from '../../../domain/provider-administration/index.ts'
import type { Transaction } from '../../host/define-context.ts'
import type { Sealing } from './provider.rows.ts'
import { type Acting, addProvider } from './provider.store.ts'

const profile: Profile = {
  ...emptyProfile,
  firstName: 'Sofia',
  lastName: 'Marques',
  medicalLicenseNumber: licenseNumber('DEMO20263'),
  specialty: 'Hair Transplant Surgeon',
  yearsOfExperience: 9,
  email: 'sofia.marques@example.org',
  phone: '+12025550163',
  clinic: {
    name: 'Riverside Hair Clinic',
    address: { street: '3 Quay Street', city: 'Riverside', stateProvince: 'California', postalCode: '92501', country: 'US' },
    phone: '+12025550164',
    email: 'desk@riverside-hair.example.org',
    operatingHours: 'Mon-Fri 9AM-5PM',
  },
}

const tiers = [
  { name: 'Starter', from: 0, to: 10, rate: 20 },
  { name: 'Standard', from: 11, to: 50, rate: 15 },
  { name: 'Premium', from: 51, to: null, rate: 10 },
] as const

/** Begins the account of the demo's provider under the id that the persona's tokens carry. Everything after it goes over the API. */
export const beginDemoProvider = (tx: Transaction, id: string, acting: Acting, sealing: Sealing): Promise<string> =>
  addProvider(tx, profile, { type: 'tier', tiers }, acting, sealing, id)

/** What has become of it; null where it was not begun. */
export const demoProviderStatus = async (tx: Transaction, agencyId: string, id: string): Promise<ProviderStatus | null> => {
  const text = 'select status from provider_profile where agency_id = $1 and id = $2'
  const [row] = await tx.sql<{ status: ProviderStatus }>(text, [agencyId, id])
  return row?.status ?? null
}
