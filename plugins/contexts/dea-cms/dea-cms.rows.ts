import type {
  CmsMetadata,
  ComplianceNote,
  DeaMetadata,
  EnrollmentStatus,
  RegistrationStatus,
  Schedule,
} from '../../../domain/dea-cms/index.ts'
import type { FieldCipherPort } from '../../host/define-context.ts'
import { namePlace, notePlace } from './dea-cms.store.ts'

type Row = Record<string, unknown>

const keptOf = (row: Row) => ({
  id: row.id as string,
  agencyId: row.agency_id as string,
  version: row.version as number,
  createdAt: row.created_at as Date,
  updatedAt: row.updated_at as Date,
})

/** What a row of the compiled reads says of a DEA registration, its name opened. */
export const deaOf = (row: Row, fields: FieldCipherPort): DeaMetadata => ({
  ...keptOf(row),
  content: {
    registrantName: fields.open(row.registrant_name as Buffer, namePlace(row.agency_id as string, row.id as string)),
    deaRegistrationNumber: row.dea_registration_number as string,
    authorizedSchedules: row.authorized_schedules as Schedule[],
    registrationStatus: row.registration_status as RegistrationStatus,
    issueDate: row.issue_date as string,
    expirationDate: row.expiration_date as string,
  },
  expirationReminderSent: row.expiration_reminder_sent as boolean,
})

/** What a row of the compiled reads says of a CMS enrollment. */
export const cmsOf = (row: Row): CmsMetadata => ({
  ...keptOf(row),
  content: {
    npiReference: row.npi_reference as string,
    ptanReference: row.ptan_reference as string | null,
    enrollmentStatus: row.enrollment_status as EnrollmentStatus,
    effectiveDate: row.effective_date as string | null,
    payerParticipationStatus: row.payer_participation_status as Record<string, string>,
  },
})

/** The notes that rows of one record carry, opened. */
export const notesOf = (rows: readonly Row[], kind: 'dea' | 'cms', fields: FieldCipherPort): ComplianceNote[] =>
  rows
    .filter(({ note_id }) => note_id !== null)
    .map((row) => ({
      id: row.note_id as string,
      metadataId: row.id as string,
      authorId: row.note_author as string,
      note: fields.open(row.note as Buffer, notePlace(kind, row.agency_id as string, row.note_id as string)),
      createdAt: row.note_at as Date,
    }))
