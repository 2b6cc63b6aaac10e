import { Type } from '@sinclair/typebox'
import { operation } from '../shared/operation.ts'
import { aiActionListSchema, aiActionsQuery, eventListSchema, exportQuery, listEventsQuery, verificationSchema } from './schemas.ts'

export * from './presenter.ts'

const common = {
  method: 'GET',
  effect: 'read',
  audience: ['staff'],
  scopes: ['audit:read'],
  audit: 'record',
  entity: { type: 'audit' },
  tags: ['audit'],
} as const

export const listAuditEvents = operation({
  ...common,
  name: 'listAuditEvents',
  summary: 'Audit events of the agency',
  description: 'Every write attempt and every read of a person’s record, allowed or refused, payloads opened. The newest first.',
  path: '/audit/events',
  acrossAgencies: true,
  query: listEventsQuery,
  reply: { status: 200, schema: eventListSchema },
})

export const exportAuditEvents = operation({
  ...common,
  name: 'exportAuditEvents',
  summary: 'Audit events as NDJSON, to be checked offline',
  description:
    'Rows with their hashes and ciphertext, opened beside it, the signed heads, and a signature over the whole. `verify-export.mjs` checks it without this service.',
  path: '/audit/events/export',
  query: exportQuery,
  reply: { status: 200, schema: Type.String({ description: 'One JSON object a line' }), contentType: 'application/x-ndjson' },
})

export const listAiActions = operation({
  ...common,
  name: 'listAiActions',
  summary: 'What AI agents did in the agency',
  description: 'Each action of an agent, allowed or refused, with the authority under which it acted. The newest first.',
  path: '/audit/ai-actions',
  acrossAgencies: true,
  query: aiActionsQuery,
  reply: { status: 200, schema: aiActionListSchema },
})

export const verifyAuditTrail = operation({
  ...common,
  name: 'verifyAuditTrail',
  summary: 'Is the agency’s audit trail whole?',
  description:
    'Computes every hash of the agency’s chains anew and compares heads and signed heads. It can take seconds; what is wrong first is named.',
  path: '/audit/verification',
  reply: { status: 200, schema: verificationSchema },
})
