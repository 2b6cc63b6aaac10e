import type { ControlEvidence, TestEvidence, Verdict } from './evidence.ts'

export interface Report {
  readonly product: string
  readonly version: string
  /** RFC 3339. */
  readonly writtenAt: string
  /** Commit of the sources, where there is a repository, and whether they differ from it. */
  readonly commit: string | null
  readonly sources: string
  readonly controls: readonly ControlEvidence[]
}

const verdicts: readonly Verdict[] = ['passed', 'stale', 'not run', 'failed', 'missing']

/** How many controls came to which verdict. */
export const tallyOf = ({ controls }: Report): Record<Verdict, number> =>
  Object.fromEntries(verdicts.map((verdict) => [verdict, controls.filter((control) => control.verdict === verdict).length])) as Record<
    Verdict,
    number
  >

const cell = (text: string): string => text.replaceAll('|', '\\|')
const table = (head: readonly string[], rows: readonly (readonly string[])[]): string =>
  [head, head.map(() => '---'), ...rows.map((row) => row.map(cell))].map((row) => `| ${row.join(' | ')} |`).join('\n')

const testLine = ({ path, verdict, result }: TestEvidence): string => {
  if (!result) return `${path}: ${verdict}`
  const skipped = result.skipped ? `${result.skipped} skipped, ` : ''
  return `${path}: ${verdict} (${result.passed} passed, ${result.failed} failed, ${skipped}${result.at})`
}

const rowOf = ({ id, says, verdict, checks, tests, operator }: ControlEvidence): string[] => [
  id,
  says,
  verdict,
  [...tests.map(testLine), ...checks.map(({ name, holds }) => `contract check ${name}: ${holds ? 'holds' : 'BROKEN'}`)].join('<br>'),
  operator ?? '',
]

const meanings = [
  'passed: every test of the control passed, in its last run, on these sources',
  'stale: its last run passed, and was on other sources',
  'not run: there is no result of at least one of its tests',
  'failed: a test failed, passed nothing, or a check of the contract is broken',
  'missing: a test that is named does not exist',
]

/** The report as an auditor reads it. */
export const markdownOf = (report: Report): string => {
  const tally = tallyOf(report)
  return `${[
    `# Evidence: ${report.product} ${report.version}`,
    `Written ${report.writtenAt}. Sources ${report.sources}, ${report.commit === null ? 'of no known commit' : `commit ${report.commit}`}.`,
    verdicts.map((verdict) => `${tally[verdict]} ${verdict}`).join(', '),
    meanings.map((meaning) => `- ${meaning}`).join('\n'),
    table(['control', 'says', 'result', 'held by', 'left to the operator'], report.controls.map(rowOf)),
    'What a test shows is that this software behaves so, on the machine of the test. Where it runs, the last column begins.',
  ].join('\n\n')}\n`
}
