import { operation } from '../shared/operation.ts'
import { alertListSchema, alertsQuery, deaBody, deaListSchema, deaSchema } from './dea.schemas.ts'
import { auditLogSchema, listQuery, metadataParams, noteBody, noteSchema, ofRecordQuery } from './schemas.ts'

/** All actions are logged, looks included; a switch holds back every one of them. @see FusionEMS part 5, Compliance Disclaimers */
const common = {
  audience: ['staff'],
  killSwitch: 'USE_DEA_PORTAL',
  audit: 'record',
  entity: { type: 'dea-metadata' },
  tags: ['dea'],
} as const
const entity = { ...common.entity, param: 'metadataId' } as const
const view = { ...common, method: 'GET', effect: 'read', scopes: ['dea:view'] } as const
const edit = { ...common, effect: 'admin', scopes: ['dea:edit'], refusesCredentials: true } as const

export const listDeaMetadata = operation({
  ...view,
  name: 'listDeaMetadata',
  summary: 'DEA registrations of the agency',
  description: 'Newest first, without their notes.',
  path: '/dea/metadata',
  acrossAgencies: true,
  query: listQuery,
  reply: { status: 200, schema: deaListSchema },
})

export const getDeaMetadata = operation({
  ...view,
  name: 'getDeaMetadata',
  summary: 'One DEA registration with its notes',
  path: '/dea/metadata/:metadataId',
  acrossAgencies: true,
  entity,
  problems: ['NOT_FOUND'],
  params: metadataParams,
  reply: { status: 200, schema: deaSchema },
})

export const createDeaMetadata = operation({
  ...edit,
  name: 'createDeaMetadata',
  summary: 'Keep a DEA registration',
  description: 'Metadata only: what looks like a credential is refused. Nothing is sent to the DEA.',
  method: 'POST',
  path: '/dea/metadata',
  idempotency: 'required',
  body: deaBody,
  reply: { status: 201, schema: deaSchema },
})

export const replaceDeaMetadata = operation({
  ...edit,
  name: 'replaceDeaMetadata',
  summary: 'Replace what is kept of a DEA registration',
  description: 'Another expiration date is one of which nobody was reminded yet.',
  method: 'PUT',
  path: '/dea/metadata/:metadataId',
  ifMatch: true,
  entity,
  problems: ['CONFLICT', 'NOT_FOUND'],
  params: metadataParams,
  body: deaBody,
  reply: { status: 200, schema: deaSchema },
})

export const deleteDeaMetadata = operation({
  ...edit,
  name: 'deleteDeaMetadata',
  summary: 'Remove a DEA registration',
  description: 'The record is kept, marked, and no more to be seen; its number can be kept anew.',
  method: 'DELETE',
  path: '/dea/metadata/:metadataId',
  ifMatch: true,
  entity,
  problems: ['CONFLICT', 'NOT_FOUND'],
  params: metadataParams,
  reply: { status: 204, schema: null },
})

export const listDeaExpirationAlerts = operation({
  ...view,
  name: 'listDeaExpirationAlerts',
  summary: 'DEA registrations that expire soon, or have',
  path: '/dea/expiration-alerts',
  acrossAgencies: true,
  query: alertsQuery,
  reply: { status: 200, schema: alertListSchema },
})

export const addDeaComplianceNote = operation({
  ...edit,
  name: 'addDeaComplianceNote',
  summary: 'Add a note to a DEA registration',
  description: 'A note never changes. One that says something like `password: …` is refused.',
  method: 'POST',
  path: '/dea/compliance-note',
  idempotency: 'required',
  entity: { ...common.entity, member: 'metadataId' },
  problems: ['NOT_FOUND'],
  body: noteBody,
  reply: { status: 201, schema: noteSchema },
})

export const listDeaAuditLog = operation({
  ...view,
  name: 'listDeaAuditLog',
  summary: 'Who did what with the agency’s DEA registrations',
  description: 'From the audit trail: every attempt, allowed or refused, looks and reminders included. Newest first.',
  path: '/dea/audit-log',
  query: ofRecordQuery,
  reply: { status: 200, schema: auditLogSchema },
})
