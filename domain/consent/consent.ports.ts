import type { Consent, ConsentScope } from './consent.ts'

/** A consent as it is granted: with the audit row of the grant. */
export interface NewConsent extends Pick<Consent, 'id' | 'agencyId' | 'patientId' | 'scope' | 'grantedAt' | 'grantedBy' | 'expiresAt'> {
  readonly auditId: string
}

export interface Revocation {
  readonly at: Date
  readonly reason: string | null
  readonly auditId: string
}

/** The consents of one agency, inside one transaction. */
export interface ConsentStore {
  /** The consent, locked against concurrent changes until the transaction ends; null where this agency has none of the id. */
  take(id: string): Promise<Consent | null>
  /** Marks active consents of the scope that have expired as inactive, so that they do not stand in the way of a new one. */
  retireExpired(patientId: string, scope: ConsentScope, now: Date): Promise<void>
  /** Stores an active consent; false where the patient has an active one of the scope already. */
  add(consent: NewConsent): Promise<boolean>
  revoke(id: string, revocation: Revocation): Promise<void>
}
