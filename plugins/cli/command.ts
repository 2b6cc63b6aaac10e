import { sentenceOf } from '../host/sentence-of.ts'

/**
 * Runs a command and leaves with the code that it returns. What it throws is told in one sentence on standard error, without a stack,
 * and leaves with 2.
 */
export const runCommand = async (command: () => Promise<number>): Promise<void> => {
  try {
    process.exitCode = await command()
  } catch (error) {
    process.stderr.write(`${sentenceOf(error)}\n`)
    process.exitCode = 2
  }
}
