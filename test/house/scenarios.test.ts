import { globSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { providerScenarios } from '../fixtures/provider-scenarios.ts'
import { projectRoot } from './service-process.ts'

/** By hand from FR-015: how many scenarios each of its six stories has, and how many edge cases there are. */
const scenariosOfStories = [3, 3, 3, 3, 3, 3]
const edgeCases = 8
/** Its numbers that a machine can measure. */
const measured = Array.from({ length: 10 }, (_, n) => `SC-${String(n + 7).padStart(3, '0')}`)

/** The title of a test that runs: with a body, neither skipped nor left for later, nor in a comment. */
const title = /^[ \t]*(?:(?:await|void) )?t\.test\(\s*(['"`])((?:\\.|(?!\1).)*)\1,\s*(?:async\b|\()/gm
const named = /\b(?:US\d+[-.]\d+|EC[-.]?\d+)\b/g

const idsIn = (source: string): string[] => [...source.matchAll(title)].flatMap(([, , text]) => text!.match(named) ?? [])

/** What is promised and not tested, and what is tested and not promised. */
const differences = (promised: readonly string[], sources: readonly string[]) => {
  const tested = new Set(sources.flatMap(idsIn))
  return { untested: promised.filter((id) => !tested.has(id)), unknown: [...tested].filter((id) => !promised.includes(id)).sort() }
}

const ids = providerScenarios.map(({ id }) => id)
const sources = globSync('test/**/*.test.ts', { cwd: projectRoot }).map((path) => readFileSync(join(projectRoot, path), 'utf8'))

t.test('the list is that of the document, in its order', async (t) => {
  const stories = scenariosOfStories.flatMap((count, story) => Array.from({ length: count }, (_, n) => `US${story + 1}.${n + 1}`))
  t.same(ids, [...stories, ...Array.from({ length: edgeCases }, (_, n) => `EC-${n + 1}`)])
  for (const { id, asks, differs } of providerScenarios) t.ok(asks.length > 20 && differs !== '', id)
})

t.test('FR-015: each acceptance scenario and edge case is a named test, and no test names another one', async (t) => {
  t.same(differences(ids, sources), { untested: [], unknown: [] })
})

t.test('FR-015: each of SC-007 to SC-016 is a row of the bench', async (t) => {
  const rows = globSync('test/bench/rows/*.ts', { cwd: projectRoot }).map((path) => readFileSync(join(projectRoot, path), 'utf8'))
  const named = rows.flatMap((source) => [...source.matchAll(/(?:bounded|whole|name:)[\s(]*['`](SC-\d{3}) /g)].map(([, id]) => id))
  t.same(named.sort(), measured, 'each once')
})

t.test('one that is missing, misspelt, skipped, empty or commented out is found', async (t) => {
  const as = (text: string, more = ', async (t) => {})', before = '') => `${before}t.test('${text}'${more}`
  t.same(differences(ids, sources.map((source) => source.replaceAll('US2.3', 'a story'))).untested, ['US2.3']) // prettier-ignore
  t.same(differences(['US1.1'], [as('US1.1, A3: it is so'), as('nothing of it')]), { untested: [], unknown: [] })
  t.same(differences(['US1.1'], [as('US9.9: none'), as('EC-30: none'), as('US1-1: none')]), {
    untested: ['US1.1'],
    unknown: ['EC-30', 'US1-1', 'US9.9'],
  })
  for (const source of [
    as('US1.1', ', async (t) => {})', '// '),
    as('US1.1', ', { skip: true }, async (t) => {})'),
    as('US1.1', ', { todo: true }, async (t) => {})'),
    as('US1.1', ')'),
    as('it is so', ", async (t) => { t.ok(true, 'US1.1') })"),
  ])
    t.same(differences(['US1.1'], [source]).untested, ['US1.1'], source)
})
