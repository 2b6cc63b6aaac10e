/** What a person is told of a failure that ends a process: its sentence, or where it has none (several addresses refused at once) its code. */
export const sentenceOf = (error: unknown): string => {
  const { message, code } = error as { message?: string; code?: string }
  return (message || code || 'It failed.').trimEnd()
}
