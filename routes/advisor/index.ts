import { operation } from '../shared/operation.ts'
import {
  adviceSchema,
  askBody,
  consultationListSchema,
  consultationParams,
  consultationSchema,
  pageQuery,
  reviewBody,
  reviewSchema,
} from './schemas.ts'

export * from './presenter.ts'

/** A clinician sees what they asked themself; a colleague's and what does not exist answer alike. */
const ownership = {
  table: 'advisor_consultation',
  param: 'consultationId',
  owner: { column: 'author_id', claim: 'sub' },
  refusal: 'NOT_FOUND',
} as const

const entity = { type: 'consultation', param: 'consultationId' } as const

/** Of the patient whom the consultation concerns, where it concerns one. */
const ofItsPatient = { scope: 'advisor', patient: { column: 'patient_id', optional: true } } as const

const common = { audience: ['staff'], scopes: ['advisor:consult'], audit: 'record', tags: ['advisor'] } as const

/** @see MIG-03 §6.4; FusionEMS part 2, AI Agents */
export const createConsultation = operation({
  ...common,
  name: 'createConsultation',
  summary: 'Ask the medical advisor',
  description:
    'A clinician’s own request: no job and no agent asks. The answer is advice, says so, and waits for a review; nothing follows from it. ' +
    'A question that names a patient or a draft needs consent, and is refused where the advisor’s source may not be told of patients.',
  method: 'POST',
  path: '/advisor/consultations',
  effect: 'advise',
  killSwitch: 'USE_MEDICAL_ADVISOR',
  consent: {
    scope: 'advisor',
    patient: { in: 'body', field: 'patientId', optional: true },
    through: { port: 'own-draft', in: 'body', field: 'draftId', scope: 'clinical-documentation' },
  },
  idempotency: 'required',
  entity: { type: 'consultation' },
  problems: ['NOT_FOUND'],
  maxBody: 32_768,
  body: askBody,
  reply: { status: 201, schema: adviceSchema },
})

export const listConsultations = operation({
  ...common,
  name: 'listConsultations',
  summary: 'The caller’s own consultations',
  description: 'Newest first. Consent is asked anew for each; those of patients who do not consent now are left out without a trace.',
  method: 'GET',
  path: '/advisor/consultations',
  effect: 'read',
  consent: { scope: 'advisor', patient: 'record' },
  entity: { type: 'consultation' },
  query: pageQuery,
  reply: { status: 200, schema: consultationListSchema },
})

export const getConsultation = operation({
  ...common,
  name: 'getConsultation',
  summary: 'One of the caller’s own consultations',
  method: 'GET',
  path: '/advisor/consultations/:consultationId',
  effect: 'read',
  ownership,
  consent: ofItsPatient,
  entity,
  params: consultationParams,
  reply: { status: 200, schema: consultationSchema },
})

export const reviewConsultation = operation({
  ...common,
  name: 'reviewConsultation',
  summary: 'Record what the clinician makes of the advice',
  description:
    'Once, by the one who asked, and the only change there is. It records and starts nothing; it has no switch, so that a review can always end.',
  method: 'POST',
  path: '/advisor/consultations/:consultationId/review',
  effect: 'advise',
  ownership,
  consent: ofItsPatient,
  entity,
  problems: ['CONFLICT'],
  maxBody: 32_768,
  params: consultationParams,
  body: reviewBody,
  reply: { status: 200, schema: reviewSchema },
})
