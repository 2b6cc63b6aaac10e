import { createConsultation, getConsultation, listConsultations, reviewConsultation } from '../../../routes/advisor/index.ts'
import { defineContext } from '../../host/define-context.ts'
import {
  createConsultationService,
  getConsultationService,
  listConsultationsService,
  reviewConsultationService,
} from './advisor.handlers.ts'
import { advisorMigrations } from './advisor.migrations.ts'
import { getConsultationStatement, listConsultationsStatement } from './advisor.statements.ts'

/** The advisor comes last and only advises: it stores what was asked, what was answered and what a human made of it. @see MIG-03 §6.4 */
export default defineContext({
  manifest: {
    name: 'advisor',
    step: 4,
    audience: ['staff'],
    effects: ['read', 'advise'],
    killSwitches: ['USE_MEDICAL_ADVISOR'],
    capabilities: ['transaction', 'fields', 'advice'],
    needs: ['consent-decision', 'own-draft'],
    after: ['consent', 'clinical-drafts', 'appointments'],
    tables: ['advisor_consultation', 'advisor_review', 'advisor_passage', 'advisor_term'],
    upstreamHosts: ['ADVISOR_URL'],
  },
  migrations: advisorMigrations,
  statements: [listConsultationsStatement, getConsultationStatement],
  setup(scope) {
    scope.serve(createConsultation, createConsultationService(scope.fields, scope.advice))
    scope.serve(listConsultations, listConsultationsService(scope.fields))
    scope.serve(getConsultation, getConsultationService(scope.fields))
    scope.serve(reviewConsultation, reviewConsultationService(scope.fields))
  },
})
