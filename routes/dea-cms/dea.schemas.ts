import { type Static, type TSchema, Type } from '@sinclair/typebox'
import { registrantNameLength, registrationStatuses, schedules, warnings, type Schedule } from '../../domain/dea-cms/index.ts'
import { pageSize } from '../../domain/shared/page.ts'
import { cursorList, cursorQuery } from '../shared/paging.ts'
import { oneOf, strict, writtenText } from '../shared/schemas.ts'
import { date, etag, kept, metadataId, notes } from './schemas.ts'

const scheduleList = Type.Unsafe<Schedule[]>({
  type: 'array',
  items: oneOf(schedules, 'A schedule; N: non-narcotic'),
  minItems: 1,
  maxItems: schedules.length,
  uniqueItems: true,
  description: 'The schedules that the registration covers',
})
const registrationStatus = oneOf(registrationStatuses, 'How the registration stands')

export const deaBody = strict({
  registrantName: writtenText(registrantNameLength, 'Whose registration it is.'),
  deaRegistrationNumber: Type.String({
    pattern: '^[A-Za-z][A-Za-z9][0-9]{7}$',
    minLength: 9,
    maxLength: 9,
    description: 'Two letters (the second may be 9) and seven digits, whose check digit must fit; unique in the agency',
  }),
  authorizedSchedules: scheduleList,
  registrationStatus,
  issueDate: date('The day of issue'),
  expirationDate: date('The day on which it expires, after the day of issue'),
})

const dea = {
  ...kept,
  registrantName: Type.String({ description: 'Whose registration it is' }),
  deaRegistrationNumber: Type.String({ description: 'In upper case' }),
  authorizedSchedules: scheduleList,
  registrationStatus,
  issueDate: date('The day of issue'),
  expirationDate: date('The day on which it expires'),
  expirationReminderSent: Type.Boolean({ description: 'Whether administrators were reminded of this expiration date' }),
}
export const deaSchema = strict({ ...dea, notes })
export const deaListSchema = cursorList(strict({ ...dea, etag }))

export const alertsQuery = strict({
  withinDays: Type.Optional(
    Type.Integer({ minimum: 0, maximum: 3_650, default: 90, description: 'How many days from today (UTC) an expiration may be away' }),
  ),
  ...cursorQuery,
})

const alert = strict({
  metadataId,
  agencyId: kept.agencyId,
  registrantName: dea.registrantName,
  deaRegistrationNumber: dea.deaRegistrationNumber,
  registrationStatus,
  expirationDate: dea.expirationDate,
  daysUntilExpiration: Type.Integer({ description: 'Whole days from today; below zero where it has expired' }),
  warning: oneOf(warnings, 'ok: over 30 days; soon: 7 to 30; urgent: under 7, or expired'),
  expirationReminderSent: dea.expirationReminderSent,
})
const listOf = <Item extends TSchema>(item: Item, order: string) =>
  strict({ items: Type.Array(item, { maxItems: pageSize.max, description: order }), nextCursor: cursorList(item).properties.nextCursor })
export const alertListSchema = listOf(alert, 'From the soonest to the latest, the expired ones first')

export type DeaBody = Static<typeof deaBody>
export type DeaWire = Static<typeof deaSchema>
export type AlertWire = Static<typeof alert>
