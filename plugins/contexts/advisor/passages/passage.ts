/** One reference text: short enough to be read whole, and about one thing. */
export interface ReferencePassage {
  readonly id: string
  readonly title: string
  /** Other words under which it is looked for. */
  readonly keywords: string
  readonly text: string
}

/** A passage whose lines are joined by spaces. */
export const passage = (id: string, title: string, keywords: string, ...lines: readonly string[]): ReferencePassage => ({
  id,
  title,
  keywords,
  text: lines.join(' '),
})
