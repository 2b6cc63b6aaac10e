import { invalid } from '../shared/refusal.ts'
import { codePoints, isBlank } from '../shared/text.ts'

/** Lengths in Unicode code points after normalization (not in UTF-16 units: an emoji counts 1, as JSON Schema counts it too). */
export const subjectLength = { min: 1, max: 200 } as const
export const bodyLength = { min: 1, max: 4000 } as const

/** A patient's conversation. Nobody but the patient writes to it. @see 02B, Explicitly Forbidden */
export interface Conversation {
  readonly id: string
  readonly agencyId: string
  readonly patientId: string
  readonly subject: string
  readonly createdAt: Date
  readonly createdBy: string
}

export interface Message {
  readonly id: string
  readonly conversationId: string
  readonly agencyId: string
  readonly patientId: string
  readonly senderId: string
  readonly body: string
  readonly createdAt: Date
}

const check = (text: string, { max }: { max: number }, pointer: string): string => {
  if (isBlank(text)) throw invalid(pointer, 'not-blank')
  // Code points are never more than UTF-16 units: counting is needed only beyond.
  if (text.length > max && codePoints(text) > max) throw invalid(pointer, 'maxLength')
  return text
}

/** @throws Refusal VALIDATION_FAILED at `/subject` where it is blank or longer than 200 */
export const checkSubject = (subject: string): string => check(subject, subjectLength, '/subject')

/** @throws Refusal VALIDATION_FAILED at `/body` where it is blank or longer than 4000 */
export const checkBody = (body: string): string => check(body, bodyLength, '/body')
