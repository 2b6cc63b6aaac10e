import t from 'tap'
import { tapReport } from '../tap-report.ts'

const read = (text: string, succeeded: boolean) => {
  const lines: string[] = []
  const report = tapReport({ line: (line) => lines.push(line) })
  for (const line of text.split('\n')) report.take(line)
  return { ...report.end(succeeded), lines }
}

const passing = `TAP version 14
# Subtest: test/a.test.ts
    ok 1 - fine
    1..1
ok 1 - test/a.test.ts # time=1500.4ms

1..1
# { total: 1, pass: 1 }
# time=1600ms`

const failing = `TAP version 14
# Subtest: test/a.test.ts
    ok 1 - fine
    not ok 2 - not so fine
      ---
      diff: |
        -1
        +2
      ...
    1..2
not ok 1 - test/a.test.ts # time=20ms
# Subtest: test/b.test.ts
    ok 1 - fine
    1..1
ok 2 - test/b.test.ts # time=20ms
1..2
# { total: 3, pass: 2, fail: 1 }`

t.test('counts assertions and shows what failed', async (t) => {
  t.same(read(passing, true), { passed: 1, failed: 0, lines: ['passed test/a.test.ts (1.5 s)'] })
  const { passed, failed, lines } = read(failing, false)
  t.same([passed, failed], [2, 1])
  t.ok(lines.includes('    not ok 2 - not so fine') && lines.includes('        +2'))
  t.same(lines.slice(-2), ['FAILED test/a.test.ts (0.0 s)', 'passed test/b.test.ts (0.0 s)'])
  t.notOk(lines.some((line) => line.includes('ok 1 - fine')))
})

t.test('never calls a run good that was not', async (t) => {
  t.match(read(passing, false), { passed: 1, failed: 1 }, 'tap itself failed')
  t.match(read('', true), { passed: 0, failed: 1 }, 'nothing came')
  t.match(read(failing.split('\n').slice(0, 6).join('\n'), false), { failed: 1, lines: [/TAP/, /a\.test/, /not so fine/] }, 'cut short')
})
