/** What a person is told of a failure: its sentence, or where it has none (several addresses refused at once) its code. */
const sentenceOf = (error: unknown): string => {
  const { message, code } = error as { message?: string; code?: string }
  return message || code || 'It failed.'
}

/**
 * Runs a command and leaves with the code that it returns. What it throws is told in one sentence on standard error, without a stack,
 * and leaves with 2.
 */
export const runCommand = async (command: () => Promise<number>): Promise<void> => {
  try {
    process.exitCode = await command()
  } catch (error) {
    process.stderr.write(`${sentenceOf(error).trimEnd()}\n`)
    process.exitCode = 2
  }
}
