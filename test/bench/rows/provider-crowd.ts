import { largePdf } from '../../fixtures/files.ts'
import { bounded, type Row } from '../report.ts'
import type { Rig } from '../rig.ts'
import { type Administration, profileOf, sendDocument } from '../stage/administrators.ts'
import { median, percentile } from '../statistics.ts'

const crowd = 100
const least = 0.75
const uploadsAtOnce = 10
const pagesAtOnce = 10
const pagesOfEach = 10
const mebibyte = 1024 * 1024

/** One who has a provider in work. */
interface Busy {
  readonly token: string
  readonly id: string
  etag: string
}

/** How many accounts each begins, and how often each edits what was begun last: ten an hour is the limit. */
const creationsOfEach = 3
const editsOfEach = 3

const edit = async ({ portal }: Administration, one: Busy): Promise<number> => {
  const json = { yearsOfExperience: 1 + Math.floor(Math.random() * 59) }
  const { etag, ms } = await portal.call(200, 'PATCH', `/admin/providers/${one.id}`, { token: one.token, etag: one.etag, json })
  one.etag = etag
  return ms
}

/** A hundred administrators begin and edit accounts at once. @see FR-015 SC-013 */
const writing = async (on: Administration): Promise<{ row: Row; busy: Busy[] }> => {
  const latencies: number[] = []
  const work = async (): Promise<Busy> => {
    const token = on.administrator()
    let begun: Busy | null = null
    for (let n = 0; n < creationsOfEach; n += 1) {
      const { body, etag, ms } = await on.portal.call(201, 'POST', '/admin/providers', { token, json: profileOf() })
      latencies.push(ms)
      begun = { token, id: body.id, etag }
    }
    for (let n = 0; n < editsOfEach; n += 1) latencies.push(await edit(on, begun!))
    return begun!
  }
  const busy = await Promise.all(Array.from({ length: crowd }, work))
  return { row: bounded(`SC-013 p95 of creating and editing, ${crowd} at once`, percentile(latencies, 0.95), 'ms', 3_000), busy }
}

/** Ten files of 10 MB at once, and ten again. @see FR-015 SC-014 */
const uploading = async (on: Administration, busy: readonly Busy[]): Promise<Row> => {
  const content = largePdf(10 * mebibyte - 8_192)
  const latencies: number[] = []
  for (const type of ['medical_license', 'board_certification'] as const) {
    const sent = await Promise.all(busy.slice(0, uploadsAtOnce).map(({ token, id }) => sendDocument(on, token, id, type, content)))
    latencies.push(...sent.map(({ ms }) => ms))
  }
  return bounded(`SC-014 p90 of an upload of 10 MB, ${uploadsAtOnce} at once`, percentile(latencies, 0.9), 'ms', 10_000)
}

const tabs = ['', '/documents', '/status-history', '/activity']

/** The page with all its tabs, which a portal asks for together. */
const openPage = async ({ portal }: Administration, { token, id }: Busy): Promise<number> => {
  const started = performance.now()
  await Promise.all(tabs.map((tab) => portal.call(200, 'GET', `/admin/providers/${id}${tab}`, { token })))
  return performance.now() - started
}

/** Ten administrators open profile pages at once, again and again. @see FR-015 SC-015 */
const pages = async (on: Administration, busy: readonly Busy[]): Promise<Row> => {
  const latencies: number[] = []
  const work = async (one: Busy): Promise<void> => {
    for (let n = 0; n < pagesOfEach; n += 1) latencies.push(await openPage(on, one))
  }
  await Promise.all(busy.slice(0, pagesAtOnce).map(work))
  return bounded(`SC-015 p95 of a profile page with all tabs, ${pagesAtOnce} at once`, percentile(latencies, 0.95), 'ms', 2_000)
}

/** A search, a page tab by tab, an edit and the counts, over and over: each has one request under way. @returns requests answered per second */
const mixed = async (on: Administration, workers: readonly Busy[], searchers: readonly string[], seconds: number): Promise<number> => {
  const started = performance.now()
  const end = started + seconds * 1_000
  let answers = 0
  let at = Math.floor(Math.random() * searchers.length)
  const work = async (one: Busy): Promise<void> => {
    while (performance.now() < end) {
      // Sixty searches a minute are the limit: each is another administrator's.
      const token = searchers[at++ % searchers.length]!
      await on.portal.call(200, 'GET', `/admin/providers?q=${on.names[at % on.names.length]}`, { token })
      for (const tab of tabs) await on.portal.call(200, 'GET', `/admin/providers/${one.id}${tab}`, { token: one.token })
      await edit(on, one)
      await on.portal.call(200, 'GET', '/admin/providers/stats', { token: one.token })
      answers += 3 + tabs.length
    }
  }
  await Promise.all(workers.map(work))
  return answers / ((performance.now() - started) / 1_000)
}

/** The same work by a hundred administrators and by one; any answer but the expected one fails it, and so does one that comes only when asked for again. @see FR-015 SC-016 */
const together = async (rig: Rig, on: Administration, busy: readonly Busy[]): Promise<Row> => {
  const { seconds, rounds } = rig.options
  const searchers = Array.from({ length: 4 * crowd }, () => on.administrator())
  const measured: { all: number; one: number }[] = []
  for (let at = -1; at < rounds; at += 1) {
    const length = at < 0 ? Math.min(1, seconds) : seconds
    const one = await mixed(on, busy.slice(0, 1), searchers, length)
    const all = await mixed(on, busy, searchers, length)
    if (at >= 0) measured.push({ all, one })
  }
  const ratio = median(measured.map(({ all, one }) => all / one))
  return {
    name: `SC-016 mixed work by ${crowd} administrators beside one`,
    value: median(measured.map(({ all }) => all)),
    unit: 'req/s',
    reference: median(measured.map(({ one }) => one)),
    ratio,
    must: `ratio >= ${least}`,
    holds: ratio >= least,
  }
}

/** What a hundred administrators at once are promised. */
export const crowdRows = async (rig: Rig, on: Administration): Promise<Row[]> => {
  let before = on.portal.refused
  // Whoever was told to come again has waited for it, and yet it was not what was asked for.
  const unrefused = (row: Row): Row => {
    const times = on.portal.refused - before
    before = on.portal.refused
    if (times > 0) rig.note(`    ${row.name}: too busy for ${times} requests`)
    return { ...row, holds: row.holds && times === 0 }
  }
  const { row, busy } = await writing(on)
  const rows = [unrefused(row)]
  for (const measure of [uploading, pages]) rows.push(unrefused(await measure(on, busy)))
  return [...rows, unrefused(await together(rig, on, busy))]
}
