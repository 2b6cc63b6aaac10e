import {
  adviceFromPassages,
  advisorAgent,
  citationsOf,
  closest,
  type Found,
  mostPassages,
  type Passage,
  readAdvice,
  readNote,
  readQuestion,
} from '../../../domain/advisor/index.ts'
import { newId } from '../../../domain/shared/ids.ts'
import { pageOf } from '../../../domain/shared/page.ts'
import { Refusal } from '../../../domain/shared/refusal.ts'
import { limitOf, positionOf } from '../../../routes/shared/paging.ts'
import {
  consultationLocation, type createConsultation, type getConsultation, type listConsultations, type reviewConsultation, showAdvice,
  showConsultation, showConsultationLine, showReview,
} from '../../../routes/advisor/index.ts' // prettier-ignore
import type { AdvicePort, AdviseService, FieldCipherPort, Service } from '../../host/define-context.ts'
import { askedOf, consultationOf, consultationRow, insertConsultation, insertReview, reviewRow } from './advisor.rows.ts'
import { findPassages, getConsultationStatement, listConsultationsStatement } from './advisor.statements.ts'
import { editionName } from './passages/index.ts'

/** Reads the passages that bear on the question, asks the source outside every transaction, and keeps what it said. */
export const createConsultationService = (
  fields: FieldCipherPort,
  advice: AdvicePort,
): AdviseService<typeof createConsultation, Passage[], string> => ({
  agent: { agentId: advisorAgent, policyVersionId: advice.policyVersionId },
  admit({ body }) {
    const concernsPatient = body.patientId !== undefined || body.draftId !== undefined
    if (concernsPatient && !advice.mayConcernPatients) throw new Refusal('FORBIDDEN')
    readQuestion(body.question)
  },
  read: async ({ body }, tx) => closest(await tx.sql<Found>(findPassages, [body.question, mostPassages])),
  consult: async ({ body }, passages) =>
    advice.ask === null ? adviceFromPassages(passages) : readAdvice(await advice.ask(body.question, passages)),
  async store({ agencyId, auditId, body, now, principal }, tx, { read: passages, advice: text, patientId }) {
    const made = {
      id: newId(now.getTime()),
      question: body.question,
      patientId,
      draftId: body.draftId ?? null,
      advice: text,
      citations: citationsOf(passages, editionName),
      source: advice.ask === null ? ('retrieval' as const) : ('upstream' as const),
      policyVersionId: advice.policyVersionId,
      createdAt: now,
    }
    await tx.sql(insertConsultation, consultationRow(made, { agencyId, authorId: principal.userId, auditId }, fields))
    const shown = showAdvice(made)
    return { body: shown, location: consultationLocation(made.id), entityId: made.id, patientId: patientId ?? undefined, after: shown }
  },
})

export const listConsultationsService = (fields: FieldCipherPort): Service<typeof listConsultations> => ({
  query: listConsultationsStatement,
  args({ query }) {
    const before = positionOf(query)
    return { before_at: new Date(before.at), before_id: before.id, row_limit: limitOf(query) + 1 }
  },
  present(rows, { query }) {
    const asked = rows.map((row) => askedOf(row, fields))
    const body = pageOf(asked, limitOf(query), ({ id, createdAt }) => ({ id, at: createdAt.getTime() }), showConsultationLine)
    return { body, patientIds: body.items.flatMap(({ patientId }) => patientId ?? []) }
  },
})

export const getConsultationService = (fields: FieldCipherPort): Service<typeof getConsultation> => ({
  query: getConsultationStatement,
  args: ({ params }) => ({ consultation_id: params.consultationId }),
  present([row]) {
    if (!row) throw new Refusal('NOT_FOUND')
    if (row['documented'] !== true) throw new Refusal('CONSENT_REQUIRED')
    const consultation = consultationOf(row, fields)
    return { body: showConsultation(consultation), patientId: consultation.patientId ?? undefined }
  },
})

export const reviewConsultationService = (fields: FieldCipherPort): Service<typeof reviewConsultation> => ({
  async transact({ agencyId, auditId, body, now, params, principal }, tx) {
    const review = {
      consultationId: params.consultationId,
      decision: body.decision,
      note: readNote(body.note),
      reviewedAt: now,
      reviewedBy: principal.userId,
    }
    const stored = await tx.sql(insertReview, reviewRow(review, { agencyId, authorId: principal.userId, auditId }, fields))
    if (stored.length === 0) throw new Refusal('CONFLICT', 'duplicate')
    const shown = showReview(review)
    return { body: shown, entityId: params.consultationId, after: shown }
  },
})
