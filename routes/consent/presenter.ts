import { type Consent, type ConsentDecision, statusAt } from '../../domain/consent/index.ts'
import { showInstant, showInstantOrNull } from '../../domain/shared/instant.ts'
import type { ConsentWire, DecisionWire } from './schemas.ts'

/** A consent as a reader at `now` is told of it. */
export const showConsent = (consent: Consent, now: Date): ConsentWire => ({
  id: consent.id,
  agencyId: consent.agencyId,
  patientId: consent.patientId,
  scope: consent.scope,
  status: statusAt(consent, now),
  grantedAt: showInstant(consent.grantedAt),
  expiresAt: showInstantOrNull(consent.expiresAt),
  revokedAt: showInstantOrNull(consent.revokedAt),
  reason: consent.reason,
})

export const showDecision = (decided: ConsentDecision): DecisionWire => ({ ...decided, evaluatedAt: showInstant(decided.evaluatedAt) })

/** Where a consent is read. */
export const consentLocation = (consentId: string): string => `/api/consents/${consentId}`
