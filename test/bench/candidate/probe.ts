import { Type } from '@sinclair/typebox'
import { contract as approved, type Contract } from '../../../config/contract.ts'
import { largestDocument } from '../../../domain/shared/documents.ts'
import { defineContext, type UploadService } from '../../../plugins/host/define-context.ts'
import { operation } from '../../../routes/shared/operation.ts'
import { strict } from '../../../routes/shared/schemas.ts'

/** An operation without SQL: what is left is what the platform itself costs. */
const probe = operation({
  name: 'benchProbe',
  summary: 'Answers without a database',
  method: 'GET',
  path: '/bench/probe',
  effect: 'read',
  audience: ['patient'],
  scopes: ['messaging:read'],
  audit: 'refusals',
  tags: ['bench'],
  reply: { status: 200, schema: strict({ status: Type.String(), userId: Type.String() }) },
})

/** An upload and nothing else: what the platform does with a file. */
const upload = operation({
  name: 'benchUpload',
  summary: 'Takes a file and remembers nothing of it',
  method: 'POST',
  path: '/bench/upload',
  effect: 'admin',
  audience: ['staff'],
  scopes: ['providers:write'],
  audit: 'record',
  tags: ['bench'],
  upload: { part: 'file', types: ['application/pdf'], maxBytes: largestDocument },
  reply: { status: 201, schema: strict({ sizeBytes: Type.Integer() }) },
})

const uploading: UploadService<typeof upload> = {
  accept: async ({ agencyId }) => ({ ownerId: agencyId, maxBytes: largestDocument }),
  store: async (_call, _tx, { sizeBytes }) => ({ body: { sizeBytes } }),
}

const reach = {
  name: 'bench-probe',
  step: null,
  audience: ['patient', 'staff'],
  effects: ['read', 'admin'],
  killSwitches: [],
  capabilities: ['transaction', 'documents'],
  tables: [],
  upstreamHosts: [],
} as const

export const probeContext = defineContext({
  manifest: reach,
  setup(scope) {
    scope.serve(probe, { answer: ({ principal }) => ({ body: { status: 'ok', userId: principal.userId } }) })
    scope.serve(upload, uploading)
  },
})

/** The approved contract with the probe beside what it approves. */
export const probeContract: Contract = { ...approved, approvals: [...approved.approvals, { ...reach, clause: 'the benchmark' }] }
