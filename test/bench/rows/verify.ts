import { join } from 'node:path'
import pg from 'pg'
import { newId } from '../../../domain/shared/ids.ts'
import { systemClock } from '../../../domain/shared/clock.ts'
import { appendBatch, type JudgedEvent } from '../../../plugins/host/audit/append-batch.ts'
import { readCheckpointDirectory, verifyAudit } from '../../../plugins/host/audit/index.ts'
import { createSigner } from '../../../plugins/host/crypto/index.ts'
import type { Row } from '../report.ts'
import type { Rig } from '../rig.ts'

const least = 100_000
const perCall = 1_000
/** A lane that no service of this run leases. */
const lane = 900

const event = (agencyId: string, at: string, payload: Buffer): JudgedEvent => ({
  id: newId(), agency_id: agencyId, at, action: 'sendMessage', outcome: 'success', reason: null, user_id: agencyId, role: 'patient', patient_id: agencyId,
  entity_type: 'conversation', entity_id: agencyId, ip: '127.0.0.1', request_id: newId(), idempotency_key: newId(), bypass: false, payload, agent_id: null, policy_version_id: null,
  under_role: null, count: null, changes: null,
}) // prettier-ignore

/** Appends as the service does, until the store holds `wanted` rows more. */
const fill = async (appUrl: string, agencyId: string, wanted: number): Promise<void> => {
  const client = new pg.Client({ connectionString: appUrl, connectionTimeoutMillis: 10_000, query_timeout: 60_000 })
  client.on('error', () => {})
  await client.connect()
  const payload = Buffer.alloc(320, 'Z')
  try {
    for (let made = 0; made < wanted; made += perCall) {
      const at = new Date().toISOString()
      const events = Array.from({ length: perCall }, () => event(agencyId, at, payload))
      await appendBatch(client, lane, events, 60_000)
    }
  } finally {
    await client.end().catch(() => {})
  }
}

/** How fast the whole store is verified, the rows of the load before it included. */
export const verify = async (rig: Rig): Promise<Row[]> => {
  const { candidate, people } = await rig.bench()
  await fill(candidate.database.appUrl, people.one.agencies[0]!, rig.options.full ? 1_000_000 : 100_000)
  const { publicKey } = createSigner(rig.keys.env.AUDIT_SIGNING_KEY)
  const checkpoints = { read: () => readCheckpointDirectory(join(candidate.directory, 'checkpoints')) }
  const startedMs = performance.now()
  const found = await verifyAudit({
    connectionString: candidate.database.ownerUrl,
    checkpoints,
    publicKeys: [publicKey],
    clock: systemClock,
  })
  const seconds = (performance.now() - startedMs) / 1000
  if (!found.valid) throw new Error(`the audit store does not verify: ${JSON.stringify(found.firstBreak)}`)
  rig.note(`    ${found.rows} rows of ${found.heads.length} chains in ${seconds.toFixed(1)} s, all valid`)
  const value = found.rows / seconds
  return [
    {
      name: `audit verify, ${Math.round(found.rows / 1000)} thousand rows`,
      value,
      unit: 'rows/s',
      reference: null,
      ratio: null,
      must: `>= ${least}`,
      holds: value >= least,
    },
  ]
}
