import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { link, open, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { pipeline } from 'node:stream/promises'
import type { ClientBase } from 'pg'
import type { Clock } from '../../../domain/shared/clock.ts'
import { newId, platformAgency } from '../../../domain/shared/ids.ts'
import { createPayloadCipher, type KeySet, type Signer } from '../crypto/index.ts'
import { tenantTable } from '../database/tenant-table.ts'
import { anchorText } from './anchor.ts'
import { auditInput } from './audit-input.ts'
import { chainHead, type ChainHead } from './chain-head.ts'
import { writeCheckpoint } from './checkpoint.ts'
import type { CheckpointStore } from './checkpoint-store.ts'
import { exportLines } from './export.ts'
import { auditColumns } from './facts.ts'
import { asOwner, monthBounds, partitionsOf } from './months.ts'
import { runsBetween, type Stretch } from './stretches.ts'
import { verifyAudit } from './verify.ts'
import { hashAt } from './verify-chain.ts'

export interface RetireOptions {
  readonly ownerUrl: string
  /** `YYYY-MM`, UTC. */
  readonly month: string
  /** Where the export goes; it must exist. */
  readonly directory: string
  readonly keys: KeySet
  readonly signer: Signer
  readonly publicKeys: readonly string[]
  readonly checkpoints: CheckpointStore
  readonly clock: Clock
}

export interface Retired {
  readonly month: string
  readonly rows: number
  readonly file: string
  readonly sha256: string
  /** The tables that stand by themselves now; dropping them is the owner's decision. */
  readonly detached: readonly string[]
}

/** The lane of commands that the owner runs; no instance leases it. */
const ownerLane = 0

const sha256Of = async (path: string): Promise<string> => {
  const hash = createHash('sha256')
  await pipeline(createReadStream(path), hash)
  return hash.digest('hex')
}

/** Writes the export durably: a file of this name is whole, and one that is there already is never replaced. */
const writeExport = async (path: string, lines: AsyncIterable<string>): Promise<void> => {
  const partial = `${path}.partial`
  let made = false
  try {
    const handle = await open(partial, 'wx', 0o600)
    made = true
    try {
      await handle.writeFile(lines)
      await handle.sync()
    } finally {
      await handle.close()
    }
    await link(partial, path)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST')
      throw new Error(`${path} (or its .partial) is there already: move it away first.`, { cause: error })
    throw error
  } finally {
    if (made) await rm(partial, { force: true })
  }
}

const inAgency = (client: ClientBase, agencyId: string): Promise<unknown> =>
  client.query("select set_config('app.current_agency', $1, true)", [agencyId])

const writeAnchors = async (client: ClientBase, stretches: readonly Stretch[], { month, signer, clock }: RetireOptions): Promise<void> => {
  for (const { agencyId, lane, from: fromSeq, to: seq } of stretches) {
    const hash = await hashAt(client, { agencyId, lane }, seq)
    if (!hash) throw new Error('The audit trail changed while it was being retired.')
    const signed = signer.sign(anchorText({ agencyId, lane, fromSeq, seq, hash, month }))
    await inAgency(client, agencyId)
    await client.query(
      `insert into audit_anchor (agency_id, lane, from_seq, seq, hash, month, retired_at, key_id, signature)
       values ($1, $2, $3, $4, $5, to_date($6, 'YYYY-MM'), $7, $8, $9)`,
      [agencyId, lane, fromSeq, seq, hash, month, new Date(clock.now()), signed.key, Buffer.from(signed.signature, 'base64')],
    )
  }
}

const appendCall = `select seq, hash from audit_append($1, 'success', null, ${auditInput.map((_, index) => `$${index + 2}`).join(', ')})`

/** Each agency concerned, and the platform, gets an event that says what was retired. */
const auditRetirement = async (
  client: ClientBase,
  retired: Retired,
  agencies: readonly string[],
  { keys, clock }: RetireOptions,
): Promise<ChainHead[]> => {
  const cipher = createPayloadCipher(keys)
  const heads: ChainHead[] = []
  for (const agencyId of agencies) {
    const nobody = { userId: null, agent: null, patientId: null, ip: null, requestId: null, idempotencyKey: null, bypass: false }
    const event = {
      ...nobody,
      id: newId(clock.now()),
      agencyId,
      at: clock.now(),
      action: 'audit.retire',
      role: 'owner',
      entityType: 'audit',
      entityId: retired.month,
      payload: retired,
    }
    const columns = auditColumns(cipher, event)
    await inAgency(client, agencyId)
    const { rows } = await client.query<{ seq: string; hash: Buffer }>(appendCall, [
      ownerLane,
      ...auditInput.map(({ name }) => columns[name]),
    ])
    heads.push(chainHead({ agencyId, lane: ownerLane, ...rows[0]! }))
  }
  return heads
}

/** A detached month stands alone: closed to everybody, as its parent's policies no longer cover it. */
const detach = async (client: ClientBase, month: string): Promise<void> => {
  for (const table of partitionsOf(month)) {
    await client.query(`alter table ${table.slice(0, -'_YYYY_MM'.length)} detach partition ${table}`)
    for (const statement of tenantTable({ table, grants: {}, patientColumn: 'patient_id' })) await client.query(statement)
  }
}

const sound = async (options: RetireOptions): Promise<void> => {
  const { ownerUrl, checkpoints, publicKeys, clock } = options
  const found = await verifyAudit({ connectionString: ownerUrl, checkpoints, publicKeys, clock })
  if (!found.valid) throw new Error(`The audit trail is not whole (${found.firstBreak?.kind}); nothing is retired. Run audit:verify.`)
}

/**
 * Retires a month that is past its retention: verifies everything, writes the month to a sealed export, and in one transaction signs
 * where each chain goes on, detaches the month and records that it did. The rows themselves stay in the detached tables.
 * @throws Error with a sentence for the operator; then nothing in the database has changed
 * @see design, Retention: audit 7 years
 */
export const retireMonth = async (options: RetireOptions): Promise<Retired> => {
  const { ownerUrl, month, signer, clock, checkpoints } = options
  const { from, to, retirableFrom } = monthBounds(month)
  if (clock.now() < retirableFrom.getTime()) throw new Error(`${month} must be kept until ${retirableFrom.toISOString().slice(0, 10)}.`)
  await sound(options)
  return asOwner(ownerUrl, async (client) => {
    const found = await client.query(
      "select from pg_inherits where inhparent = 'audit_event'::regclass and inhrelid = to_regclass($1)",
      partitionsOf(month).slice(0, 1),
    )
    if (found.rowCount === 0) throw new Error(`There is no partition of ${month}.`)
    const stretches = await runsBetween(client, from, to)
    const file = join(options.directory, `audit-${month}.ndjson`)
    const about = { agencyId: null, month, exportedAt: new Date(clock.now()).toISOString() }
    await writeExport(file, exportLines({ stretches, signed: [], signer, cipher: null, about, read: (_agency, work) => work(client) }))
    const rows = stretches.reduce((sum, stretch) => sum + stretch.to - stretch.from + 1, 0)
    const retired: Retired = { month, rows, file, sha256: await sha256Of(file), detached: partitionsOf(month) }
    await client.query('begin')
    await writeAnchors(client, stretches, options)
    await detach(client, month)
    const agencies = [...new Set([platformAgency, ...stretches.map(({ agencyId }) => agencyId)])].sort()
    const heads = await auditRetirement(client, retired, agencies, options)
    await client.query('commit')
    await checkpoints.append(writeCheckpoint(signer, { instance: 'audit-retire', at: new Date(clock.now()).toISOString(), heads }))
    return retired
  })
}
