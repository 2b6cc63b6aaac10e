import { type Asked, type Consultation, disclaimer, type Review } from '../../domain/advisor/index.ts'
import { showInstant } from '../../domain/shared/instant.ts'
import type { AdviceWire, ConsultationLineWire, ConsultationWire, ReviewWire } from './schemas.ts'

export const showReview = ({ reviewedAt, ...review }: Review): ReviewWire => ({ ...review, reviewedAt: showInstant(reviewedAt) })

/** The answer to a question. */
export const showAdvice = ({ id, advice, citations, policyVersionId }: Omit<Consultation, 'review'>): AdviceWire => ({
  id,
  advice,
  citations: [...citations],
  advisory: true,
  requiresReview: true,
  policyVersionId,
  disclaimer,
})

const about = ({ question, patientId, draftId, createdAt, review }: Asked) => ({
  question,
  patientId,
  draftId,
  createdAt: showInstant(createdAt),
  review: review && showReview(review),
})

export const showConsultation = (consultation: Consultation): ConsultationWire => ({
  ...showAdvice(consultation),
  ...about(consultation),
})

export const showConsultationLine = (asked: Asked): ConsultationLineWire => ({
  id: asked.id,
  ...about(asked),
  advisory: true,
  requiresReview: true,
  policyVersionId: asked.policyVersionId,
})

/** Where a consultation is read. */
export const consultationLocation = (consultationId: string): string => `/api/advisor/consultations/${consultationId}`
