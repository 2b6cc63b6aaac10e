import { type Static, Type } from '@sinclair/typebox'
import { enrollmentStatuses, mostPayers, payerNameLength, payerStatusLength, readinessRules } from '../../domain/dea-cms/index.ts'
import { cursorList } from '../shared/paging.ts'
import { oneOf, strict } from '../shared/schemas.ts'
import { date, etag, kept, metadataId, notes, textOrNull } from './schemas.ts'

const payers = Type.Record(
  Type.String({ pattern: `^\\S(.{0,${payerNameLength.max - 2}}\\S)?$` }),
  Type.String({ minLength: payerStatusLength.min, maxLength: payerStatusLength.max, pattern: '\\S', description: 'How the payer stands' }),
  { additionalProperties: false, maxProperties: mostPayers, description: 'Payer to status, in the agency’s own words' },
)
/** What was kept is shown whole: a pattern of an answer counts a name's length otherwise than that of a request. */
const shownPayers = Type.Record(Type.String(), Type.String({ description: 'How the payer stands' }), { description: 'Payer to status' })
const enrollmentStatus = oneOf(enrollmentStatuses, 'How the enrollment stands')

export const cmsBody = strict({
  npiReference: Type.String({
    pattern: '^[12][0-9]{9}$',
    minLength: 10,
    maxLength: 10,
    description: 'The NPI: ten digits, whose check digit must fit; unique in the agency',
  }),
  ptanReference: Type.Optional(Type.String({ pattern: '^[A-Za-z0-9]{1,20}$', maxLength: 20, description: 'The PTAN: letters and digits' })),
  enrollmentStatus,
  effectiveDate: Type.Optional(date('Since when the enrollment holds')),
  payerParticipationStatus: Type.Optional(payers),
})

const readinessChecks = Type.Array(
  strict({
    rule: oneOf(readinessRules, 'What is asked'),
    result: oneOf(['pass', 'fail'], 'Whether it holds'),
    reason: Type.String({ description: 'Why, in words' }),
  }),
  { maxItems: readinessRules.length, description: 'Each rule of readiness, as of today (UTC)' },
)

const cms = {
  ...kept,
  npiReference: Type.String({ description: 'The NPI' }),
  ptanReference: textOrNull('The PTAN'),
  enrollmentStatus,
  effectiveDate: textOrNull('Since when the enrollment holds, YYYY-MM-DD'),
  payerParticipationStatus: shownPayers,
  readinessChecks,
}
export const cmsSchema = strict({ ...cms, notes })
export const cmsListSchema = cursorList(strict({ ...cms, etag }))

const readiness = strict({
  metadataId,
  agencyId: kept.agencyId,
  npiReference: cms.npiReference,
  ready: Type.Boolean({ description: 'Every check passes' }),
  checks: readinessChecks,
})
export const readinessListSchema = cursorList(readiness)

export type CmsBody = Static<typeof cmsBody>
export type CmsWire = Static<typeof cmsSchema>
export type ReadinessWire = Static<typeof readiness>
