import { LockMode } from '@mikro-orm/core'
import {
  CmsEnrollmentRecord, CmsNoteRecord, DeaNoteRecord, DeaRegistrantRecord,
} from '../../../domain/dea-cms/dea-cms.entity.ts' // prettier-ignore
import {
  type CmsEnrollment, type CmsMetadata, type ComplianceNote, type DeaMetadata, type DeaRegistrant, type MetadataStore, type Removal,
  shownNotes,
} from '../../../domain/dea-cms/index.ts' // prettier-ignore
import { Refusal } from '../../../domain/shared/refusal.ts'
import type { FieldCipherPort, Transaction } from '../../host/define-context.ts'

/** Where a registrant's sealed name belongs. */
export const namePlace = (agencyId: string, rowId: string) => ({
  table: 'dea_registrant_metadata', column: 'registrant_name', agencyId, rowId,
}) // prettier-ignore

/** Where a sealed note belongs. */
export const notePlace = (kind: 'dea' | 'cms', agencyId: string, rowId: string) => ({
  table: `${kind}_compliance_note`, column: 'note', agencyId, rowId,
}) // prettier-ignore

const oneNumber = /_one_number$/

/** The unique index decides: of two who store one number, the second is told. */
const once = async (work: Promise<unknown>): Promise<void> => {
  try {
    await work
  } catch (error) {
    const { code, constraint } = error as { readonly code?: unknown; readonly constraint?: unknown }
    if (code === '23505' && oneNumber.test(String(constraint))) throw new Refusal('CONFLICT', 'duplicate')
    throw error
  }
}

type NoteEntity = typeof DeaNoteRecord | typeof CmsNoteRecord

/** The notes of one kind of record. */
const noteRows = (tx: Transaction, fields: FieldCipherPort, kind: 'dea' | 'cms', entity: NoteEntity, agencyId: string) => ({
  async notes(metadataId: string): Promise<ComplianceNote[]> {
    const rows = await tx.find(entity, { agencyId, metadataId }, { orderBy: { createdAt: 'desc', id: 'desc' }, limit: shownNotes })
    return rows.map(({ id, authorId, note, createdAt }) => ({
      id, metadataId, authorId, note: fields.open(note, notePlace(kind, agencyId, id)), createdAt,
    })) // prettier-ignore
  },
  add: ({ note, ...rest }: ComplianceNote & { readonly auditId: string }): Promise<unknown> =>
    tx.insert(entity, { agencyId, ...rest, note: fields.seal(note, notePlace(kind, agencyId, rest.id)) }),
})

const live = (agencyId: string, id: string) => ({ agencyId, id, deletedAt: null })
const locked = { lockMode: LockMode.PESSIMISTIC_WRITE } as const
const marked = ({ at, by, auditId }: Removal) => ({ deletedAt: at, deletedBy: by, deletedAuditId: auditId })

/** The DEA registrations of one agency in PostgreSQL, inside the domain transaction. */
export const deaStore = (tx: Transaction, fields: FieldCipherPort, agencyId: string): MetadataStore<DeaRegistrant, DeaMetadata> => {
  const notes = noteRows(tx, fields, 'dea', DeaNoteRecord, agencyId)
  const columnsOf = ({ registrantName, authorizedSchedules, ...rest }: DeaRegistrant, id: string) => ({
    ...rest,
    authorizedSchedules: [...authorizedSchedules],
    registrantName: fields.seal(registrantName, namePlace(agencyId, id)),
  })
  return {
    async take(id) {
      const row = await tx.findOne(DeaRegistrantRecord, live(agencyId, id), locked)
      if (row === null) return null
      const { version, createdAt, updatedAt, expirationReminderSent, deaRegistrationNumber, authorizedSchedules } = row
      const { registrationStatus, issueDate, expirationDate } = row
      const registrantName = fields.open(row.registrantName, namePlace(agencyId, id))
      const content = { registrantName, deaRegistrationNumber, authorizedSchedules, registrationStatus, issueDate, expirationDate }
      return { id, agencyId, content, version, createdAt, updatedAt, expirationReminderSent }
    },
    add: ({ id, content, version, createdAt, updatedAt, auditId }) =>
      once(
        tx.insert(DeaRegistrantRecord, {
          agencyId, id, ...columnsOf(content, id), version, createdAt, updatedAt, auditId, expirationReminderSent: false,
        }), // prettier-ignore
      ),
    replace: ({ id, content, version, updatedAt, auditId }) =>
      once(tx.nativeUpdate(DeaRegistrantRecord, live(agencyId, id), { ...columnsOf(content, id), version, updatedAt, auditId })),
    remove: async (id, removal) => void (await tx.nativeUpdate(DeaRegistrantRecord, live(agencyId, id), marked(removal))),
    notes: notes.notes,
    async annotate(note, version) {
      await notes.add(note)
      const { metadataId, createdAt: updatedAt, auditId } = note
      await tx.nativeUpdate(DeaRegistrantRecord, live(agencyId, metadataId), { version, updatedAt, auditId })
    },
  }
}

/** The CMS enrollments of one agency in PostgreSQL, inside the domain transaction. */
export const cmsStore = (tx: Transaction, fields: FieldCipherPort, agencyId: string): MetadataStore<CmsEnrollment, CmsMetadata> => {
  const notes = noteRows(tx, fields, 'cms', CmsNoteRecord, agencyId)
  return {
    async take(id) {
      const row = await tx.findOne(CmsEnrollmentRecord, live(agencyId, id), locked)
      if (row === null) return null
      const { version, createdAt, updatedAt, npiReference, enrollmentStatus, payerParticipationStatus } = row
      const [ptanReference, effectiveDate] = [row.ptanReference ?? null, row.effectiveDate ?? null]
      const content = { npiReference, ptanReference, enrollmentStatus, effectiveDate, payerParticipationStatus }
      return { id, agencyId, content, version, createdAt, updatedAt }
    },
    add: ({ id, content, version, createdAt, updatedAt, auditId }) =>
      once(tx.insert(CmsEnrollmentRecord, { agencyId, id, ...content, version, createdAt, updatedAt, auditId })),
    replace: ({ id, content, version, updatedAt, auditId }) =>
      once(tx.nativeUpdate(CmsEnrollmentRecord, live(agencyId, id), { ...content, version, updatedAt, auditId })),
    remove: async (id, removal) => void (await tx.nativeUpdate(CmsEnrollmentRecord, live(agencyId, id), marked(removal))),
    notes: notes.notes,
    async annotate(note, version) {
      await notes.add(note)
      const { metadataId, createdAt: updatedAt, auditId } = note
      await tx.nativeUpdate(CmsEnrollmentRecord, live(agencyId, metadataId), { version, updatedAt, auditId })
    },
  }
}
