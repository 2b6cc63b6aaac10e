import {
  ProviderProfileSchema, ProviderScheduledTransitionSchema, ProviderStatusChangeSchema,
} from '../../../domain/provider-administration/provider.entity.ts' // prettier-ignore
import { ProviderDocumentSchema } from '../../../domain/provider-administration/provider-document.entity.ts'
import { defineContext } from '../../host/define-context.ts'
import { accountDelivery, failedAccounts } from './accounts.ts'
import { noticeDeliveries } from './deliveries.ts'
import { confirmationDelivery } from './email-confirmation.ts'
import { monthlyTiers, retentionMarking, scheduledTransitions } from './provider-administration.jobs.ts'
import { providerMigrations, providerTables } from './provider-administration.migrations.ts'
import { reminderJob } from './reminders.ts'
import { serveLifecycle, serveProfiles, serveTerms } from './serve-core.ts'
import { peopleStatements, serveDocuments, serveFaces, serveNotices } from './serve-people.ts'

/** Onboarding and everything after it: profile, documents, commission, lifecycle, notifications, and what the public sees. @see FR-015 */
export default defineContext({
  manifest: {
    name: 'provider-administration',
    step: null,
    audience: ['staff', 'provider', 'service', 'public'],
    effects: ['read', 'write', 'admin'],
    killSwitches: ['USE_PROVIDER_ADMIN_WRITES'],
    capabilities: [
      'transaction',
      'fields',
      'blind-index',
      'audit-store',
      'bookings',
      'documents',
      'tickets',
      'queue',
      'mail',
      'identity-admin',
    ],
    provides: ['provider-status', 'reminder-recipients'],
    tables: providerTables,
    upstreamHosts: [],
  },
  migrations: providerMigrations,
  entities: [ProviderProfileSchema, ProviderStatusChangeSchema, ProviderScheduledTransitionSchema, ProviderDocumentSchema],
  statements: [...peopleStatements],
  deliveries: [...noticeDeliveries, accountDelivery, confirmationDelivery],
  jobs: [reminderJob, scheduledTransitions, monthlyTiers, retentionMarking, failedAccounts],
  setup(scope) {
    serveProfiles(scope)
    serveLifecycle(scope)
    serveTerms(scope)
    serveDocuments(scope)
    serveNotices(scope)
    serveFaces(scope)
  },
})
