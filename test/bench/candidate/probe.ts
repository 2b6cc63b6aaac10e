import { Type } from '@sinclair/typebox'
import { contract as approved, type Contract } from '../../../config/contract.ts'
import { defineContext } from '../../../plugins/host/define-context.ts'
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

const reach = {
  name: 'bench-probe',
  step: null,
  audience: ['patient'],
  effects: ['read'],
  killSwitches: [],
  capabilities: [],
  tables: [],
  upstreamHosts: [],
} as const

export const probeContext = defineContext({
  manifest: reach,
  setup(scope) {
    scope.serve(probe, { answer: ({ principal }) => ({ body: { status: 'ok', userId: principal.userId } }) })
  },
})

/** The approved contract with the probe beside what it approves. */
export const probeContract: Contract = { ...approved, approvals: [...approved.approvals, { ...reach, clause: 'the benchmark' }] }
