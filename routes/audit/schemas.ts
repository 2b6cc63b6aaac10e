import { type Static, Type } from '@sinclair/typebox'
import { breakKinds, outcomes } from '../../domain/audit/index.ts'
import { cursorList, cursorQuery } from '../shared/paging.ts'
import { id, instantIn, instantOut, oneOf, strict } from '../shared/schemas.ts'

const textOrNull = (description: string) => Type.Unsafe<string | null>({ type: ['string', 'null'], description })
const idOrNull = (description: string) => Type.Unsafe<string | null>({ type: ['string', 'null'], format: 'uuid', description })
const asWas = (description: string) => Type.Unknown({ description })
const filterText = (description: string) => Type.Optional(Type.String({ minLength: 1, maxLength: 255, description }))

const period = {
  from: Type.Optional(instantIn('From this time on')),
  to: Type.Optional(instantIn('Before this time')),
} as const

export const listEventsQuery = strict({
  action: filterText('The operation’s name, such as sendMessage'),
  actor: filterText('The user who acted'),
  entity: filterText('The id of the record that was acted on'),
  outcome: Type.Optional(oneOf(outcomes, 'How the attempt ended')),
  ...period,
  ...cursorQuery,
})

export const exportQuery = strict({ ...period })

export const aiActionsQuery = strict({ ...cursorQuery })

export const eventSchema = strict({
  id: id('The event; a row that the attempt made carries it too'),
  agencyId: id('The agency in whose trail it stands; all zeros: the platform’s'),
  at: instantOut('When the attempt arrived'),
  action: Type.String({ description: 'The operation’s name' }),
  outcome: oneOf(outcomes, 'How the attempt ended'),
  reason: textOrNull('Why, where the code has several causes'),
  userId: textOrNull('Who acted; null without a valid token'),
  role: textOrNull('The role under which they acted'),
  agentId: textOrNull('The AI agent that acted for them'),
  policyVersionId: textOrNull('The policy version that the token named'),
  underRole: textOrNull('Under whose authority the agent acted'),
  patientId: idOrNull('The patient concerned'),
  entityType: textOrNull('What kind of record was acted on'),
  entityId: textOrNull('Which one'),
  ip: textOrNull('The caller’s address'),
  requestId: idOrNull('The request, as in x-request-id'),
  idempotencyKey: textOrNull('The key that the request carried'),
  bypass: Type.Boolean({ description: 'A founder worked here from another agency' }),
  accessReason: textOrNull('Why they did'),
  count: Type.Unsafe<number | null>({ type: ['integer', 'null'], description: 'How many like attempts the row stands for; null: one' }),
  payload: asWas('The request as it came; of one that could not be believed, its size and SHA-256'),
  before: asWas('What the record was'),
  after: asWas('What it became'),
  readable: Type.Boolean({ description: 'False where a sealed value could not be opened' }),
  chain: strict({
    lane: Type.Integer({ description: 'The chain of the agency that holds the row' }),
    seq: Type.Integer({ description: 'Its number there' }),
    hash: Type.String({ description: 'SHA-256 over the row and the hash before it, in hex' }),
  }),
})

export const eventListSchema = cursorList(eventSchema)

export const aiActionSchema = strict({
  id: id('The event in the audit trail'),
  agencyId: id('The agency in which the agent acted'),
  at: instantOut('When the agent acted'),
  executedBy: Type.String({ description: 'AI Agent under <role> authority' }),
  agentId: Type.String({ description: 'The agent' }),
  policyVersionId: textOrNull('The policy version under which it acted'),
  underRole: textOrNull('The delegator’s role'),
  userId: textOrNull('The delegator'),
  action: Type.String({ description: 'The operation’s name' }),
  outcome: oneOf(outcomes, 'How it ended'),
  reason: textOrNull('Why, where the code has several causes'),
  patientId: idOrNull('The patient concerned'),
  entityType: textOrNull('What kind of record it acted on'),
  entityId: textOrNull('Which one'),
  requestId: idOrNull('The request'),
})

export const aiActionListSchema = cursorList(aiActionSchema)

interface VerifiedCheckpoint {
  signedAt: string
  heads: number
  matched: number
}

export const verificationSchema = strict({
  valid: Type.Boolean({ description: 'Every row, head and signed head of the agency fits' }),
  rows: Type.Integer({ description: 'Rows whose hash was computed anew' }),
  heads: Type.Array(
    strict({
      lane: Type.Integer({ description: 'The chain' }),
      seq: Type.Integer({ description: 'The number of its last row' }),
      hash: Type.String({ description: 'Its hash, in hex' }),
    }),
    { description: 'Where each chain stands' },
  ),
  checkpoint: Type.Unsafe<VerifiedCheckpoint | null>({
    ...strict({
      signedAt: instantOut('When the newest heads were signed'),
      heads: Type.Integer({ description: 'Chains with a signed head' }),
      matched: Type.Integer({ description: 'Of these, chains whose rows are those that were signed' }),
    }),
    type: ['object', 'null'],
    description: 'The signed heads that were compared; null where there are none',
  }),
  checkedAt: instantOut('When this was checked'),
  firstBreak: Type.Optional(
    strict({
      kind: oneOf(breakKinds, 'What happened to the row'),
      lane: Type.Integer({ description: 'The chain' }),
      seq: Type.Integer({ description: 'The number of the row' }),
      id: Type.Optional(id('The event, where a row is named')),
      detail: Type.String({ description: 'What the chain shows' }),
    }),
  ),
})

export type EventWire = Static<typeof eventSchema>
export type AiActionWire = Static<typeof aiActionSchema>
export type VerificationWire = Static<typeof verificationSchema>
