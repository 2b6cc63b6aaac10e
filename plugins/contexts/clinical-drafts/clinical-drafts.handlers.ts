import { type ClinicalDraft, createDraft, discardDraft, type DraftRevision, editDraft } from '../../../domain/clinical-drafts/index.ts'
import { pageOf } from '../../../domain/shared/page.ts'
import { Refusal } from '../../../domain/shared/refusal.ts'
import {
  type createClinicalDraft, type discardClinicalDraft, draftEtag, draftHeaders, draftLocation, type editClinicalDraft, type getClinicalDraft,
  type listClinicalDraftRevisions, type listClinicalDrafts, showDraft, showListedDraft, showRevision, versionOfEtag,
} from '../../../routes/clinical-drafts/index.ts' // prettier-ignore
import { limitOf, positionOf } from '../../../routes/shared/paging.ts'
import type { Call, FieldCipherPort, Service, Transaction } from '../../host/define-context.ts'
import { getDraftStatement, listDraftsStatement, listRevisionsStatement } from './clinical-drafts.statements.ts'
import { draftStore, sealedPlace } from './clinical-drafts.store.ts'

type Row = Record<string, unknown>

/** What a row of the compiled reads says, opened; `id` names the column that holds the draft's. */
const contentOf = (row: Row, id: 'id' | 'draft_id', fields: FieldCipherPort) => {
  const open = (column: 'title' | 'body'): string =>
    fields.open(row[column] as Buffer, sealedPlace(column, row.agency_id as string, row[id] as string, row.version as number))
  return { type: row.type as ClinicalDraft['type'], title: open('title'), body: open('body') }
}

const draftOf = (row: Row, fields: FieldCipherPort): ClinicalDraft => ({
  ...contentOf(row, 'id', fields),
  id: row.id as string,
  agencyId: row.agency_id as string,
  patientId: row.patient_id as string,
  authorId: row.author_id as string,
  status: 'draft',
  version: row.version as number,
  createdAt: row.created_at as Date,
  updatedAt: row.updated_at as Date,
})

const revisionOf = (row: Row, fields: FieldCipherPort): DraftRevision => ({
  ...contentOf(row, 'draft_id', fields),
  draftId: row.draft_id as string,
  patientId: row.patient_id as string,
  version: row.version as number,
  createdAt: row.created_at as Date,
})

export const listDraftsService = (fields: FieldCipherPort): Service<typeof listClinicalDrafts> => ({
  query: listDraftsStatement,
  args: ({ query }) => {
    const before = positionOf(query)
    return { subject_id: query.patientId ?? null, before_at: new Date(before.at), before_id: before.id, row_limit: limitOf(query) + 1 }
  },
  present: (rows, { query }) => {
    const position = (row: Row) => ({ id: row.id as string, at: (row.created_at as Date).getTime() })
    const body = pageOf(rows, limitOf(query), position, (row) => showListedDraft(draftOf(row, fields)))
    return { body, headers: draftHeaders, patientId: query.patientId, patientIds: body.items.map(({ patientId }) => patientId) }
  },
})

/** A draft as it is answered, with its tag. */
const answerOf = (draft: ClinicalDraft) => ({
  body: showDraft(draft),
  etag: draftEtag(draft),
  headers: draftHeaders,
  entityId: draft.id,
  patientId: draft.patientId,
})

export const getDraftService = (fields: FieldCipherPort): Service<typeof getClinicalDraft> => ({
  query: getDraftStatement,
  args: ({ params }) => ({ draft_id: params.draftId }),
  present: ([row]) => {
    if (!row) throw new Refusal('NOT_FOUND')
    return answerOf(draftOf(row, fields))
  },
})

export const listRevisionsService = (fields: FieldCipherPort): Service<typeof listClinicalDraftRevisions> => ({
  query: listRevisionsStatement,
  // A revision's place is its number, which no clock of another instance can put out of order.
  args: ({ params, query }) => ({ draft_id: params.draftId, before_version: positionOf(query).at, row_limit: limitOf(query) + 1 }),
  present: (rows, { params, query }) => {
    const [first] = rows
    if (!first) throw new Refusal('NOT_FOUND')
    const versions = rows.filter(({ version }) => version !== null)
    const position = (row: Row) => ({ id: params.draftId, at: row.version as number })
    const body = pageOf(versions, limitOf(query), position, (row) => showRevision(revisionOf(row, fields)))
    return { body, headers: draftHeaders, patientId: first.patient_id as string }
  },
})

const ownStore = (call: Call, tx: Transaction, fields: FieldCipherPort) =>
  draftStore(tx, fields, { agencyId: call.agencyId, authorId: call.principal.userId })

export const createDraftService = (fields: FieldCipherPort): Service<typeof createClinicalDraft> => ({
  transact: async (call, tx) => {
    const { agencyId, auditId, body, now, principal } = call
    const draft = await createDraft(ownStore(call, tx, fields), { ...body, agencyId, authorId: principal.userId, now, auditId })
    return { ...answerOf(draft), location: draftLocation(draft.id), after: showDraft(draft) }
  },
})

export const editDraftService = (fields: FieldCipherPort): Service<typeof editClinicalDraft> => ({
  transact: async (call, tx) => {
    const { auditId, body, ifMatch, now, params } = call
    const asked = { ...body, draftId: params.draftId, expectedVersion: versionOfEtag(ifMatch), now, auditId }
    const { before, after } = await editDraft(ownStore(call, tx, fields), asked)
    return { ...answerOf(after), before: showDraft(before), after: showDraft(after) }
  },
})

export const discardDraftService = (fields: FieldCipherPort): Service<typeof discardClinicalDraft> => ({
  transact: async (call, tx) => {
    const { auditId, ifMatch, now, params } = call
    const asked = { draftId: params.draftId, expectedVersion: versionOfEtag(ifMatch), now, auditId }
    const { id, patientId, version } = await discardDraft(ownStore(call, tx, fields), asked)
    const kept = { id, version }
    return {
      body: null as never,
      headers: draftHeaders,
      patientId,
      before: { ...kept, status: 'draft' },
      after: { ...kept, status: 'discarded' },
    }
  },
})
