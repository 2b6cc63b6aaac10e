import { ConsentRecordSchema } from '../../../domain/consent/consent.entity.ts'
import { getConsent, getConsentDecision, grantConsent, listConsents, revokeConsent } from '../../../routes/consent/index.ts'
import { defineContext } from '../../host/define-context.ts'
import { decisionService, getConsentService, grantConsentService, listConsentsService, revokeConsentService } from './consent.handlers.ts'
import { consentMigrations } from './consent.migrations.ts'
import { decisionStatement, getConsentStatement, listConsentsStatement } from './consent.statements.ts'

/** Consent comes first: what the other contexts ask before they show or change anything. @see MIG-03 §6.1 */
export default defineContext({
  manifest: {
    name: 'consent',
    step: 1,
    audience: ['patient', 'staff'],
    effects: ['read', 'write'],
    killSwitches: ['USE_CONSENT_WRITES'],
    capabilities: ['transaction', 'fields'],
    provides: ['consent-decision'],
    tables: ['consent_record'],
    upstreamHosts: [],
  },
  migrations: consentMigrations,
  entities: [ConsentRecordSchema],
  statements: [listConsentsStatement, getConsentStatement, decisionStatement],
  setup(scope) {
    scope.serve(listConsents, listConsentsService(scope.fields))
    scope.serve(getConsentDecision, decisionService)
    scope.serve(getConsent, getConsentService(scope.fields))
    scope.serve(grantConsent, grantConsentService(scope.fields))
    scope.serve(revokeConsent, revokeConsentService(scope.fields))
  },
})
