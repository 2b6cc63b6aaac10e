import { operation } from '../shared/operation.ts'
import { emptyBody } from './documents.schemas.ts'
import {
  adminNoticeListSchema, adminNoticeSchema, mailListSchema, mailSchema, notificationParams, notificationsQuery, ownNoticeListSchema, ownNoticeSchema,
  providerNotificationsParams, reminderListSchema, remindersQuery, sendMailBody,
} from './notifications.schemas.ts' // prettier-ignore

const staff = { audience: ['staff'], audit: 'record', tags: ['provider-administration'] } as const
const self = { audience: ['provider'], scopes: ['provider:self'], audit: 'record', tags: ['provider'] } as const
const killSwitch = 'USE_PROVIDER_ADMIN_WRITES'
/** Whom notices of administrators are for. @see design, section 8 */
const told = ['providers:verify', 'providers:write'] as const

export const listProviderNotifications = operation({
  ...staff,
  name: 'listProviderNotifications',
  summary: 'What a provider was mailed',
  description: 'Newest first, each with its state, its attempts and why the last one failed.',
  method: 'GET',
  path: '/admin/providers/:providerId/notifications',
  effect: 'read',
  scopes: ['providers:read'],
  entity: { type: 'provider', param: 'providerId' },
  problems: ['NOT_FOUND'],
  params: providerNotificationsParams,
  query: notificationsQuery,
  reply: { status: 200, schema: mailListSchema },
})

export const sendProviderNotification = operation({
  ...staff,
  name: 'sendProviderNotification',
  summary: 'Mail a provider by hand, or once more',
  description:
    'Either `template`, with `documentType` for a renewal or a missing document, or `resend` with the id of a mail that was sent or given up. Nothing is mailed to a deactivated provider by template; what was mailed before can be sent again, an invitation to sign in aside.',
  method: 'POST',
  path: '/admin/providers/:providerId/notifications',
  effect: 'admin',
  scopes: ['providers:write'],
  killSwitch,
  entity: { type: 'provider', param: 'providerId' },
  problems: ['CONFLICT', 'NOT_FOUND'],
  params: providerNotificationsParams,
  body: sendMailBody,
  reply: { status: 201, schema: mailSchema },
})

export const listUpcomingReminders = operation({
  ...staff,
  name: 'listUpcomingReminders',
  summary: 'The reminders of expiring documents to come',
  description:
    'Of approved documents of active and suspended providers: 30, 7 and 0 days before expiry. What is due now stands under today.',
  method: 'GET',
  path: '/admin/providers/upcoming-reminders',
  effect: 'read',
  scopes: ['providers:read'],
  entity: { type: 'provider' },
  query: remindersQuery,
  reply: { status: 200, schema: reminderListSchema },
})

export const listAdminNotifications = operation({
  ...staff,
  name: 'listAdminNotifications',
  summary: 'What administrators of providers are told',
  description: 'Documents that await review, documents that expire, mails that did not get through. Newest first.',
  method: 'GET',
  path: '/admin/notifications',
  effect: 'read',
  scopes: told,
  entity: { type: 'provider-notification' },
  query: notificationsQuery,
  reply: { status: 200, schema: adminNoticeListSchema },
})

export const readAdminNotification = operation({
  ...staff,
  name: 'readAdminNotification',
  summary: 'Mark a notification of administrators as read by you',
  description: 'Twice is as once.',
  method: 'POST',
  path: '/admin/notifications/:notificationId/read',
  effect: 'admin',
  scopes: told,
  killSwitch,
  entity: { type: 'provider-notification', param: 'notificationId' },
  problems: ['NOT_FOUND'],
  params: notificationParams,
  body: emptyBody,
  reply: { status: 200, schema: adminNoticeSchema },
})

export const listOwnNotifications = operation({
  ...self,
  name: 'listOwnNotifications',
  summary: 'What you were told',
  description: 'Newest first.',
  method: 'GET',
  path: '/provider/notifications',
  effect: 'read',
  entity: { type: 'provider-notification' },
  query: notificationsQuery,
  reply: { status: 200, schema: ownNoticeListSchema },
})

export const readOwnNotification = operation({
  ...self,
  name: 'readOwnNotification',
  summary: 'Mark a notification as read',
  description: 'Twice is as once.',
  method: 'POST',
  path: '/provider/notifications/:notificationId/read',
  effect: 'write',
  killSwitch,
  entity: { type: 'provider-notification', param: 'notificationId' },
  problems: ['NOT_FOUND'],
  params: notificationParams,
  body: emptyBody,
  reply: { status: 200, schema: ownNoticeSchema },
})
