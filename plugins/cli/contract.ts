import { readFileSync, writeFileSync } from 'node:fs'
import { clauses } from '../../config/clauses.ts'
import { contexts } from '../contexts.ts'
import { ContractBreach } from '../host/contract-check.ts'
import { readDeclarations } from '../host/read-declarations.ts'
import { printContract } from '../host/print-contract.ts'

const committed = new URL('../../CONTRACT.md', import.meta.url)

const read = (): string => {
  try {
    return readFileSync(committed, 'utf8')
  } catch {
    return ''
  }
}

const firstDifference = (one: string, other: string): string => {
  const [lines, others] = [one.split('\n'), other.split('\n')]
  const length = Math.max(lines.length, others.length)
  const at = Array.from({ length }, (_, index) => index).find((index) => lines[index] !== others[index])
  return `line ${(at ?? 0) + 1} of CONTRACT.md`
}

const printed = async () => {
  try {
    return printContract(await readDeclarations(contexts), clauses)
  } catch (error) {
    if (!(error instanceof ContractBreach)) throw error
    return { text: null, failures: [error.message] }
  }
}

const { text, failures } = await printed()
if (text !== null) {
  if (process.argv.includes('--write')) writeFileSync(committed, text)
  process.stdout.write(text)
  if (read() !== text)
    failures.push(`The declarations differ from ${firstDifference(text, read())}. Review the change, then: npm run contract -- --write`)
}
for (const failure of failures) process.stderr.write(`${failure}\n`)
process.exitCode = failures.length > 0 ? 1 : 0
