import { defineEntity, p } from '@mikro-orm/core'
import { enrollmentStatuses } from './cms-enrollment.ts'
import { registrationStatuses, type Schedule } from './dea-registrant.ts'

/** What records of both kinds have: whose they are, their version, and the mark of a removed one. */
const kept = {
  agencyId: p.uuid().primary(),
  id: p.uuid().primary(),
  version: p.integer(),
  createdAt: p.datetime(3),
  updatedAt: p.datetime(3),
  /** Of the change that made the record what it is. */
  auditId: p.uuid(),
  deletedAt: p.datetime(3).nullable(),
  deletedBy: p.text().nullable(),
  deletedAuditId: p.uuid().nullable(),
}

const DeaRegistrantSchema = defineEntity({
  name: 'DeaRegistrantMetadata',
  tableName: 'dea_registrant_metadata',
  properties: {
    ...kept,
    /** Sealed. */
    registrantName: p.type(Buffer).columnType('bytea'),
    deaRegistrationNumber: p.text(),
    authorizedSchedules: p.array<Schedule>(),
    registrationStatus: p.enum(registrationStatuses),
    issueDate: p.date(),
    expirationDate: p.date(),
    expirationReminderSent: p.boolean(),
  },
})

const CmsEnrollmentSchema = defineEntity({
  name: 'CmsEnrollmentMetadata',
  tableName: 'cms_enrollment_metadata',
  properties: {
    ...kept,
    npiReference: p.text(),
    ptanReference: p.text().nullable(),
    enrollmentStatus: p.enum(enrollmentStatuses),
    effectiveDate: p.date().nullable(),
    payerParticipationStatus: p.json<Readonly<Record<string, string>>>(),
  },
})

const note = {
  agencyId: p.uuid().primary(),
  id: p.uuid().primary(),
  metadataId: p.uuid(),
  authorId: p.text(),
  /** Sealed. */
  note: p.type(Buffer).columnType('bytea'),
  createdAt: p.datetime(3),
  auditId: p.uuid(),
}

const DeaNoteSchema = defineEntity({ name: 'DeaComplianceNote', tableName: 'dea_compliance_note', properties: note })
const CmsNoteSchema = defineEntity({ name: 'CmsComplianceNote', tableName: 'cms_compliance_note', properties: note })

/** @see FusionEMS part 5, DEARegistrantMetadata; its `audit_history` is the audit store's */
export class DeaRegistrantRecord extends DeaRegistrantSchema.class {}
DeaRegistrantSchema.setClass(DeaRegistrantRecord)

/** @see FusionEMS part 5, CMSEnrollmentMetadata; its readiness checks are computed */
export class CmsEnrollmentRecord extends CmsEnrollmentSchema.class {}
CmsEnrollmentSchema.setClass(CmsEnrollmentRecord)

export class DeaNoteRecord extends DeaNoteSchema.class {}
DeaNoteSchema.setClass(DeaNoteRecord)

export class CmsNoteRecord extends CmsNoteSchema.class {}
CmsNoteSchema.setClass(CmsNoteRecord)

export { CmsEnrollmentSchema, CmsNoteSchema, DeaNoteSchema, DeaRegistrantSchema }
