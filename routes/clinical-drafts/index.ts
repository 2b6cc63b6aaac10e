import { operation } from '../shared/operation.ts'
import { draftBody, draftListSchema, draftParams, draftSchema, listDraftsQuery, revisionListSchema, revisionsQuery } from './schemas.ts'

export * from './presenter.ts'

/** What every operation here has: a clinician's own, recorded whatever becomes of it. There is none that would finalize. @see MIG-03 §6.2 */
const own = { audience: ['staff'], scopes: ['drafts:write'], audit: 'record', tags: ['clinical-drafts'] } as const
const entity = { type: 'clinical-draft', param: 'draftId' } as const
const killSwitch = 'USE_CLINICAL_DRAFTS'

/** Another's draft, one of another agency and none answer alike. */
const ownership = {
  table: 'clinical_draft',
  param: 'draftId',
  owner: { column: 'author_id', claim: 'sub' },
  refusal: 'NOT_FOUND',
} as const

/** Of the patient whom the draft is about, asked again each time. */
const consent = { scope: 'clinical-documentation', patient: { column: 'patient_id' } } as const

export const listClinicalDrafts = operation({
  ...own,
  name: 'listClinicalDrafts',
  summary: 'Your own drafts',
  description:
    'Newest first. Drafts about patients who do not consent now are left out; a request for one patient answers CONSENT_REQUIRED without their consent.',
  method: 'GET',
  path: '/clinical-drafts',
  effect: 'read',
  consent: { scope: 'clinical-documentation', patient: { in: 'query', field: 'patientId', optional: true } },
  entity: { type: 'clinical-draft' },
  query: listDraftsQuery,
  reply: { status: 200, schema: draftListSchema },
})

export const createClinicalDraft = operation({
  ...own,
  name: 'createClinicalDraft',
  summary: 'Start a draft',
  description: 'It stays a draft: there is no operation that finalizes, signs or sends one.',
  method: 'POST',
  path: '/clinical-drafts',
  effect: 'draft',
  killSwitch,
  consent: { scope: 'clinical-documentation', patient: { in: 'body', field: 'patientId' } },
  idempotency: 'required',
  entity: { type: 'clinical-draft' },
  body: draftBody,
  reply: { status: 201, schema: draftSchema },
})

export const getClinicalDraft = operation({
  ...own,
  name: 'getClinicalDraft',
  summary: 'One of your own drafts',
  method: 'GET',
  path: '/clinical-drafts/:draftId',
  effect: 'read',
  ownership,
  consent,
  entity,
  problems: ['NOT_FOUND'],
  params: draftParams,
  reply: { status: 200, schema: draftSchema },
})

export const editClinicalDraft = operation({
  ...own,
  name: 'editClinicalDraft',
  summary: 'Edit a draft of your own',
  description: 'Each edit is a new version; earlier ones are kept as revisions. `patientId` must be the draft’s.',
  method: 'PUT',
  path: '/clinical-drafts/:draftId',
  effect: 'draft',
  killSwitch,
  ownership,
  consent,
  ifMatch: true,
  entity,
  problems: ['CONFLICT', 'NOT_FOUND'],
  params: draftParams,
  body: draftBody,
  reply: { status: 200, schema: draftSchema },
})

export const discardClinicalDraft = operation({
  ...own,
  name: 'discardClinicalDraft',
  summary: 'Discard a draft of your own',
  description: 'It is kept with its revisions, marked, and no more to be seen. Needs no consent and has no switch.',
  method: 'DELETE',
  path: '/clinical-drafts/:draftId',
  effect: 'draft',
  ownership,
  ifMatch: true,
  entity,
  problems: ['CONFLICT', 'NOT_FOUND'],
  params: draftParams,
  reply: { status: 204, schema: null },
})

export const listClinicalDraftRevisions = operation({
  ...own,
  name: 'listClinicalDraftRevisions',
  summary: 'Every version of a draft of your own',
  description: 'Newest first, the current one included. Consent is asked again for each page.',
  method: 'GET',
  path: '/clinical-drafts/:draftId/revisions',
  effect: 'read',
  ownership,
  consent,
  entity,
  problems: ['NOT_FOUND'],
  params: draftParams,
  query: revisionsQuery,
  reply: { status: 200, schema: revisionListSchema },
})
