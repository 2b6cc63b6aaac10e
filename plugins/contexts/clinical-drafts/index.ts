import { ClinicalDraftRevisionSchema, ClinicalDraftSchema } from '../../../domain/clinical-drafts/clinical-draft.entity.ts'
import {
  createClinicalDraft, discardClinicalDraft, editClinicalDraft, getClinicalDraft, listClinicalDraftRevisions, listClinicalDrafts,
} from '../../../routes/clinical-drafts/index.ts' // prettier-ignore
import { defineContext } from '../../host/define-context.ts'
import {
  createDraftService, discardDraftService, editDraftService, getDraftService, listDraftsService, listRevisionsService,
} from './clinical-drafts.handlers.ts' // prettier-ignore
import { clinicalDraftMigrations } from './clinical-drafts.migrations.ts'
import { getDraftStatement, listDraftsStatement, listRevisionsStatement } from './clinical-drafts.statements.ts'

/** Drafts and nothing more: no queue, no mail, no way out of the process is granted, so that none can go anywhere. @see MIG-03 §6.2 */
export default defineContext({
  manifest: {
    name: 'clinical-drafts',
    step: 2,
    audience: ['staff'],
    effects: ['read', 'draft'],
    killSwitches: ['USE_CLINICAL_DRAFTS'],
    capabilities: ['transaction', 'fields'],
    provides: ['own-draft'],
    needs: ['consent-decision'],
    after: ['consent'],
    tables: ['clinical_draft', 'clinical_draft_revision'],
    upstreamHosts: [],
  },
  migrations: clinicalDraftMigrations,
  entities: [ClinicalDraftSchema, ClinicalDraftRevisionSchema],
  statements: [listDraftsStatement, getDraftStatement, listRevisionsStatement],
  setup(scope) {
    scope.serve(listClinicalDrafts, listDraftsService(scope.fields))
    scope.serve(getClinicalDraft, getDraftService(scope.fields))
    scope.serve(listClinicalDraftRevisions, listRevisionsService(scope.fields))
    scope.serve(createClinicalDraft, createDraftService(scope.fields))
    scope.serve(editClinicalDraft, editDraftService(scope.fields))
    scope.serve(discardClinicalDraft, discardDraftService(scope.fields))
  },
})
