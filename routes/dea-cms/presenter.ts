import {
  type CmsEnrollment, type CmsMetadata, type ComplianceNote, type DeaMetadata, type DeaRegistrant, type Kept, type ReadinessCheck,
  isReady, readinessOf, warningOf,
} from '../../domain/dea-cms/index.ts' // prettier-ignore
import { dayOf, daysBetween } from '../../domain/shared/calendar-day.ts'
import { showInstant } from '../../domain/shared/instant.ts'
import type { CmsBody, CmsWire, ReadinessWire } from './cms.schemas.ts'
import type { AlertWire, DeaBody, DeaWire } from './dea.schemas.ts'
import type { LoggedWire, NoteWire } from './schemas.ts'

const today = (now: Date): string => dayOf(now.getTime())

export const deaLocation = (id: string): string => `/api/dea/metadata/${id}`
export const cmsLocation = (id: string): string => `/api/cms/metadata/${id}`

/** The version that an ETag stands for, or null where it is none of ours. Only the version is held against a change. */
export const versionOfEtag = (etag: string | null): number | null => {
  const [, digits] = /^"([1-9]\d{0,8})(?:\.[01]{1,16})?"$/.exec(etag ?? '') ?? []
  return digits === undefined ? null : Number(digits)
}

/** A reminder changes what is shown and nothing that anybody wrote: it is a part of the tag beside the version. */
export const deaEtag = ({ version, expirationReminderSent }: Pick<DeaMetadata, 'version' | 'expirationReminderSent'>): string =>
  `"${version}.${Number(expirationReminderSent)}"`

/** So is readiness, which changes with the day. */
export const cmsEtag = ({ version }: Pick<CmsMetadata, 'version'>, checks: readonly Pick<ReadinessCheck, 'result'>[]): string =>
  `"${version}.${checks.map(({ result }) => Number(result === 'pass')).join('')}"`

export const contentOfDea = (body: DeaBody): DeaRegistrant => body
export const contentOfCms = ({ ptanReference, effectiveDate, payerParticipationStatus, ...rest }: CmsBody): CmsEnrollment => ({
  ...rest,
  ptanReference: ptanReference ?? null,
  effectiveDate: effectiveDate ?? null,
  payerParticipationStatus: payerParticipationStatus ?? {},
})

const showKept = ({ id, agencyId, createdAt, updatedAt }: Kept<unknown>) => ({
  id,
  agencyId,
  createdAt: showInstant(createdAt),
  updatedAt: showInstant(updatedAt),
})

export const showNote = ({ id, metadataId, note, authorId, createdAt }: ComplianceNote): NoteWire => ({
  id,
  metadataId,
  note,
  authorId,
  createdAt: showInstant(createdAt),
})

const showNotes = (notes: readonly ComplianceNote[]): DeaWire['notes'] =>
  notes.map((note) => {
    const { metadataId: _, ...shown } = showNote(note)
    return shown
  })

const showDeaFields = (record: DeaMetadata): Omit<DeaWire, 'notes'> => ({
  ...showKept(record),
  registrantName: record.content.registrantName,
  deaRegistrationNumber: record.content.deaRegistrationNumber,
  authorizedSchedules: [...record.content.authorizedSchedules],
  registrationStatus: record.content.registrationStatus,
  issueDate: record.content.issueDate,
  expirationDate: record.content.expirationDate,
  expirationReminderSent: record.expirationReminderSent,
})

export const showDea = (record: DeaMetadata, notes: readonly ComplianceNote[]): DeaWire => ({
  ...showDeaFields(record),
  notes: showNotes(notes),
})
export const showListedDea = (record: DeaMetadata) => ({ ...showDeaFields(record), etag: deaEtag(record) })

const showCmsFields = (record: CmsMetadata, readinessChecks: ReadinessCheck[]): Omit<CmsWire, 'notes'> => ({
  ...showKept(record),
  npiReference: record.content.npiReference,
  ptanReference: record.content.ptanReference,
  enrollmentStatus: record.content.enrollmentStatus,
  effectiveDate: record.content.effectiveDate,
  payerParticipationStatus: { ...record.content.payerParticipationStatus },
  readinessChecks,
})

export const showCms = (record: CmsMetadata, notes: readonly ComplianceNote[], now: Date): CmsWire => ({
  ...showCmsFields(record, readinessOf(record.content, today(now))),
  notes: showNotes(notes),
})
export const showListedCms = (record: CmsMetadata, now: Date) => {
  const checks = readinessOf(record.content, today(now))
  return { ...showCmsFields(record, checks), etag: cmsEtag(record, checks) }
}

export const showReadiness = (record: CmsMetadata, now: Date): ReadinessWire => {
  const checks = readinessOf(record.content, today(now))
  return { metadataId: record.id, agencyId: record.agencyId, npiReference: record.content.npiReference, ready: isReady(checks), checks }
}

export const showAlert = ({ id, agencyId, content, expirationReminderSent }: DeaMetadata, now: Date): AlertWire => {
  const days = daysBetween(today(now), content.expirationDate)
  return {
    metadataId: id,
    agencyId,
    registrantName: content.registrantName,
    deaRegistrationNumber: content.deaRegistrationNumber,
    registrationStatus: content.registrationStatus,
    expirationDate: content.expirationDate,
    daysUntilExpiration: days,
    warning: warningOf(days),
    expirationReminderSent,
  }
}

/** An event as the audit store gives it, as far as it is shown here. */
interface StoredEvent extends Omit<LoggedWire, 'outcome' | 'metadataId'> {
  readonly outcome: string
  readonly entityId: string | null
}

/** Who did what to which record; addresses, keys and requests are the auditor's to see. */
export const showLogged = (event: StoredEvent): LoggedWire => ({
  id: event.id,
  at: event.at,
  action: event.action,
  outcome: event.outcome as LoggedWire['outcome'],
  reason: event.reason,
  userId: event.userId,
  role: event.role,
  agentId: event.agentId,
  metadataId: event.entityId,
  requestId: event.requestId,
  bypass: event.bypass,
  before: event.before,
  after: event.after,
})
