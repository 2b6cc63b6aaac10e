import pg from 'pg'
import { countTerms } from '../../../plugins/contexts/advisor/advisor.migrations.ts'
import { findPassages } from '../../../plugins/contexts/advisor/advisor.statements.ts'
import { passages } from '../../../plugins/contexts/advisor/passages/index.ts'
import type { Row } from '../report.ts'
import type { Rig } from '../rig.ts'
import { runAll, type BenchDatabase } from '../stage/postgres.ts'
import { median, percentile } from '../statistics.ts'

const wanted = 10_000
const questions = 400
const mostMs = 50

/** The same numbers in every run. */
const dice = (seed: number): (() => number) => {
  let state = seed
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    return state / 2 ** 32
  }
}

/** A word of a made-up language of thousands, in which as in any a few are used most of the time. */
const word = (roll: () => number): string => `w${Math.floor(8_000 ** roll()).toString(36)}k`
const one = <T>(list: readonly T[], roll: () => number): T => list[Math.floor(roll() * list.length)]!

const sentences = passages.flatMap(({ text }) => text.split(/(?<=[.:;]) /))

/** Texts as long as the real ones, out of their sentences and of words of their own. */
const madeUp = (count: number): { id: string; title: string; keywords: string; text: string }[] => {
  const roll = dice(7)
  const words = (most: number): string => Array.from({ length: most }, () => word(roll)).join(' ')
  return Array.from({ length: count }, (_, at) => ({
    id: `made-up-${at}`,
    title: `${one(passages, roll).title} ${words(2)}`,
    keywords: words(6),
    text: `${one(sentences, roll)} ${words(20)}. ${one(sentences, roll)} ${words(20)}.`,
  }))
}

const fill = async ({ superuserUrl }: BenchDatabase): Promise<void> => {
  const client = new pg.Client({ connectionString: superuserUrl, connectionTimeoutMillis: 10_000, query_timeout: 120_000 })
  client.on('error', () => {})
  await client.connect()
  try {
    const insert =
      'insert into advisor_passage (id, title, keywords, text) select * from json_to_recordset($1) as t(id text, title text, keywords text, text text)'
    await client.query(insert, [JSON.stringify(madeUp(wanted - passages.length))])
  } finally {
    await client.end().catch(() => {})
  }
  await runAll(superuserUrl, [...countTerms, 'vacuum analyze advisor_passage', 'vacuum analyze advisor_term'])
}

/** Questions as people ask them: a sentence or three, with words that are in many texts and some that are in none. */
const asked = (roll: () => number): string =>
  `What should I do? ${Array.from({ length: 1 + Math.floor(roll() * 3) }, () => one(sentences, roll)).join(' ')} ${word(roll)} ${word(roll)} patientname?`

/** Each question in a transaction of its own, under the advisor's role, as the service reads. */
const times = async ({ appUrl }: BenchDatabase): Promise<number[]> => {
  const client = new pg.Client({ connectionString: appUrl, connectionTimeoutMillis: 10_000, query_timeout: 30_000 })
  client.on('error', () => {})
  await client.connect()
  const roll = dice(11)
  const taken: number[] = []
  try {
    for (let at = 0; at < questions; at += 1) {
      const question = asked(roll)
      const startedMs = performance.now()
      await client.query('begin transaction read only')
      await client.query("select set_config('role', 'postern_advise', true)")
      const { rowCount } = await client.query(findPassages, [question, 5])
      await client.query('commit')
      taken.push(performance.now() - startedMs)
      if (!rowCount) throw new Error('a question found nothing')
    }
  } finally {
    await client.end().catch(() => {})
  }
  return taken
}

/** How long the advisor's retrieval takes over ten thousand passages. @see MIG-03 §6.4 */
export const advisorRetrieval = async (rig: Rig): Promise<Row[]> => {
  const database = await rig.postgres.create('advisor')
  await fill(database)
  const taken = await times(database)
  const value = percentile(taken, 0.95)
  rig.note(
    `    ${questions} questions over ${wanted} passages: median ${median(taken).toFixed(1)} ms, longest ${Math.max(...taken).toFixed(1)} ms`,
  )
  return [
    {
      name: 'advisor retrieval, 10^4 passages, p95',
      value,
      unit: 'ms',
      reference: null,
      ratio: null,
      must: `<= ${mostMs}`,
      holds: value <= mostMs,
    },
  ]
}
