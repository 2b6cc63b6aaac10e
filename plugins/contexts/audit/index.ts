import { exportAuditEvents, listAiActions, listAuditEvents, verifyAuditTrail } from '../../../routes/audit/index.ts'
import { defineContext } from '../../host/define-context.ts'
import { aiActionsService, exportService, listEventsService, verificationService } from './audit.handlers.ts'

/** The auditor's view of what everybody did, themselves included. @see design, section 5; 02B, Audit */
export default defineContext({
  manifest: {
    name: 'audit',
    step: null,
    audience: ['staff'],
    effects: ['read'],
    killSwitches: [],
    capabilities: ['audit-store'],
    tables: [],
    upstreamHosts: [],
  },
  setup(scope) {
    scope.serve(exportAuditEvents, exportService(scope.auditStore))
    scope.serve(listAuditEvents, listEventsService(scope.auditStore))
    scope.serve(listAiActions, aiActionsService(scope.auditStore))
    scope.serve(verifyAuditTrail, verificationService(scope.auditStore))
  },
})
