import { invalid, Refusal } from '../shared/refusal.ts'
import { codePoints, isBlank, normalise, textRule } from '../shared/text.ts'

/** Code points of a question, and of the note of a review. */
export const questionLength = { min: 1, max: 4_000 } as const
export const noteLength = { min: 1, max: 2_000 } as const

/** What a human makes of advice. Neither does anything: both are records. */
export const reviewDecisions = ['accepted', 'dismissed'] as const
export type ReviewDecision = (typeof reviewDecisions)[number]

/** Where advice comes from: an endpoint that was configured, or the reference texts alone. */
export const adviceSources = ['upstream', 'retrieval'] as const
export type AdviceSource = (typeof adviceSources)[number]

/** The one who acts in the AI action log. */
export const advisorAgent = 'medical-advisor'

/** Most bytes of advice, in UTF-8. */
export const longestAdvice = 8_192

/** Most passages that a question is answered from. */
export const mostPassages = 5

/** Said with every piece of advice. */
export const disclaimer =
  'Advice for the clinician who asked, not a medical order and not a diagnosis. It may be wrong or incomplete, changes no record and starts ' +
  'no action. Check it, doses above all, against the patient, the sources cited and your local protocols before you rely on it, and record your review.'

/** A passage of the reference texts. */
export interface Passage {
  readonly id: string
  readonly title: string
  readonly text: string
}

/** A passage as the search found it; a higher score is closer. */
export interface Found extends Passage {
  readonly score: number
}

/** Found passages far behind the closest one share a word with the question and no more. */
const closeEnough = 0.35

/** What of the passages found, the closest first, bears on the question. */
export const closest = (found: readonly Found[]): Passage[] =>
  found
    .slice(0, mostPassages)
    .filter(({ score }) => score >= closeEnough * found[0]!.score)
    .map(({ id, title, text }) => ({ id, title, text }))

/** A passage as advice points to it. */
export interface Citation {
  readonly passageId: string
  readonly title: string
  readonly text: string
  /** Which edition of which texts. */
  readonly source: string
}

export interface Review {
  readonly consultationId: string
  readonly decision: ReviewDecision
  readonly note: string | null
  readonly reviewedAt: Date
  /** The user who reviewed: the one who had asked. */
  readonly reviewedBy: string
}

/** A question that a clinician asked, without what was answered. */
export interface Asked {
  readonly id: string
  readonly question: string
  readonly patientId: string | null
  readonly draftId: string | null
  readonly policyVersionId: string
  readonly createdAt: Date
  readonly review: Review | null
}

export interface Consultation extends Asked {
  readonly advice: string
  readonly citations: readonly Citation[]
  readonly source: AdviceSource
}

const checkWritten = (pointer: string, text: string, longest: number): void => {
  if (isBlank(text)) throw invalid(pointer, 'not-blank')
  if (codePoints(text) > longest) throw invalid(pointer, 'maxLength')
}

/**
 * The question as it is asked and kept.
 * @throws Refusal VALIDATION_FAILED where nothing of it can be seen, or it is too long
 */
export const readQuestion = (text: string): string => {
  checkWritten('/question', text, questionLength.max)
  return text
}

/** The note of a review; null where there is none. @throws Refusal VALIDATION_FAILED */
export const readNote = (text: string | undefined): string | null => {
  if (text === undefined) return null
  checkWritten('/note', text, noteLength.max)
  return text
}

const noAdvice = (): Refusal => new Refusal('UPSTREAM_UNAVAILABLE')

/**
 * What a source answered, as the plain text that it must be: line ends and tabs are made plain, everything else that text here may
 * not hold is refused, and so is what is blank or too long. Nothing in it is read as anything but text.
 * @throws Refusal UPSTREAM_UNAVAILABLE: an answer that is none is a source that failed
 */
export const readAdvice = (answer: string): string => {
  const text = normalise(answer.replaceAll(/\r\n?/g, '\n').replaceAll('\t', ' ')).trim()
  if (textRule(text) !== null || isBlank(text) || new TextEncoder().encode(text).byteLength > longestAdvice) throw noAdvice()
  return text
}

const nothingFound =
  'The reference texts hold no passage on this question. Ask in other words, or consult a colleague, your local protocols or your medical director.'

/** Advice out of the reference texts alone: what was found, word for word and with its number among the citations. */
export const adviceFromPassages = (passages: readonly Passage[]): string => {
  if (passages.length === 0) return nothingFound
  const found = passages.map(({ title, text }, index) => `[${index + 1}] ${title}\n${text}`)
  return ['Passages of the reference texts that bear on the question, the closest first:', ...found].join('\n\n')
}

/** Citations come from what was retrieved and from nowhere else: not a word of a source's answer becomes one. */
export const citationsOf = (passages: readonly Passage[], source: string): Citation[] =>
  passages.map(({ id, title, text }) => ({ passageId: id, title, text, source }))
