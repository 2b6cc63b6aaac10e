import { operation } from '../shared/operation.ts'
import { cmsBody, cmsListSchema, cmsSchema, readinessListSchema } from './cms.schemas.ts'
import { auditLogSchema, listQuery, metadataParams, noteBody, noteSchema, ofRecordQuery } from './schemas.ts'

/** All actions are logged, looks included; a switch holds back every one of them. @see FusionEMS part 5, Compliance Disclaimers */
const common = {
  audience: ['staff'],
  killSwitch: 'USE_CMS_PORTAL',
  audit: 'record',
  entity: { type: 'cms-metadata' },
  tags: ['cms'],
} as const
const entity = { ...common.entity, param: 'metadataId' } as const
const view = { ...common, method: 'GET', effect: 'read', scopes: ['cms:view'] } as const
const edit = { ...common, effect: 'admin', scopes: ['cms:edit'], refusesCredentials: true } as const

export const listCmsMetadata = operation({
  ...view,
  name: 'listCmsMetadata',
  summary: 'CMS enrollments of the agency',
  description: 'Newest first, without their notes.',
  path: '/cms/metadata',
  acrossAgencies: true,
  query: listQuery,
  reply: { status: 200, schema: cmsListSchema },
})

export const getCmsMetadata = operation({
  ...view,
  name: 'getCmsMetadata',
  summary: 'One CMS enrollment with its notes',
  path: '/cms/metadata/:metadataId',
  acrossAgencies: true,
  entity,
  problems: ['NOT_FOUND'],
  params: metadataParams,
  reply: { status: 200, schema: cmsSchema },
})

export const createCmsMetadata = operation({
  ...edit,
  name: 'createCmsMetadata',
  summary: 'Keep a CMS enrollment',
  description: 'Metadata only: what looks like a credential is refused. Nothing is sent to CMS.',
  method: 'POST',
  path: '/cms/metadata',
  idempotency: 'required',
  body: cmsBody,
  reply: { status: 201, schema: cmsSchema },
})

export const replaceCmsMetadata = operation({
  ...edit,
  name: 'replaceCmsMetadata',
  summary: 'Replace what is kept of a CMS enrollment',
  description: 'What is left out is no more on record.',
  method: 'PUT',
  path: '/cms/metadata/:metadataId',
  ifMatch: true,
  entity,
  problems: ['CONFLICT', 'NOT_FOUND'],
  params: metadataParams,
  body: cmsBody,
  reply: { status: 200, schema: cmsSchema },
})

export const deleteCmsMetadata = operation({
  ...edit,
  name: 'deleteCmsMetadata',
  summary: 'Remove a CMS enrollment',
  description: 'The record is kept, marked, and no more to be seen; its NPI can be kept anew.',
  method: 'DELETE',
  path: '/cms/metadata/:metadataId',
  ifMatch: true,
  entity,
  problems: ['CONFLICT', 'NOT_FOUND'],
  params: metadataParams,
  reply: { status: 204, schema: null },
})

export const checkCmsReadiness = operation({
  ...view,
  name: 'checkCmsReadiness',
  summary: 'Are the agency’s enrollments ready?',
  description: 'Each record with each rule, pass or fail, and why. Nothing is changed and nobody is told.',
  path: '/cms/readiness-check',
  acrossAgencies: true,
  query: ofRecordQuery,
  reply: { status: 200, schema: readinessListSchema },
})

export const addCmsComplianceNote = operation({
  ...edit,
  name: 'addCmsComplianceNote',
  summary: 'Add a note to a CMS enrollment',
  description: 'A note never changes. One that says something like `password: …` is refused.',
  method: 'POST',
  path: '/cms/compliance-note',
  idempotency: 'required',
  entity: { ...common.entity, member: 'metadataId' },
  problems: ['NOT_FOUND'],
  body: noteBody,
  reply: { status: 201, schema: noteSchema },
})

export const listCmsAuditLog = operation({
  ...view,
  name: 'listCmsAuditLog',
  summary: 'Who did what with the agency’s CMS enrollments',
  description: 'From the audit trail: every attempt, allowed or refused, looks included. Newest first.',
  path: '/cms/audit-log',
  query: ofRecordQuery,
  reply: { status: 200, schema: auditLogSchema },
})
