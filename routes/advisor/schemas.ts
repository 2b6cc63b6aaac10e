import { type Static, Type } from '@sinclair/typebox'
import { longestAdvice, mostPassages, noteLength, questionLength, reviewDecisions } from '../../domain/advisor/index.ts'
import { cursorList, cursorQuery } from '../shared/paging.ts'
import { id, instantOut, oneOf, strict, writtenText } from '../shared/schemas.ts'

const consultationId = id('The consultation')
const idOrNull = (description: string) => Type.Unsafe<string | null>({ type: ['string', 'null'], format: 'uuid', description })

export const consultationParams = strict({ consultationId })

export const pageQuery = strict(cursorQuery)

export const askBody = strict({
  question: writtenText(questionLength, 'What is asked, as plain text.'),
  patientId: Type.Optional(id('The patient whom the question concerns; consent of the scope `advisor` is needed')),
  draftId: Type.Optional(
    id(
      'The caller’s own clinical draft that the question is about; it implies its patient and needs consent of the scope `clinical-documentation` too. ' +
        'Its text is not read: the advisor is told the question alone',
    ),
  ),
})

export const reviewBody = strict({
  decision: oneOf(reviewDecisions, 'What the clinician makes of the advice'),
  note: Type.Optional(writtenText(noteLength, 'Why.')),
})

export const citationSchema = strict({
  passageId: Type.String({ description: 'The passage of the reference texts' }),
  title: Type.String({ description: 'Its title' }),
  text: Type.String({ description: 'The passage, word for word' }),
  source: Type.String({ description: 'Which edition of which texts' }),
})

export const reviewSchema = strict({
  consultationId,
  decision: oneOf(reviewDecisions, 'What the clinician makes of the advice'),
  note: Type.Unsafe<string | null>({ type: ['string', 'null'], description: 'Why' }),
  reviewedAt: instantOut('When it was reviewed'),
  reviewedBy: Type.String({ description: 'The user who reviewed it' }),
})

const reviewOrNull = Type.Union([reviewSchema, Type.Null()], { description: 'The human’s review; null until there is one' })

/** What every answer of the advisor says of itself. There is no field in which an action could stand. */
const advised = {
  id: consultationId,
  advice: Type.String({ description: `Plain text, at most ${longestAdvice} bytes. Show it as text, never as markup` }),
  citations: Type.Array(citationSchema, {
    maxItems: mostPassages,
    description: 'Retrieved passages that the advice rests on, in the order of [1], [2], …',
  }),
  advisory: Type.Literal(true, { description: 'It advises and does nothing' }),
  requiresReview: Type.Literal(true, { description: 'A human reviews it, always' }),
  policyVersionId: Type.String({ description: 'The version of the policy under which it was given' }),
  disclaimer: Type.String({ description: 'Show it with the advice, word for word' }),
} as const

const about = {
  question: Type.String({ description: 'What was asked' }),
  patientId: idOrNull('The patient whom it concerns'),
  draftId: idOrNull('The draft that it is about'),
  createdAt: instantOut('When it was asked'),
  review: reviewOrNull,
} as const

export const adviceSchema = strict(advised)
export const consultationSchema = strict({ ...advised, ...about })

/** A line of the list: what was asked and what became of it; the advice itself is read by its id. */
export const consultationLineSchema = strict({
  id: consultationId,
  ...about,
  advisory: advised.advisory,
  requiresReview: advised.requiresReview,
  policyVersionId: advised.policyVersionId,
})
export const consultationListSchema = cursorList(consultationLineSchema)

export type AdviceWire = Static<typeof adviceSchema>
export type ConsultationWire = Static<typeof consultationSchema>
export type ConsultationLineWire = Static<typeof consultationLineSchema>
export type ReviewWire = Static<typeof reviewSchema>
