import { invalid } from '../shared/refusal.ts'
import { codePoints } from '../shared/text.ts'

/** White space and what cannot be seen at all; U+2800 only looks like a space. */
const gaps = /[\p{White_Space}\p{Default_Ignorable_Code_Point}\u2800]+/gu

/**
 * A reason that somebody is to read is as long as it must be in what can be read of it: runs of white space count as one.
 * @throws Refusal VALIDATION_FAILED
 * @see FR-015, Screen 4, Required Reason
 */
export const checkReason = (reason: string, { min }: { readonly min: number }): void => {
  if (codePoints(reason.replaceAll(gaps, ' ').trim()) < min) throw invalid('/reason', 'minLength')
}
