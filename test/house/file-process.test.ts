import { relative } from 'node:path'
import t from 'tap'
import { startFileProcess } from '../file-process.ts'

const tap = "import t from 'tap'\n"
const folder = t.testdir({
  'good.test.ts': `${tap}t.test('a part', async (t) => { t.ok(true); t.equal(1, 1) })\nt.ok(true)`,
  'own.test.ts': `${tap}process.stdout.write('no line of its own')\nt.test('later', (t) => { setTimeout(() => (t.ok(true), t.end()), 5) })`,
  'bad.test.ts': `${tap}t.test('a part', async (t) => { t.equal(1, 2, 'one is two') })\nt.ok(true)`,
  'throws.test.ts': `${tap}t.ok(true)\nthrow new Error('on the way')`,
  'late.test.ts': `${tap}t.test('a part', async () => { setTimeout(() => { throw new Error('too late') }, 20) })\nt.test('next', (t) => { setTimeout(t.end, 60) })`,
  'gone.test.ts': `${tap}t.ok(true)\nprocess.exit(0)`,
  'open.test.ts': `${tap}t.ok(true)\nsetInterval(() => {}, 1000)`,
  'after.test.ts': `${tap}t.test('a part', async () => { setTimeout(() => t.equal(1, 2), 20) })`,
  'none.test.ts': `import 'tap'`,
  'leaves.test.ts': `${tap}process.env.LEFT = 'behind'\nt.ok(true)`,
  'finds.test.ts': `${tap}t.equal(process.env.LEFT, undefined)`,
  'absent.test.ts': `${tap}await import('./nowhere.ts')`,
})
const file = (name: string): string => relative(process.cwd(), `${folder}/${name}.test.ts`)

t.test('files run one after another in one process, each with a root and an outcome of its own', async (t) => {
  const process = startFileProcess({})
  t.same(await process.run(file('good')), { passed: 3, failed: 0, skipped: 0, lines: [] })
  const bad = await process.run(file('bad'))
  t.match(bad, { passed: 1, failed: 1 })
  t.ok(bad.lines.some((line) => line.includes('not ok 1 - one is two')))
  const thrown = await process.run(file('throws'))
  t.ok(thrown.failed > 0 && thrown.lines.some((line) => line.includes('on the way')), 'what a file throws')
  t.ok((await process.run(file('late'))).failed > 0, 'what is thrown when nobody waits')
  t.ok((await process.run(file('absent'))).failed > 0, 'what cannot be loaded')
  t.ok((await process.run(file('none'))).failed > 0, 'what tests nothing')
  await process.run(file('leaves'))
  t.match(await process.run(file('finds')), { passed: 1, failed: 0 }, 'what a file changes around it')
  t.match(await process.run(file('own')), { passed: 1, failed: 0 }, 'and none of it spoils the next')
  t.equal(await process.end(), true)
})

t.test('a process that is gone, or stays because something was left open, has not ended well', async (t) => {
  const gone = startFileProcess({})
  t.ok((await gone.run(file('gone'))).failed > 0)
  t.ok((await gone.run(file('good'))).failed > 0, 'it runs nothing any more')
  const after = startFileProcess({})
  t.match(await after.run(file('after')), { failed: 0 })
  t.equal(await after.end(), false, 'what fails when its file has ended')
  const kept = startFileProcess({}, 300)
  t.match(await kept.run(file('open')), { passed: 1, failed: 0 })
  t.equal(await kept.end(), false)
})
