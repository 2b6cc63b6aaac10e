import { Type } from '@sinclair/typebox'
import { largestAmount, monthPattern, tierLimits } from '../../domain/provider-administration/index.ts'
import { operation } from '../shared/operation.ts'
import { instantIn, strict } from '../shared/schemas.ts'
import { ofProvider, reads, writes } from './common.ts'
import { commissionBody, providerId, providerParams } from './fields.ts'
import { providerSchema } from './schemas.ts'

export const setCommission = operation({
  ...writes,
  name: 'setCommission',
  summary: 'Agree on a commission, from now on',
  description:
    'Holds for what is booked from now on; what was booked before keeps its rate. Tiers start from the last month that was counted.',
  method: 'PUT',
  path: '/admin/providers/:providerId/commission',
  ifMatch: true,
  entity: ofProvider,
  problems: ['NOT_FOUND', 'CONFLICT'],
  params: providerParams,
  body: commissionBody,
  reply: { status: 200, schema: providerSchema },
})

const minor = (description: string) => Type.Integer({ minimum: 0, maximum: largestAmount, description: `${description}, in minor units` })

export const quoteCommission = operation({
  ...reads,
  name: 'quoteCommission',
  summary: 'What an amount leaves to provider and platform',
  description: 'By the rate in force when it was booked. The commission is rounded half up to the minor unit; the payout is the rest.',
  method: 'GET',
  path: '/admin/providers/:providerId/commission/quote',
  entity: ofProvider,
  problems: ['NOT_FOUND', 'CONFLICT'],
  params: providerParams,
  query: strict({ amount: minor('What the patient pays'), bookedAt: Type.Optional(instantIn('When it was booked; now unless told')) }),
  reply: {
    status: 200,
    schema: strict({
      amount: minor('As asked'),
      rate: Type.Number({ description: 'Percent' }),
      commission: minor('The platform’s'),
      payout: minor('The provider’s'),
    }),
  },
})

const count = Type.Integer({ minimum: 0, maximum: tierLimits.largestCount, description: 'Procedures completed in the month' })

export const reportProcedureCount = operation({
  ...writes,
  audience: ['service'],
  scopes: ['procedures:report'],
  effect: 'write',
  name: 'reportProcedureCount',
  summary: 'Report the procedures of a provider’s month',
  description: 'Replaces what was reported of the month before. A month that is over may change the tier, from now on and never backwards.',
  method: 'PUT',
  path: '/procedure-counts/:providerId/:month',
  entity: ofProvider,
  problems: ['NOT_FOUND', 'CONFLICT'],
  params: strict({
    providerId,
    month: Type.String({ pattern: monthPattern, maxLength: 7, description: 'YYYY-MM, this one or an earlier one' }),
  }),
  body: strict({ count }),
  reply: {
    status: 200,
    schema: strict({
      providerId,
      month: Type.String({ description: 'YYYY-MM' }),
      count,
      currentRate: Type.Unsafe<number | null>({ type: ['number', 'null'], description: 'Percent in force now' }),
      currentTier: Type.Unsafe<number | null>({ type: ['integer', 'null'], description: '1 for the first tier' }),
    }),
  },
})
