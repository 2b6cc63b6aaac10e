import { acute } from './acute.ts'
import { breathing } from './breathing.ts'
import { cardiac } from './cardiac.ts'
import { care } from './care.ts'
import type { ReferencePassage } from './passage.ts'
import { trauma } from './trauma.ts'

export type { ReferencePassage } from './passage.ts'

/**
 * The edition of the texts. Whoever changes a word of them gives it a new one: it names the step that loads them, and stands in every
 * citation. A test holds the words against it.
 */
export const edition = '2026-11-2'

/** What citations name as their source. */
export const editionName = `Postern reference texts, edition ${edition}`

/**
 * Short reference texts of our own, under the licence of the project. They state what is widely taught, for orientation: local
 * protocols and the clinician's judgement go before them.
 */
export const passages: readonly ReferencePassage[] = [...cardiac, ...breathing, ...acute, ...trauma, ...care]
