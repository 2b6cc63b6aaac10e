import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { clauses } from '../../config/clauses.ts'
import { controls, type Control } from '../../config/controls.ts'
import { contractChecks } from '../../plugins/host/contract-checks.ts'
import { evidenceOf } from '../evidence/evidence.ts'
import { markdownOf, tallyOf, type Report } from '../evidence/report.ts'
import { addResults, digestSources, readResults, type TestResults } from '../evidence/test-results.ts'
import { projectRoot, runScript } from './service-process.ts'

/** By hand, from the law and the documents: what must be held by something. */
const demanded = [
  ...['(a)(1)', '(a)(2)(i)', '(a)(2)(ii)', '(a)(2)(iii)', '(a)(2)(iv)', '(b)', '(c)(1)', '(c)(2)', '(d)', '(e)(1)', '(e)(2)(i)', '(e)(2)(ii)'].map((one) => `45 CFR 164.312 ${one}`),
  ...['1: agency column', '1: context', '1: founder', '2: request flow', '2: deny by default', '2: request log', '3: guardrails'].map((one) => `FusionEMS part 4, layer ${one}`),
  ...['3', '3.1', '4', '5', '6', '6.1', '6.2', '6.3', '6.4', '7', '8'].map((one) => `MIG-03 §${one}`),
  ...['Core Principle', 'Allowed Operations', 'Explicitly Forbidden', 'Feature Flags', 'Identity & Authorization', 'Validation', 'Idempotency', 'Rate Limiting', 'Audit', 'Logging', 'Error Contracts', 'Patient Portal Integration Rules', 'Completion Criteria'].map((one) => `02B, ${one}`),
] // prettier-ignore

t.test('every control is there, once, and held by tests that exist', async (t) => {
  const all: readonly Control[] = [...controls, ...clauses]
  const ids = all.map(({ id }) => id)
  t.equal(new Set(ids).size, ids.length)
  t.same(
    demanded.filter((id) => !ids.includes(id)),
    [],
  )
  const known = { root: projectRoot, results: {}, sources: '', holds: (name: string) => Object.hasOwn(contractChecks, name) }
  for (const control of all) {
    const { verdict, tests, checks } = evidenceOf(control, known)
    t.equal(verdict, 'not run', `${control.id}: ${tests.flatMap((one) => (one.verdict === 'missing' ? one.path : [])).join()}`)
    t.ok(
      checks.every(({ holds }) => holds),
      `${control.id}: its checks exist`,
    )
  }
})

const results = (sources: string): TestResults => ({
  'a/good.test.ts': { passed: 3, failed: 0, milliseconds: 1, at: '2026-11-01T00:00:00Z', sources },
  'a/bad.test.ts': { passed: 3, failed: 1, milliseconds: 1, at: '2026-11-01T00:00:00Z', sources },
  'b/empty.test.ts': { passed: 0, failed: 0, milliseconds: 1, at: '2026-11-01T00:00:00Z', sources },
})

t.test('a control is worth as much as the worst of its tests, and says so', async (t) => {
  const root = t.testdir({ a: { 'good.test.ts': '', 'bad.test.ts': '' }, b: { 'empty.test.ts': '', 'new.test.ts': '' }, c: {} })
  const verdictOf = (tests: string[], sources = 'now', checks: string[] = []) =>
    evidenceOf({ id: 'x', says: 'y', tests, checks }, { root, results: results(sources), sources: 'now', holds: (name) => name === 'true' })
      .verdict
  t.equal(verdictOf(['a/good.test.ts']), 'passed')
  t.equal(verdictOf(['a/good.test.ts'], 'now', ['true']), 'passed')
  t.equal(verdictOf(['a/good.test.ts'], 'now', ['true', 'false']), 'failed', 'a broken check')
  t.equal(verdictOf(['a/good.test.ts'], 'before'), 'stale', 'a result of other sources is none of these')
  t.equal(verdictOf(['a']), 'failed', 'a folder is all of its files')
  t.equal(verdictOf(['a/bad.test.ts'], 'before'), 'failed')
  t.equal(verdictOf(['b/empty.test.ts']), 'failed', 'what asserts nothing holds nothing')
  t.equal(verdictOf(['a/good.test.ts', 'b/new.test.ts']), 'not run')
  t.equal(verdictOf(['a/good.test.ts', 'b/gone.test.ts']), 'missing')
  t.equal(verdictOf(['c']), 'missing', 'an empty folder')
  t.equal(verdictOf([]), 'missing')
})

