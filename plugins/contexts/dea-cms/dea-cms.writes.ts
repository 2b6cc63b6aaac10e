import {
  addNote, checkEnrollment, checkRegistrant, createRecord, type CmsMetadata, type DeaMetadata, type Kept, readinessOf, removeRecord,
  replaceRecord,
} from '../../../domain/dea-cms/index.ts' // prettier-ignore
import { dayOf } from '../../../domain/shared/calendar-day.ts'
import {
  type addCmsComplianceNote, type addDeaComplianceNote, cmsEtag, cmsLocation, contentOfCms, contentOfDea, type createCmsMetadata,
  type createDeaMetadata, deaEtag, deaLocation, type deleteCmsMetadata, type deleteDeaMetadata, type replaceCmsMetadata,
  type replaceDeaMetadata,
  showCms, showDea, showNote, versionOfEtag,
} from '../../../routes/dea-cms/index.ts' // prettier-ignore
import type { Call, FieldCipherPort, Service } from '../../host/define-context.ts'
import { cmsStore, deaStore } from './dea-cms.store.ts'

const changeOf = ({ now, auditId }: Call) => ({ now, auditId })
const notedOf = (call: Call, body: { readonly metadataId: string; readonly note: string }) => ({
  ...body,
  authorId: call.principal.userId,
  ...changeOf(call),
})
const removalOf = (call: Call, id: string) => ({
  id,
  expectedVersion: versionOfEtag(call.ifMatch),
  by: call.principal.userId,
  ...changeOf(call),
})

/** What the audit keeps of a removal: which record it was, and all that it said. */
const removed = <R>(record: R) => ({ body: null as never, before: record, after: { deleted: true } })

const deaAnswer = (record: DeaMetadata, notes: Parameters<typeof showDea>[1]) => ({
  body: showDea(record, notes),
  etag: deaEtag(record),
  entityId: record.id,
})

export const createDeaService = (fields: FieldCipherPort): Service<typeof createDeaMetadata> => ({
  transact: async (call, tx) => {
    const { agencyId, body } = call
    const content = checkRegistrant(contentOfDea(body))
    const kept = await createRecord(deaStore(tx, fields, agencyId), { agencyId, content, ...changeOf(call) })
    const answer = deaAnswer({ ...kept, expirationReminderSent: false }, [])
    return { ...answer, location: deaLocation(kept.id), after: answer.body }
  },
})

export const replaceDeaService = (fields: FieldCipherPort): Service<typeof replaceDeaMetadata> => ({
  transact: async (call, tx) => {
    const { agencyId, body, ifMatch, params } = call
    const store = deaStore(tx, fields, agencyId)
    const asked = { id: params.metadataId, expectedVersion: versionOfEtag(ifMatch), content: checkRegistrant(contentOfDea(body)) }
    const { before, after } = await replaceRecord(store, { ...asked, ...changeOf(call) })
    const sameDate = before.content.expirationDate === after.content.expirationDate
    const notes = await store.notes(after.id)
    const answer = deaAnswer({ ...after, expirationReminderSent: before.expirationReminderSent && sameDate }, notes)
    return { ...answer, before: showDea(before, notes), after: answer.body }
  },
})

export const deleteDeaService = (fields: FieldCipherPort): Service<typeof deleteDeaMetadata> => ({
  transact: async (call, tx) => {
    const record = await removeRecord(deaStore(tx, fields, call.agencyId), removalOf(call, call.params.metadataId))
    return removed(showDea(record, []))
  },
})

export const addDeaNoteService = (fields: FieldCipherPort): Service<typeof addDeaComplianceNote> => ({
  transact: async (call, tx) => {
    const note = showNote(await addNote(deaStore(tx, fields, call.agencyId), notedOf(call, call.body)))
    return { body: note, location: deaLocation(note.metadataId), entityId: note.metadataId, after: note }
  },
})

const cmsAnswer = (record: CmsMetadata, notes: Parameters<typeof showCms>[1], now: Date) => ({
  body: showCms(record, notes, now),
  etag: cmsEtag(record, readinessOf(record.content, dayOf(now.getTime()))),
  entityId: record.id,
})

export const createCmsService = (fields: FieldCipherPort): Service<typeof createCmsMetadata> => ({
  transact: async (call, tx) => {
    const { agencyId, body, now } = call
    const content = checkEnrollment(contentOfCms(body))
    const kept: Kept<typeof content> = await createRecord(cmsStore(tx, fields, agencyId), { agencyId, content, ...changeOf(call) })
    const answer = cmsAnswer(kept, [], now)
    return { ...answer, location: cmsLocation(kept.id), after: answer.body }
  },
})

export const replaceCmsService = (fields: FieldCipherPort): Service<typeof replaceCmsMetadata> => ({
  transact: async (call, tx) => {
    const { agencyId, body, ifMatch, now, params } = call
    const store = cmsStore(tx, fields, agencyId)
    const asked = { id: params.metadataId, expectedVersion: versionOfEtag(ifMatch), content: checkEnrollment(contentOfCms(body)) }
    const { before, after } = await replaceRecord(store, { ...asked, ...changeOf(call) })
    const notes = await store.notes(after.id)
    const answer = cmsAnswer(after, notes, now)
    return { ...answer, before: showCms(before, notes, now), after: answer.body }
  },
})

export const deleteCmsService = (fields: FieldCipherPort): Service<typeof deleteCmsMetadata> => ({
  transact: async (call, tx) => {
    const record = await removeRecord(cmsStore(tx, fields, call.agencyId), removalOf(call, call.params.metadataId))
    return removed(showCms(record, [], call.now))
  },
})

export const addCmsNoteService = (fields: FieldCipherPort): Service<typeof addCmsComplianceNote> => ({
  transact: async (call, tx) => {
    const note = showNote(await addNote(cmsStore(tx, fields, call.agencyId), notedOf(call, call.body)))
    return { body: note, location: cmsLocation(note.metadataId), entityId: note.metadataId, after: note }
  },
})
