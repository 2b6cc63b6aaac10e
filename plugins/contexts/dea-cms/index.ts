import { CmsEnrollmentSchema, CmsNoteSchema, DeaNoteSchema, DeaRegistrantSchema } from '../../../domain/dea-cms/dea-cms.entity.ts'
import * as routes from '../../../routes/dea-cms/index.ts'
import { defineContext } from '../../host/define-context.ts'
import { auditLogService } from './dea-cms.trail.ts'
import { deaCmsMigrations } from './dea-cms.migrations.ts'
import { expiryMail, expiryReminders, remindersName } from './dea-cms.reminders.ts'
import { deaAlertsService, getCmsService, getDeaService, listCmsService, listDeaService, readinessService } from './dea-cms.reads.ts'
import {
  deaAlertsStatement, getCmsStatement, getDeaStatement, listCmsStatement, listDeaStatement, readinessStatement,
} from './dea-cms.statements.ts' // prettier-ignore
import {
  addCmsNoteService, addDeaNoteService, createCmsService, createDeaService, deleteCmsService, deleteDeaService, replaceCmsService,
  replaceDeaService,
} from './dea-cms.writes.ts' // prettier-ignore

/** Workspaces beside the DEA's and the CMS's own sites: metadata, and no way out to either. @see FusionEMS part 5 */
export default defineContext({
  manifest: {
    name: 'dea-cms',
    step: null,
    audience: ['staff'],
    effects: ['read', 'admin'],
    killSwitches: ['USE_DEA_PORTAL', 'USE_CMS_PORTAL'],
    capabilities: ['transaction', 'fields', 'audit-store', 'queue', 'mail'],
    needs: ['reminder-recipients'],
    after: ['provider-administration'],
    tables: ['dea_registrant_metadata', 'cms_enrollment_metadata', 'dea_compliance_note', 'cms_compliance_note'],
    upstreamHosts: [],
  },
  migrations: deaCmsMigrations,
  entities: [DeaRegistrantSchema, CmsEnrollmentSchema, DeaNoteSchema, CmsNoteSchema],
  statements: [listDeaStatement, getDeaStatement, deaAlertsStatement, listCmsStatement, getCmsStatement, readinessStatement],
  jobs: [expiryReminders],
  deliveries: [expiryMail],
  setup(scope) {
    const { fields, auditStore } = scope
    scope.serve(routes.listDeaMetadata, listDeaService(fields))
    scope.serve(routes.getDeaMetadata, getDeaService(fields))
    scope.serve(routes.createDeaMetadata, createDeaService(fields))
    scope.serve(routes.replaceDeaMetadata, replaceDeaService(fields))
    scope.serve(routes.deleteDeaMetadata, deleteDeaService(fields))
    scope.serve(routes.listDeaExpirationAlerts, deaAlertsService(fields))
    scope.serve(routes.addDeaComplianceNote, addDeaNoteService(fields))
    scope.serve(routes.listDeaAuditLog, auditLogService(auditStore, 'dea', [`job.${remindersName}`]))
    scope.serve(routes.listCmsMetadata, listCmsService())
    scope.serve(routes.getCmsMetadata, getCmsService(fields))
    scope.serve(routes.createCmsMetadata, createCmsService(fields))
    scope.serve(routes.replaceCmsMetadata, replaceCmsService(fields))
    scope.serve(routes.deleteCmsMetadata, deleteCmsService(fields))
    scope.serve(routes.checkCmsReadiness, readinessService())
    scope.serve(routes.addCmsComplianceNote, addCmsNoteService(fields))
    scope.serve(routes.listCmsAuditLog, auditLogService(auditStore, 'cms'))
  },
})