t.test('results of a run are added to what is known; sources are known by all that they hold', async (t) => {
  const root = t.testdir({ config: { 'a.ts': 'one' }, 'package.json': '{}', other: { 'x.ts': '' } })
  const path = join(root, '.cache/results.json')
  t.same(readResults(path), {})
  addResults(path, results('then'))
  const later = { 'a/bad.test.ts': { passed: 4, failed: 0, milliseconds: 2, at: '2026-11-02T00:00:00Z', sources: 'now' } }
  addResults(path, later)
  t.same(readResults(path), { ...results('then'), ...later })
  writeFileSync(path, '{"files":')
  t.same(readResults(path), {}, 'what cannot be read is not known')

  const before = digestSources(root)
  t.equal(digestSources(root), before)
  writeFileSync(join(root, 'other/x.ts'), 'changed')
  t.equal(digestSources(root), before)
  let last = before
  for (const path of ['config/a.ts', 'CONTRACT.md', '.env.example', '.dockerignore']) {
    writeFileSync(join(root, path), 'two')
    const now = digestSources(root)
    t.not(now, last, path)
    last = now
  }
})

t.test('the report says everything in both forms, and the command leaves with 1 where something is wrong', async (t) => {
  const folder = t.testdir({})
  const run = async (known: TestResults) => {
    const file = join(folder, 'results.json')
    writeFileSync(file, JSON.stringify({ files: known }))
    const { code, out } = await runScript('evidence', ['--out', join(folder, 'out'), '--results', file])
    const report = JSON.parse(readFileSync(join(folder, 'out/evidence.json'), 'utf8')) as Report
    return { code, out, report, text: readFileSync(join(folder, 'out/evidence.md'), 'utf8') }
  }
  const gateway = { passed: 9, failed: 0, milliseconds: 1, at: '2026-11-01T00:00:00Z', sources: digestSources(projectRoot) }
  const none = await run({ 'test/host/agency-scope.test.ts': gateway })
  // That every check of the contract holds is another test's promise.
  const broken = none.report.controls.filter(({ checks }) => checks.some(({ holds }) => !holds)).length
  const tally = tallyOf(none.report)
  t.equal(none.code, broken > 0 ? 1 : 0, 'nothing else is wrong, though little is proved')
  // Somebody may have changed a source since.
  const verdict = none.report.sources === gateway.sources ? 'passed' : 'stale'
  t.same([tally.missing, tally.failed, tally[verdict]], [0, broken, 1])
  t.equal(tally['not run'], none.report.controls.length - broken - 1)
  t.match(none.out, new RegExp(`\\d passed, \\d stale, \\d+ not run, ${broken} failed, 0 missing\\. The report is in `))
  t.match(none.text, '| 45 CFR 164.312 (b) |')
  t.match(none.text, `test/host/agency-scope.test.ts: ${verdict} (9 passed, 0 failed, 2026-11-01T00:00:00Z)`)
  t.match(none.text, 'test/host/gateway.test.ts: not run')
  t.match(none.text, 'contract check writes-audited: holds')
  t.notMatch(none.text, projectRoot, 'no path of this machine')

  const failing = await run({ 'test/host/agency-scope.test.ts': { ...gateway, failed: 1 } })
  t.equal(failing.code, 1)
  const partly = await run({ 'test/host/agency-scope.test.ts': { ...gateway, skipped: 2 } })
  t.match(partly.text, '(9 passed, 0 failed, 2 skipped, 2026-11-01T00:00:00Z)', 'what was left out is told')
  t.match(failing.out, 'failed: 45 CFR 164.312 (a)(2)(ii) (test/host/agency-scope.test.ts)')
  t.match(markdownOf({ ...none.report, commit: null, controls: [] }), 'of no known commit')
})
