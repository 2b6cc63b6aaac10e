import { Type } from '@sinclair/typebox'
import { providerStatuses } from '../../domain/provider-administration/index.ts'
import { operation } from '../shared/operation.ts'
import { cursorList, cursorQuery } from '../shared/paging.ts'
import { id, instantOut, oneOf, strict } from '../shared/schemas.ts'
import { ofProvider, reads } from './common.ts'
import { providerId, providerParams, textOrNull } from './fields.ts'

const history = {
  ...reads,
  method: 'GET',
  entity: ofProvider,
  problems: ['NOT_FOUND'],
  params: providerParams,
  query: strict(cursorQuery),
} as const

export const listStatusHistory = operation({
  ...history,
  name: 'listStatusHistory',
  summary: 'What became of a provider’s status',
  path: '/admin/providers/:providerId/status-history',
  reply: {
    status: 200,
    schema: cursorList(
      strict({
        id: id('The change'),
        previousStatus: oneOf(providerStatuses, 'Before'),
        newStatus: oneOf(providerStatuses, 'After'),
        changedAt: instantOut('When'),
        changedBy: Type.String({ description: 'The administrator; of a planned change, who planned it' }),
        reason: textOrNull('Why'),
      }),
    ),
  },
})

export const listProviderActivity = operation({
  ...history,
  name: 'listProviderActivity',
  summary: 'Everything that was done about a provider',
  description: 'From the audit: who did what, when, from where and with which outcome. Licence numbers show their last four.',
  path: '/admin/providers/:providerId/activity',
  reply: {
    status: 200,
    schema: cursorList(
      strict({
        id: id('The audit row'),
        at: instantOut('When'),
        action: Type.String({ description: 'The operation' }),
        actor: textOrNull('Who'),
        role: textOrNull('In which role'),
        ip: textOrNull('From where'),
        outcome: Type.String({ description: 'success, or the code' }),
        details: Type.Array(Type.String({ description: 'A field' }), { description: 'The fields that changed' }),
      }),
    ),
  },
})

export const listBookingEvents = operation({
  ...reads,
  audience: ['service'],
  scopes: ['bookings:consume'],
  name: 'listBookingEvents',
  summary: 'For the booking system: providers who take no bookings any more, or again',
  description:
    'In the order in which it happened. `cursor` of the last item leads to what comes next; ask again later where there is none.',
  method: 'GET',
  path: '/admin/booking-events',
  entity: { type: 'provider' },
  query: strict(cursorQuery),
  reply: {
    status: 200,
    schema: strict({
      items: Type.Array(
        strict({
          id: id('The event'),
          kind: oneOf(['provider-suspended', 'provider-deactivated', 'provider-reactivated'], 'What happened'),
          providerId,
          occurredAt: instantOut('When'),
          upcomingBookings: strict({
            known: Type.Boolean({ description: 'Whether the bookings are known here' }),
            count: Type.Integer({ description: 'How many were booked from then on' }),
            ids: Type.Array(Type.String({ description: 'A booking' }), { description: 'Which; at most 1000' }),
          }),
          cursor: Type.String({ description: 'Ask with it for what comes after this' }),
        }),
        { maxItems: 100, description: 'From the oldest to the newest' },
      ),
      nextCursor: textOrNull('Ask with it for the next page; null: nothing more for now, ask later with the cursor of the last item'),
    }),
  },
})
