import { setTimeout as pause } from 'node:timers/promises'
import { compare, onlyExpected } from '../compare.ts'
import { closedLoop, openClients } from '../load/closed-loop.ts'
import { reads } from '../load/requests.ts'
import type { Row } from '../report.ts'
import type { Rig } from '../rig.ts'
import { type Administration, openAdministration, profileOf } from '../stage/administrators.ts'
import { percentile } from '../statistics.ts'

const few = 1_000
export const many = 100_000
const least = 0.75
const mostMs = 50
/** Each may search sixty times a minute. */
const administrators = 400

/** A part of a name, of a clinic, an address, a licence's last four: what finds few. */
const narrow = (name: string, at: number): string =>
  [`q=${name.slice(2, 8).toLowerCase()}`, `q=${name}`, 'q=nobody%40example.org', `q=A${100 + (at % 900)}`][at % 4]!
/** The default view, a word that every clinic has, the last page: what finds all. */
const wide = (at: number): string => ['', 'q=clinic', 'sort=-createdAt&page=900', 'q=marta&sort=commissionRate'][at % 4]!

const asked = ({ administrator, names }: Administration, queryOf: (name: string, at: number) => string) => {
  const hats = Array.from({ length: administrators }, administrator)
  return hats.map((token, at) => ({ token, path: `/api/admin/providers?${queryOf(names[at % names.length]!, at)}` }))
}

const sideOf = (one: Administration) => ({
  server: one.server,
  requests: reads(asked(one, narrow), ({ path }) => path),
  expected: 200,
})

const renamedEveryMs = 1_000

/** Somebody gives an account another name each second for as long as `work` takes: no total of names holds for longer. */
const whileRenamed = async <T>({ portal, administrator }: Administration, work: () => Promise<T>): Promise<T> => {
  const [token, over] = [administrator(), new AbortController()]
  const begun = await portal.call(201, 'POST', '/admin/providers', { token, json: profileOf() })
  const rename = async (): Promise<void> => {
    let { etag } = begun
    for (let n = 0; !over.signal.aborted; n += 1) {
      const json = { lastName: n % 2 === 0 ? 'Clinicus' : 'Martano' }
      etag = (await portal.call(200, 'PATCH', `/admin/providers/${begun.body.id}`, { token, etag, json })).etag
      await pause(renamedEveryMs, undefined, { signal: over.signal }).catch(() => {})
    }
  }
  const renaming = rename()
  try {
    return await work()
  } finally {
    over.abort()
    await renaming
  }
}

/** One administrator after another, each waiting for the answer: one search in four finds everything. */
const tail = async (rig: Rig, large: Administration): Promise<Row> => {
  const mixed = asked(large, (name, at) => (at % 4 === 0 ? wide(at / 4) : narrow(name, at)))
  const clients = await openClients(large.server.port, 1)
  try {
    await closedLoop(clients, reads(mixed, ({ path }) => path), 200, Math.min(2, rig.options.seconds)) // prettier-ignore
    const load = await whileRenamed(large, () =>
      closedLoop(
        clients,
        reads(mixed, ({ path }) => path),
        200,
        rig.options.seconds,
      ),
    )
    onlyExpected(load)
    const value = percentile(load.latenciesMs, 0.95)
    rig.note(
      `    p50 ${percentile(load.latenciesMs, 0.5).toFixed(1)} ms, p99 ${percentile(load.latenciesMs, 0.99).toFixed(1)} ms, ${load.answers} searches`,
    )
    return {
      name: 'SC-008 p95 of a search of 10^5 providers',
      value,
      unit: 'ms',
      reference: null,
      ratio: null,
      must: `<= ${mostMs} ms`,
      holds: value <= mostMs,
    }
  } finally {
    clients.close()
  }
}

/** What each search that finds everything takes by itself: one of them slow is not hidden by the others. */
const noteEach = async (rig: Rig, large: Administration): Promise<void> => {
  const clients = await openClients(large.server.port, 1)
  try {
    for (const at of [0, 1, 2, 3]) {
      const load = await whileRenamed(large, () =>
        closedLoop(
          clients,
          reads(
            asked(large, () => wide(at)),
            ({ path }) => path,
          ),
          200,
          1,
        ),
      )
      onlyExpected(load)
      rig.note(`    ${(wide(at) || 'the default view').padEnd(28)} p95 ${percentile(load.latenciesMs, 0.95).toFixed(1)} ms`)
    }
  } finally {
    clients.close()
  }
}

/** Searches of a hundred thousand providers of one agency, beside the same searches of a thousand. @see FR-015 SC-008 */
export const searchRows = async (rig: Rig, large: Administration): Promise<Row[]> => {
  const small = await openAdministration(rig, 'search_small', few)
  try {
    const p95 = await tail(rig, large)
    await noteEach(rig, large)
    const { value, reference, ratio } = await compare(rig, sideOf(large), sideOf(small))
    const must = `ratio >= ${least}`
    return [p95, { name: 'growth, provider search at 10^5 to 10^3', value, unit: 'req/s', reference, ratio, must, holds: ratio >= least }]
  } finally {
    await small.close()
  }
}

/** These two alone. */
export const providerSearch = async (rig: Rig): Promise<Row[]> => {
  rig.note(`    writing ${many} providers`)
  const large = await openAdministration(rig, 'search_large', many)
  try {
    return await searchRows(rig, large)
  } finally {
    await large.close()
  }
}
