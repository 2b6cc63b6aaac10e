import t from 'tap'
import { fileReport } from '../tap-report.ts'

const read = (text: string, succeeded: boolean) => {
  const report = fileReport()
  for (const line of text.split('\n')) report.take(line)
  return report.end(succeeded)
}

const passing = `TAP version 14
# Subtest: a part
    ok 1 - fine
    1..1
ok 1 - a part # time=1500.4ms

1..1
# { total: 1, pass: 1 }
# time=1600ms`

const failing = `TAP version 14
# Subtest: a part
    ok 1 - fine
    not ok 2 - not so fine
      ---
      diff: |
        -1
        +2
      ...
    1..2
not ok 1 - a part # time=20ms
ok 2 - another
1..2
# { total: 3, pass: 2, fail: 1 }`

t.test('counts assertions and shows what failed', async (t) => {
  t.same(read(passing, true), { passed: 1, failed: 0, skipped: 0, lines: [] })
  const partly = passing.replace('pass: 1 }', 'pass: 1, todo: 3, skip: 2 }')
  t.match(read(partly, true), { passed: 1, failed: 0, skipped: 5 }, 'and what was left out')
  const { passed, failed, lines } = read(failing, false)
  t.same([passed, failed], [2, 1])
  t.ok(lines.includes('    not ok 2 - not so fine') && lines.includes('        +2'))
  t.notOk(lines.some((line) => line.includes('ok 1 - fine') || line.includes('another')))
})

t.test('never calls a file good that was not', async (t) => {
  t.match(read(passing, false), { passed: 1, failed: 1 }, 'its process failed')
  t.match(read('', true), { passed: 0, failed: 1 }, 'nothing came')
  const cut = read(failing.split('\n').slice(0, 6).join('\n'), false)
  t.match(cut, { passed: 0, failed: 1 }, 'cut short')
  t.ok(cut.lines.includes('    not ok 2 - not so fine'))
})
