import { defineEntity, p } from '@mikro-orm/core'
import { draftStatuses, draftTypes } from './clinical-draft.ts'

const ClinicalDraftSchema = defineEntity({
  name: 'ClinicalDraft',
  tableName: 'clinical_draft',
  properties: {
    agencyId: p.uuid().primary(),
    id: p.uuid().primary(),
    patientId: p.uuid(),
    authorId: p.text(),
    status: p.enum(draftStatuses),
    /** The current one; what it says is a revision like the others. */
    version: p.integer(),
    createdAt: p.datetime(3),
    updatedAt: p.datetime(3),
    discardedAt: p.datetime(3).nullable(),
    auditId: p.uuid(),
    discardedAuditId: p.uuid().nullable(),
  },
})

const ClinicalDraftRevisionSchema = defineEntity({
  name: 'ClinicalDraftRevision',
  tableName: 'clinical_draft_revision',
  properties: {
    agencyId: p.uuid().primary(),
    draftId: p.uuid().primary(),
    version: p.integer().primary(),
    /** Patient and author are the draft's, repeated so that row security holds by columns of the row itself. */
    patientId: p.uuid(),
    authorId: p.text(),
    type: p.enum(draftTypes),
    /** Sealed. */
    title: p.type(Buffer).columnType('bytea'),
    /** Sealed. */
    body: p.type(Buffer).columnType('bytea'),
    createdAt: p.datetime(3),
    auditId: p.uuid(),
  },
})

/** A draft as PostgreSQL keeps it, without what it says. */
export class ClinicalDraftRecord extends ClinicalDraftSchema.class {}
ClinicalDraftSchema.setClass(ClinicalDraftRecord)

/** What a draft said at one version. */
export class ClinicalDraftRevisionRecord extends ClinicalDraftRevisionSchema.class {}
ClinicalDraftRevisionSchema.setClass(ClinicalDraftRevisionRecord)

export { ClinicalDraftRevisionSchema, ClinicalDraftSchema }
