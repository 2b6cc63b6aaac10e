import { type Static, Type } from '@sinclair/typebox'
import {
  administratorNotices, documentTypes, manualTemplates, providerNotices, reminderOutlook, type ManualTemplate,
} from '../../domain/provider-administration/index.ts' // prettier-ignore
import { cursorPattern, pageSize } from '../../domain/shared/page.ts'
import { cursorList, cursorQuery } from '../shared/paging.ts'
import { id, instantOut, oneOf, orNull, strict } from '../shared/schemas.ts'

const providerId = id('The provider')
const notificationId = id('The notification')
const textOrNull = (description: string) => Type.Unsafe<string | null>({ type: ['string', 'null'], description })
const typeOrNull = Type.Unsafe<(typeof documentTypes)[number] | null>({
  type: ['string', 'null'],
  enum: [...documentTypes, null],
  description: 'The document that it is about',
})
const idOrNull = (description: string) => Type.Unsafe<string | null>({ type: ['string', 'null'], format: 'uuid', description })

export const providerNotificationsParams = strict({ providerId })
export const notificationParams = strict({ notificationId })
export const notificationsQuery = strict(cursorQuery)

/** As the outbox and its transport say. */
const outboxStates = ['queued', 'sent', 'failed'] as const

export const mailSchema = strict({
  id: notificationId,
  kind: oneOf(providerNotices, 'What the provider is told'),
  documentType: typeOrNull,
  state: oneOf(outboxStates, 'queued: on its way; failed: given up after three attempts'),
  attempts: Type.Integer({ description: 'So far' }),
  lastFailure: textOrNull('Why the last attempt failed, in one of a few words of our own'),
  createdAt: instantOut('When it was written down'),
  settledAt: orNull(instantOut('When it was sent or given up')),
})

export const mailListSchema = cursorList(mailSchema)

const templates = Object.keys(manualTemplates) as ManualTemplate[]

export const sendMailBody = strict({
  template: Type.Optional(oneOf(templates, 'What is mailed; this or `resend`')),
  documentType: Type.Optional(oneOf(documentTypes, 'Of a renewal or a missing document')),
  resend: Type.Optional(id('A mail that was sent or given up, once more')),
})

const portalNotice = {
  id: notificationId,
  title: Type.String({ description: 'In a few words' }),
  message: Type.String({ description: 'In full' }),
  documentType: typeOrNull,
  documentId: idOrNull('The version that it is about'),
  createdAt: instantOut('When it came'),
  readAt: orNull(instantOut('When you read it')),
} as const

export const ownNoticeSchema = strict({ ...portalNotice, kind: oneOf(providerNotices, 'What it is about') })
export const ownNoticeListSchema = cursorList(ownNoticeSchema)

export const adminNoticeSchema = strict({
  ...portalNotice,
  kind: oneOf(administratorNotices, 'What it is about'),
  providerId,
  providerName: Type.String({ description: 'Dr. First Last' }),
})
export const adminNoticeListSchema = cursorList(adminNoticeSchema)

export const remindersQuery = strict({
  days: Type.Optional(
    Type.Integer({ minimum: 1, maximum: reminderOutlook.max, default: reminderOutlook.default, description: 'How many days ahead' }),
  ),
  cursor: Type.Optional(Type.String({ pattern: cursorPattern, description: 'nextCursor of the page before' })),
  limit: Type.Optional(
    Type.Integer({ minimum: 1, maximum: pageSize.max, default: pageSize.default, description: 'Most items of one page' }),
  ),
})

const day = (description: string) => Type.String({ format: 'date', description })

export const reminderSchema = strict({
  providerId,
  providerName: Type.String({ description: 'Dr. First Last' }),
  documentId: id('The approved version'),
  documentType: oneOf(documentTypes, 'Which document expires'),
  expirationDate: day('When it expires'),
  daysBefore: Type.Integer({ description: 'Which reminder: 30, 7 or 0 days before' }),
  remindOn: day('When it is sent; today where it is due'),
})

/** Soonest first, unlike the lists that run backwards. */
export const reminderListSchema = strict({
  items: Type.Array(reminderSchema, { maxItems: pageSize.max, description: 'The soonest first' }),
  nextCursor: Type.Unsafe<string | null>({ type: ['string', 'null'], description: 'Ask with it for the next page; null on the last' }),
})

export type MailWire = Static<typeof mailSchema>
export type OwnNoticeWire = Static<typeof ownNoticeSchema>
export type AdminNoticeWire = Static<typeof adminNoticeSchema>
export type ReminderWire = Static<typeof reminderSchema>
