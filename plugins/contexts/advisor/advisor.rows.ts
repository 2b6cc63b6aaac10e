import type { AdviceSource, Asked, Citation, Consultation, Review, ReviewDecision } from '../../../domain/advisor/index.ts'
import type { FieldCipherPort } from '../../host/define-context.ts'

type Row = Record<string, unknown>
type Sealed = 'question' | 'advice' | 'citations'

const place = (column: Sealed, agencyId: string, rowId: string) => ({ table: 'advisor_consultation', column, agencyId, rowId })
const notePlace = (agencyId: string, rowId: string) => ({ table: 'advisor_review', column: 'note', agencyId, rowId })

const reviewOf = (row: Row, fields: FieldCipherPort): Review | null => {
  if (row['decision'] === null) return null
  const [agencyId, consultationId] = [row['agency_id'] as string, row['id'] as string]
  return {
    consultationId,
    decision: row['decision'] as ReviewDecision,
    note: row['note'] === null ? null : fields.open(row['note'] as Buffer, notePlace(agencyId, consultationId)),
    reviewedAt: row['reviewed_at'] as Date,
    reviewedBy: row['reviewed_by'] as string,
  }
}

const opened = (row: Row, column: Sealed, fields: FieldCipherPort): string =>
  fields.open(row[column] as Buffer, place(column, row['agency_id'] as string, row['id'] as string))

/** A row of the compiled reads as the domain knows it. */
export const askedOf = (row: Row, fields: FieldCipherPort): Asked => ({
  id: row['id'] as string,
  question: opened(row, 'question', fields),
  patientId: row['patient_id'] as string | null,
  draftId: row['draft_id'] as string | null,
  policyVersionId: row['policy_version_id'] as string,
  createdAt: row['created_at'] as Date,
  review: reviewOf(row, fields),
})

export const consultationOf = (row: Row, fields: FieldCipherPort): Consultation => ({
  ...askedOf(row, fields),
  advice: opened(row, 'advice', fields),
  citations: JSON.parse(opened(row, 'citations', fields)) as Citation[],
  source: row['source'] as AdviceSource,
})

interface Whose {
  readonly agencyId: string
  readonly authorId: string
  readonly auditId: string
}

export const insertConsultation = `
  insert into advisor_consultation
    (agency_id, id, author_id, patient_id, draft_id, question, advice, citations, source, policy_version_id, created_at, audit_id)
  values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)`

/** The parameters of `insertConsultation`, sealed. */
export const consultationRow = (made: Omit<Consultation, 'review'>, { agencyId, authorId, auditId }: Whose, fields: FieldCipherPort) => {
  const seal = (column: Sealed, text: string): Buffer => fields.seal(text, place(column, agencyId, made.id))
  return [
    agencyId, made.id, authorId, made.patientId, made.draftId, seal('question', made.question), seal('advice', made.advice),
    seal('citations', JSON.stringify(made.citations)), made.source, made.policyVersionId, made.createdAt, auditId,
  ] // prettier-ignore
}

export const insertReview = `
  insert into advisor_review (agency_id, consultation_id, author_id, decision, note, reviewed_at, audit_id)
  values ($1, $2, $3, $4, $5, $6, $7)
  on conflict do nothing
  returning consultation_id`

/** The parameters of `insertReview`, its note sealed. */
export const reviewRow = (review: Review, { agencyId, authorId, auditId }: Whose, fields: FieldCipherPort) => [
  agencyId,
  review.consultationId,
  authorId,
  review.decision,
  review.note === null ? null : fields.seal(review.note, notePlace(agencyId, review.consultationId)),
  review.reviewedAt,
  auditId,
]
