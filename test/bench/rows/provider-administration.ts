import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { candidateEnv } from '../candidate/environment.ts'
import { closedLoop, openClients } from '../load/closed-loop.ts'
import { reads } from '../load/requests.ts'
import { onlyExpected } from '../compare.ts'
import { bounded, type Row, whole } from '../report.ts'
import type { Rig } from '../rig.ts'
import { type Administration, onboard, type Onboarded, openAdministration } from '../stage/administrators.ts'
import { changedSql, dueSql, remindedSql } from '../stage/provider-facts.ts'
import { asSuperuser } from '../stage/providers.ts'
import { percentile } from '../statistics.ts'
import { crowdRows } from './provider-crowd.ts'
import { many, searchRows } from './provider-search.ts'

const profiles = 20
/** Suspensions and reactivations of each, after its activation. */
const changesOfEach = 14
const due = 1_000

/** The machine's part of a whole profile, one after another. @see FR-015 SC-007 */
const onboarding = async (on: Administration): Promise<{ rows: Row[]; onboarded: Onboarded[] }> => {
  const onboarded: Onboarded[] = []
  for (let n = 0; n < profiles; n += 1) onboarded.push(await onboard(on))
  const p95 = percentile(
    onboarded.map(({ ms }) => ms),
    0.95,
  )
  return { rows: [bounded('SC-007 p95 of a whole profile with documents', p95, 'ms', 600_000)], onboarded }
}

/** Each document is rejected and then approved. @see FR-015 SC-009 */
const decisions = async ({ portal, administrator }: Administration, onboarded: readonly Onboarded[]): Promise<Row[]> => {
  const token = administrator()
  const latencies: number[] = []
  const reason = 'The seal of the issuing board cannot be read.'
  for (const { id, documents } of onboarded)
    for (const document of documents) {
      const path = `/admin/providers/${id}/documents/${document.id}`
      const rejected = await portal.call(200, 'POST', `${path}/rejection`, { token, etag: document.etag, json: { reason } })
      const approved = await portal.call(200, 'POST', `${path}/approval`, { token, etag: rejected.etag, json: {} })
      latencies.push(rejected.ms, approved.ms)
    }
  return [bounded('SC-009 p95 of a decision about a document', percentile(latencies, 0.95), 'ms', 30_000)]
}

const changeAll = async ({ portal, administrator }: Administration, { id }: Onboarded): Promise<number> => {
  const token = administrator()
  let { etag } = await portal.call(200, 'GET', `/admin/providers/${id}`, { token })
  for (let n = 0; n <= changesOfEach; n += 1) {
    const what = n === 0 ? 'activation' : n % 2 === 1 ? 'suspension' : 'reactivation'
    const json = { confirm: true, ...(n === 0 ? {} : { reason: `Change ${n} of the provider.`, notify: false }) }
    etag = (await portal.call(200, 'POST', `/admin/providers/${id}/${what}`, { token, etag, json })).etag
  }
  return changesOfEach + 1
}

/** All providers change at once; then each change that was answered is looked for in the audit trail. @see FR-015 SC-010 */
const statusChanges = async (on: Administration, onboarded: readonly Onboarded[]): Promise<Row[]> => {
  const answered = await Promise.all(onboarded.map((one) => changeAll(on, one)))
  const made = answered.reduce((sum, count) => sum + count, 0)
  const ids = onboarded.map(({ id }) => id)
  const found = await asSuperuser(on.server.database, (client) => client.query<{ n: number }>(changedSql, [on.agencyId, ids]))
  return [whole(`SC-010 share of ${made} status changes in the audit trail`, found.rows[0]!.n, made)]
}

/** The job itself, as an operator runs it; twice, since once must be enough. @see FR-015 SC-011 */
const reminders = async (rig: Rig, on: Administration): Promise<Row[]> => {
  const { database, directory } = on.server
  await asSuperuser(database, async (client) => {
    await client.query("set session_replication_role = 'replica'")
    const planted = await client.query(dueSql, [on.agencyId, due])
    if (planted.rowCount !== due) throw new Error(`${planted.rowCount} documents are due`)
  })
  const { issuer, keys } = rig
  const env = { PATH: process.env['PATH'] ?? '', ...candidateEnv({ directory, database, issuer, keys }) }
  const job = join(import.meta.dirname, '../../../plugins/cli/job.ts')
  for (let run = 0; run < 2; run += 1) {
    const started = performance.now()
    await promisify(execFile)(process.execPath, ['--no-warnings', job, 'document-reminders', '--agency', on.agencyId], {
      env,
      timeout: 120_000,
    })
    rig.note(`    reminders, run ${run + 1}: ${((performance.now() - started) / 1000).toFixed(1)} s`)
  }
  const found = await asSuperuser(database, (client) => client.query<{ n: number }>(remindedSql, [on.agencyId]))
  return [whole(`SC-011 share of ${due} due documents reminded of once`, found.rows[0]!.n, due)]
}

/** @see FR-015 SC-012 */
const counts = async (rig: Rig, { server, administrator }: Administration): Promise<Row[]> => {
  const clients = await openClients(server.port, 1)
  try {
    const load = await closedLoop(clients, reads([{ token: administrator() }], () => '/api/admin/providers/stats'), 200, Math.min(2, rig.options.seconds)) // prettier-ignore
    onlyExpected(load)
    return [bounded('SC-012 p95 of the counts of 10^5 providers', percentile(load.latenciesMs, 0.95), 'ms', 1_000)]
  } finally {
    clients.close()
  }
}

/** The numbers of provider administration, all among a hundred thousand providers of one agency. @see FR-015, Success Criteria */
export const providerAdministration = async (rig: Rig): Promise<Row[]> => {
  rig.note(`    writing ${many} providers`)
  const on = await openAdministration(rig, 'provider_administration', many)
  try {
    const search = await searchRows(rig, on)
    const { rows, onboarded } = await onboarding(on)
    return [
      ...rows,
      ...search,
      ...(await decisions(on, onboarded)),
      ...(await statusChanges(on, onboarded)),
      ...(await reminders(rig, on)),
      ...(await counts(rig, on)),
      ...(await crowdRows(rig, on)),
    ]
  } finally {
    await on.close()
  }
}
