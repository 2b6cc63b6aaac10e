import { operation } from '../shared/operation.ts'
import {
  consentListSchema,
  consentParams,
  consentSchema,
  decisionQuery,
  decisionSchema,
  grantBody,
  listConsentsQuery,
  revocationBody,
} from './schemas.ts'

export * from './presenter.ts'

const tags = ['consent'] as const
const entity = { type: 'consent', param: 'consentId' } as const
const ownPatientIn = (place: 'query' | 'body') => [{ claim: 'patientId', in: place, field: 'patientId', audiences: ['patient'] }] as const

export const listConsents = operation({
  name: 'listConsents',
  summary: 'Consents of a patient, or of the agency',
  description: 'A patient sees their own; staff with `consent:read` see those of their agency, or of the one patient named. Newest first.',
  method: 'GET',
  path: '/consents',
  effect: 'read',
  audience: ['patient', 'staff'],
  scopes: ['consent:read'],
  agrees: ownPatientIn('query'),
  audit: 'record',
  entity: { type: 'consent' },
  acrossAgencies: true,
  tags,
  query: listConsentsQuery,
  reply: { status: 200, schema: consentListSchema },
})

export const getConsentDecision = operation({
  name: 'getConsentDecision',
  summary: 'Does a patient’s consent of a scope permit now?',
  description: 'For portals that want to know beforehand. Every gate asks anew: a decision is never kept.',
  method: 'GET',
  path: '/consents/decision',
  effect: 'read',
  audience: ['patient', 'staff'],
  scopes: ['consent:read'],
  agrees: ownPatientIn('query'),
  audit: 'record',
  entity: { type: 'consent' },
  tags,
  query: decisionQuery,
  reply: { status: 200, schema: decisionSchema },
})

export const getConsent = operation({
  name: 'getConsent',
  summary: 'One consent',
  description: 'Another person’s consent and one that does not exist answer alike.',
  method: 'GET',
  path: '/consents/:consentId',
  effect: 'read',
  audience: ['patient', 'staff'],
  scopes: ['consent:read'],
  audit: 'record',
  entity,
  problems: ['NOT_FOUND'],
  acrossAgencies: true,
  tags,
  params: consentParams,
  reply: { status: 200, schema: consentSchema },
})

export const grantConsent = operation({
  name: 'grantConsent',
  summary: 'Grant consent of one scope',
  description: 'By the patient alone. A second active consent of one scope is a conflict; one that has expired is not in the way.',
  method: 'POST',
  path: '/consents',
  effect: 'write',
  audience: ['patient'],
  scopes: ['consent:write'],
  killSwitch: 'USE_CONSENT_WRITES',
  agrees: ownPatientIn('body'),
  idempotency: 'required',
  audit: 'record',
  entity: { type: 'consent' },
  problems: ['CONFLICT'],
  tags,
  body: grantBody,
  reply: { status: 201, schema: consentSchema },
})

export const revokeConsent = operation({
  name: 'revokeConsent',
  summary: 'Withdraw a consent',
  description:
    'By the patient alone, with no switch: a patient can always withdraw. It takes effect on the next request; twice answers alike.',
  method: 'POST',
  path: '/consents/:consentId/revocation',
  effect: 'write',
  audience: ['patient'],
  scopes: ['consent:write'],
  ownership: { table: 'consent_record', param: 'consentId', owner: { column: 'patient_id', claim: 'patientId' }, refusal: 'NOT_FOUND' },
  idempotency: 'required',
  audit: 'record',
  entity,
  problems: ['CONFLICT', 'NOT_FOUND'],
  tags,
  params: consentParams,
  body: revocationBody,
  reply: { status: 200, schema: consentSchema },
})
