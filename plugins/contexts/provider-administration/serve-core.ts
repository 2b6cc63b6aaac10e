import {
  activateProvider, confirmOwnEmail, createProvider, deactivateProvider, editProvider, getProvider, getProviderPreferences, getProviderSettings,
  getProviderStats, listBookingEvents, listProviderActivity, listProviders, listStatusHistory, previewDeactivation, quoteCommission, reactivateProvider,
  reportProcedureCount, setCommission, setFeatured, setProviderPreferences, setProviderSettings, suspendProvider, withdrawTransition,
} from '../../../routes/provider-administration/index.ts' // prettier-ignore
import type { ContextScope } from '../../host/define-context.ts'
import { activateService } from './activation.handlers.ts'
import { quoteService, reportCountService, setCommissionService } from './commission.handlers.ts'
import { listProvidersService, statsService } from './dashboard.handlers.ts'
import { confirmEmailService } from './email-confirmation.ts'
import { activityService, bookingEventsService, statusHistoryService } from './history.handlers.ts'
import { kitOf } from './kit.ts'
import {
  deactivateService,
  featureService,
  previewService,
  reactivateService,
  suspendService,
  withdrawService,
} from './lifecycle.handlers.ts'
import { createProviderService, editProviderService, getProviderService } from './profile.handlers.ts'
import { getPreferencesService, getSettingsService, setPreferencesService, setSettingsService } from './settings.handlers.ts'

type Granted = ContextScope<'fields' | 'blind-index' | 'audit-store' | 'bookings' | 'queue' | 'identity-admin'>

/** Accounts and their dashboard. */
export const serveProfiles = (scope: Granted): void => {
  const kit = kitOf(scope)
  scope.serve(listProviders, listProvidersService(kit))
  scope.serve(getProviderStats, statsService())
  scope.serve(createProvider, createProviderService(kit))
  scope.serve(getProvider, getProviderService(kit))
  scope.serve(editProvider, editProviderService(kit))
  scope.serve(confirmOwnEmail, confirmEmailService(kit))
}

/** What becomes of a status, and what became of it. */
export const serveLifecycle = (scope: Granted): void => {
  const kit = kitOf(scope)
  const { bookings } = scope
  scope.serve(activateProvider, activateService(kit))
  scope.serve(suspendProvider, suspendService(kit, bookings))
  scope.serve(deactivateProvider, deactivateService(kit, bookings))
  scope.serve(reactivateProvider, reactivateService(kit, bookings))
  scope.serve(withdrawTransition, withdrawService(kit))
  scope.serve(previewDeactivation, previewService(kit, bookings))
  scope.serve(setFeatured, featureService(kit))
  scope.serve(listStatusHistory, statusHistoryService(kit))
  scope.serve(listProviderActivity, activityService(kit, scope.auditStore))
  scope.serve(listBookingEvents, bookingEventsService())
}

/** Commission, and what an agency and an administrator set. */
export const serveTerms = (scope: Granted): void => {
  const kit = kitOf(scope)
  scope.serve(setCommission, setCommissionService(kit))
  scope.serve(quoteCommission, quoteService(kit))
  scope.serve(reportProcedureCount, reportCountService(kit))
  scope.serve(getProviderSettings, getSettingsService(kit))
  scope.serve(setProviderSettings, setSettingsService(kit))
  scope.serve(getProviderPreferences, getPreferencesService())
  scope.serve(setProviderPreferences, setPreferencesService())
}
