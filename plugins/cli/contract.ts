import { readFileSync, writeFileSync } from 'node:fs'
import { clauses } from '../../config/clauses.ts'
import { contract } from '../../config/contract.ts'
import { contexts } from '../contexts.ts'
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
  const lines = other.split('\n')
  const at = one.split('\n').findIndex((line, index) => line !== lines[index])
  return `line ${at + 1} of CONTRACT.md`
}

const { text, failures } = printContract(await readDeclarations(contexts), contract, clauses)
if (process.argv.includes('--write')) writeFileSync(committed, text)
process.stdout.write(text)
for (const failure of failures) process.stderr.write(`${failure}\n`)
const differs = read() !== text
if (differs) process.stderr.write(`The declarations differ from ${firstDifference(text, read())}. Review the change, then: npm run contract -- --write\n`)
process.exitCode = failures.length > 0 || differs ? 1 : 0
