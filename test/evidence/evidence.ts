import { existsSync, globSync, statSync } from 'node:fs'
import { join } from 'node:path'
import type { Control } from '../../config/controls.ts'
import type { FileResult, TestResults } from './test-results.ts'

/** `stale`: its last run was on other sources. */
export type Verdict = 'passed' | 'failed' | 'missing' | 'not run' | 'stale'

export interface TestEvidence {
  readonly path: string
  readonly verdict: Verdict
  readonly result: FileResult | null
}

export interface ControlEvidence {
  readonly id: string
  readonly says: string
  readonly operator: string | null
  readonly verdict: Verdict
  readonly checks: readonly { readonly name: string; readonly holds: boolean }[]
  readonly tests: readonly TestEvidence[]
}

export interface Known {
  readonly root: string
  readonly results: TestResults
  /** The digest of the sources as they stand. */
  readonly sources: string
  /** Whether a check of the contract holds. */
  readonly holds: (check: string) => boolean
}

/** The test files at a path; none where there are none. */
const filesAt = (root: string, path: string): string[] => {
  if (!existsSync(join(root, path))) return []
  return statSync(join(root, path)).isDirectory() ? globSync(`${path}/**/*.test.ts`, { cwd: root }).sort() : [path]
}

const evidenceOfFile = (path: string, { results, sources }: Known): TestEvidence => {
  const result = Object.hasOwn(results, path) ? results[path]! : null
  if (result === null) return { path, verdict: 'not run', result }
  if (result.failed > 0 || result.passed === 0) return { path, verdict: 'failed', result }
  return { path, verdict: result.sources === sources ? 'passed' : 'stale', result }
}

const worstFirst: readonly Verdict[] = ['missing', 'failed', 'not run', 'stale', 'passed']

/** What holds a control, and how it went: a control is worth as much as the worst of its tests. */
export const evidenceOf = ({ id, says, tests, checks = [], operator }: Control, known: Known): ControlEvidence => {
  const ofTests = tests.flatMap((path): TestEvidence[] => {
    const files = filesAt(known.root, path)
    return files.length === 0 ? [{ path, verdict: 'missing', result: null }] : files.map((file) => evidenceOfFile(file, known))
  })
  const ofChecks = checks.map((name) => ({ name, holds: known.holds(name) }))
  const verdicts: Verdict[] = [
    ...ofTests.map(({ verdict }) => verdict),
    ...(ofChecks.some(({ holds }) => !holds) ? (['failed'] as const) : []),
  ]
  const verdict = ofTests.length === 0 ? 'missing' : worstFirst.find((one) => verdicts.includes(one))!
  return { id, says, operator: operator ?? null, verdict, checks: ofChecks, tests: ofTests }
}
