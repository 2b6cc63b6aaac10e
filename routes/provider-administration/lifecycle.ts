import { Type } from '@sinclair/typebox'
import { documentTypes, type TransitionName, transitions } from '../../domain/provider-administration/index.ts'
import { operation } from '../shared/operation.ts'
import { id, strict } from '../shared/schemas.ts'
import { ofProvider, reads, writes } from './common.ts'
import { providerParams } from './fields.ts'
import { confirmed, notificationOut, providerProperties, providerSchema, reason } from './schemas.ts'

const change = {
  ...writes,
  method: 'POST',
  ifMatch: true,
  entity: ofProvider,
  problems: ['NOT_FOUND', 'CONFLICT'],
  params: providerParams,
} as const

/** The documentation of a transition, from the one table of them. */
const described = (name: TransitionName, text: string): string => {
  const rules = transitions.filter((rule) => rule.name === name)
  const ways = rules.map(({ from, to }) => `${from} → ${to}`).join(', ')
  return `${ways}; from every other status 409. ${text}`
}

const bookings = strict(
  {
    known: Type.Boolean({ description: 'False: the bookings of this agency are kept elsewhere, and count and ids say nothing' }),
    count: Type.Integer({ minimum: 0, description: 'How many' }),
    ids: Type.Array(Type.String({ description: 'A booking' }), { maxItems: 1_000, description: 'Which; at most 1000' }),
  },
  'What is booked from now on; it is reported and never cancelled here',
)

const changedSchema = strict({ ...providerProperties, notification: notificationOut })
const endedSchema = strict({ ...providerProperties, notification: notificationOut, upcomingBookings: bookings })

const plan = {
  notify: Type.Optional(Type.Boolean({ default: true, description: 'Whether the provider is mailed the reason' })),
  effectiveDate: Type.Optional(Type.String({ format: 'date', description: 'The day, UTC; today or later. A later day plans the change' })),
  confirm: confirmed,
}

export const activateProvider = operation({
  ...change,
  name: 'activateProvider',
  summary: 'Activate a draft',
  description: described(
    'activation',
    `Needs every field and the three documents (${documentTypes.join(', ')}) approved and unexpired. \`verifiedDocuments\` approves the pending documents that it names in the same step; that takes \`providers:verify\`. Refused: 409 with \`blockers\` and \`missing\`.`,
  ),
  path: '/admin/providers/:providerId/activation',
  body: strict({
    confirm: confirmed,
    verifiedDocuments: Type.Optional(
      Type.Array(id('A pending document'), { maxItems: 3, uniqueItems: true, description: 'Documents that are herewith approved' }),
    ),
  }),
  reply: { status: 200, schema: changedSchema },
})

export const suspendProvider = operation({
  ...change,
  name: 'suspendProvider',
  summary: 'Suspend an active provider, now or on a day',
  description: described('suspension', 'Can be taken back. The provider is no longer featured; bookings stay as they are.'),
  path: '/admin/providers/:providerId/suspension',
  body: strict({ reason: reason('Why; the provider reads it.'), ...plan }),
  reply: { status: 200, schema: changedSchema },
})

export const deactivateProvider = operation({
  ...change,
  name: 'deactivateProvider',
  summary: 'Deactivate a provider for good, now or on a day',
  description: described(
    'deactivation',
    'Cannot be taken back. The provider can no longer sign in. Upcoming bookings are reported to the booking system; nothing is cancelled here.',
  ),
  path: '/admin/providers/:providerId/deactivation',
  body: strict({ reason: reason('Why; the provider reads it.'), ...plan }),
  reply: { status: 200, schema: endedSchema },
})

export const reactivateProvider = operation({
  ...change,
  name: 'reactivateProvider',
  summary: 'Reactivate a suspended provider, now or on a day',
  description: described(
    'reactivation',
    'Needs approved and unexpired documents, as activation does. The provider is not featured again by itself.',
  ),
  path: '/admin/providers/:providerId/reactivation',
  body: strict({ reason: Type.Optional(reason('Why.')), ...plan }),
  reply: { status: 200, schema: changedSchema },
})

export const withdrawTransition = operation({
  ...writes,
  name: 'withdrawTransition',
  summary: 'Withdraw what was planned for a later day',
  method: 'DELETE',
  path: '/admin/providers/:providerId/scheduled-transition',
  ifMatch: true,
  entity: ofProvider,
  problems: ['NOT_FOUND'],
  params: providerParams,
  reply: { status: 204, schema: null },
})

export const previewDeactivation = operation({
  ...reads,
  name: 'previewDeactivation',
  summary: 'What a deactivation would touch',
  method: 'GET',
  path: '/admin/providers/:providerId/deactivation-preview',
  entity: ofProvider,
  problems: ['NOT_FOUND'],
  params: providerParams,
  reply: { status: 200, schema: strict({ upcomingBookings: bookings }) },
})

export const setFeatured = operation({
  ...writes,
  name: 'setFeatured',
  summary: 'Feature an active provider, or no longer',
  method: 'PUT',
  path: '/admin/providers/:providerId/featured',
  ifMatch: true,
  entity: ofProvider,
  problems: ['NOT_FOUND', 'CONFLICT'],
  params: providerParams,
  body: strict({ featured: Type.Boolean({ description: 'Whether patients see the provider among the featured' }) }),
  reply: { status: 200, schema: providerSchema },
})
