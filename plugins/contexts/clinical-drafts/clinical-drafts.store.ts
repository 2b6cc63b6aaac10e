import { LockMode } from '@mikro-orm/core'
import { ClinicalDraftRecord, ClinicalDraftRevisionRecord } from '../../../domain/clinical-drafts/clinical-draft.entity.ts'
import type { DraftStore, NewVersion } from '../../../domain/clinical-drafts/index.ts'
import type { FieldCipherPort, Transaction } from '../../host/define-context.ts'

/** Where a version's sealed fields belong: no other row, column or version opens them. */
export const sealedPlace = (column: 'title' | 'body', agencyId: string, draftId: string, version: number) => ({
  table: 'clinical_draft_revision',
  column,
  agencyId,
  rowId: `${draftId}.${version}`,
})

export interface Author {
  readonly agencyId: string
  readonly authorId: string
}

/** The drafts of one author of one agency in PostgreSQL, inside the domain transaction. */
export const draftStore = (tx: Transaction, fields: FieldCipherPort, whose: Author): DraftStore => {
  const { agencyId } = whose
  const seal = (column: 'title' | 'body', draft: NewVersion) =>
    fields.seal(draft[column], sealedPlace(column, agencyId, draft.id, draft.version))
  const addRevision = (draft: NewVersion) => {
    const { id: draftId, version, patientId, type, updatedAt: createdAt, auditId } = draft
    const sealed = { title: seal('title', draft), body: seal('body', draft) }
    return tx.insert(ClinicalDraftRevisionRecord, { ...whose, ...sealed, draftId, version, patientId, type, createdAt, auditId })
  }
  return {
    async take(id) {
      const draft = await tx.findOne(ClinicalDraftRecord, { ...whose, id }, { lockMode: LockMode.PESSIMISTIC_WRITE })
      if (draft === null) return null
      const { version, patientId, status, createdAt, updatedAt } = draft
      const said = await tx.findOne(ClinicalDraftRevisionRecord, { ...whose, draftId: id, version })
      if (said === null) throw new Error('a draft without its current version')
      const open = (column: 'title' | 'body') => fields.open(said[column], sealedPlace(column, agencyId, id, version))
      const content = { type: said.type, title: open('title'), body: open('body') }
      return { ...whose, ...content, id, patientId, status, version, createdAt, updatedAt }
    },

    async add(draft) {
      const { id, patientId, status, version, createdAt, updatedAt, auditId } = draft
      await tx.insert(ClinicalDraftRecord, { ...whose, id, patientId, status, version, createdAt, updatedAt, auditId })
      await addRevision(draft)
    },

    async revise(draft) {
      await addRevision(draft)
      await tx.nativeUpdate(ClinicalDraftRecord, { ...whose, id: draft.id }, { version: draft.version, updatedAt: draft.updatedAt })
    },

    async discard(id, { at, auditId }) {
      await tx.nativeUpdate(ClinicalDraftRecord, { ...whose, id }, { status: 'discarded', discardedAt: at, discardedAuditId: auditId })
    },
  }
}
