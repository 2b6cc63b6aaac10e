/**
 * `npm run evidence [-- --out FOLDER] [--results FILE]`: which control is held by which tests, and how they went last. Leaves
 * evidence.md and evidence.json, and leaves with 1 where a test is missing or failed. It runs no test: `npm test` does.
 */
import { spawnSync } from 'node:child_process'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { clauses } from '../../config/clauses.ts'
import { controls } from '../../config/controls.ts'
import { contexts } from '../../plugins/contexts.ts'
import { contractChecks } from '../../plugins/host/contract-checks.ts'
import { readDeclarations } from '../../plugins/host/read-declarations.ts'
import { evidenceOf } from './evidence.ts'
import { markdownOf, tallyOf, type Report } from './report.ts'
import { digestSources, readResults, resultsFile } from './test-results.ts'

const root = resolve(import.meta.dirname, '../..')

const git = (...args: string[]): string | null => {
  const { status, stdout } = spawnSync('git', args, { cwd: root, encoding: 'utf8', timeout: 10_000 })
  return status === 0 ? stdout.trim() : null
}

const commitOf = (): string | null => {
  const commit = git('rev-parse', 'HEAD')
  return commit && git('status', '--porcelain', '--untracked-files=no') !== '' ? `${commit}, with changes that are not in it` : commit
}

const reportOf = async (results: string): Promise<Report> => {
  const { name, version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { name: string; version: string }
  const declared = await readDeclarations(contexts)
  const sources = digestSources(root)
  const known = { root, sources, results: readResults(results), holds: (check: string) => contractChecks[check]?.(declared) === true }
  const shown = [...controls, ...clauses].map((control) => evidenceOf(control, known))
  return { product: name, version, writtenAt: new Date().toISOString(), commit: commitOf(), sources, controls: shown }
}

const { values } = parseArgs({
  options: {
    out: { type: 'string', default: join(root, '.data/evidence') },
    results: { type: 'string', default: join(root, resultsFile) },
  },
})
const report = await reportOf(values.results)
mkdirSync(values.out, { recursive: true })
writeFileSync(join(values.out, 'evidence.md'), markdownOf(report))
writeFileSync(join(values.out, 'evidence.json'), `${JSON.stringify(report, null, 2)}\n`)
const tally = tallyOf(report)
for (const { id, verdict, tests, checks } of report.controls) {
  if (verdict !== 'missing' && verdict !== 'failed') continue
  const guilty = [
    ...tests.filter((test) => test.verdict === verdict).map(({ path }) => path),
    ...checks.filter(({ holds }) => !holds).map(({ name }) => name),
  ]
  process.stdout.write(`${verdict}: ${id} (${guilty.join(', ')})\n`)
}
process.stdout.write(`${Object.entries(tally).map(([verdict, count]) => `${count} ${verdict}`).join(', ')}. The report is in ${resolve(values.out)}.\n`) // prettier-ignore
process.exitCode = tally.missing + tally.failed > 0 ? 1 : 0
