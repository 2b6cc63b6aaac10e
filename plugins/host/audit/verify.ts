import pg, { type ClientBase } from 'pg'
import type { Clock } from '../../../domain/shared/clock.ts'
import { createVerifier, type SignatureVerifier } from '../crypto/index.ts'
import { anchorText } from './anchor.ts'
import { chainHead, chainName, type ChainHead } from './chain-head.ts'
import type { CheckpointStore } from './checkpoint-store.ts'
import { firstRewritten, readSignedHeads, type SignedHead, type SignedHeads } from './signed-heads.ts'
import { aiMismatch, strayRow, type ChainBreak } from './verify-beside.ts'
import { verifyChain, type Anchor, type Chain } from './verify-chain.ts'

export type { ChainBreak } from './verify-beside.ts'

export interface Verification {
  readonly valid: boolean
  /** Rows whose hash was computed anew. */
  readonly rows: number
  readonly heads: readonly ChainHead[]
  /** The newest signed heads that were compared; null where there are none. */
  readonly checkpoint: { readonly signedAt: string; readonly heads: number; readonly matched: number; readonly unknownKeys: number } | null
  /** ISO 8601. */
  readonly checkedAt: string
  readonly firstBreak?: ChainBreak
}

export interface VerifyOptions {
  /** As the owner, or with the session of an auditor set; READ ONLY is enough. Either this or `client`. */
  readonly connectionString?: string
  /** A connection that is in no transaction. */
  readonly client?: ClientBase
  /** Connections that work side by side where `connectionString` is given; 2 unless told. */
  readonly connections?: number
  /** Rows that one statement checks; 20 000 unless told. */
  readonly rangeRows?: number
  readonly checkpoints?: Pick<CheckpointStore, 'read'>
  /** Raw Ed25519 public keys in base64 that checkpoints may be signed with. */
  readonly publicKeys?: readonly string[]
  /** One agency alone. */
  readonly agencyId?: string
  readonly clock: Clock
  /** Runs inside the transaction before anything is read; sets role and agency of an auditor. */
  readonly prepare?: (client: ClientBase) => Promise<void>
}

const heads = async (client: ClientBase, agencyId?: string): Promise<ChainHead[]> => {
  const { rows } = await client.query<{ agency_id: string; lane: number; seq: string; hash: Buffer }>(
    `select agency_id, lane, seq, hash from audit_head ${agencyId ? 'where agency_id = $1' : ''} order by agency_id, lane`,
    agencyId ? [agencyId] : [],
  )
  return rows.map(({ agency_id, ...head }) => chainHead({ agencyId: agency_id, ...head }))
}

interface AnchorRow {
  agency_id: string
  lane: number
  from_seq: string
  seq: string
  hash: Buffer
  month: string
  key_id: string
  signature: Buffer
}

const anchors = async (client: ClientBase, agencyId?: string): Promise<(Anchor & { row: AnchorRow })[]> => {
  const { rows } = await client.query<AnchorRow>(
    `select agency_id, lane, from_seq, seq, hash, to_char(month, 'YYYY-MM') as month, key_id, signature from audit_anchor
     ${agencyId ? 'where agency_id = $1' : ''} order by agency_id, lane, seq`,
    agencyId ? [agencyId] : [],
  )
  return rows.map((row) => ({
    agencyId: row.agency_id,
    lane: row.lane,
    fromSeq: Number(row.from_seq),
    seq: Number(row.seq),
    hash: row.hash,
    row,
  }))
}

const unsignedAnchor = (list: readonly (Anchor & { row: AnchorRow })[], verifier: SignatureVerifier): ChainBreak | null => {
  if (verifier.keyIds.length === 0) return null
  const wrong = list.find(
    ({ row, ...anchor }) =>
      !verifier.verify(anchorText({ ...anchor, month: row.month }), { key: row.key_id, signature: row.signature.toString('base64') }),
  )
  return wrong
    ? {
        kind: 'anchor',
        agencyId: wrong.agencyId,
        lane: wrong.lane,
        seq: wrong.seq,
        detail: 'the end of a retired month is not signed by a known key',
      }
    : null
}

const chainsOf = (all: readonly ChainHead[], retired: readonly Anchor[], signed: ReadonlyMap<string, SignedHead>): Chain[] => {
  const chains = new Map<string, { agencyId: string; lane: number; head?: ChainHead; anchors: Anchor[] }>()
  const chainAt = (at: { agencyId: string; lane: number }) => {
    const known = chains.get(chainName(at)) ?? { agencyId: at.agencyId, lane: at.lane, anchors: [] }
    chains.set(chainName(at), known)
    return known
  }
  for (const head of all) chainAt(head).head = head
  for (const anchor of retired) chainAt(anchor).anchors.push(anchor)
  for (const head of signed.values()) chainAt(head)
  return [...chains.values()].map((chain) => ({ ...chain, head: chain.head, signed: signed.get(chainName(chain)) }))
}

const settings =
  "set local enable_seqscan = off; set local enable_bitmapscan = off; set local work_mem = '64MB'; set local plan_cache_mode = force_generic_plan"

const check = async (
  clients: readonly ClientBase[],
  options: VerifyOptions,
  verifier: SignatureVerifier,
  signed: SignedHeads,
): Promise<Verification> => {
  const { agencyId } = options
  const client = clients[0]!
  const allHeads = await heads(client, agencyId)
  const retired = await anchors(client, agencyId)
  const breaks: ChainBreak[] = []
  const note = (found: ChainBreak | null): void => void (found && breaks.push(found))
  note(unsignedAnchor(retired, verifier))
  let rows = 0
  let matched = 0
  const chains = chainsOf(allHeads, retired, signed.newest)
  for (const chain of chains) {
    const result = await verifyChain(clients, { ...chain, rangeRows: options.rangeRows })
    rows += result.rows
    if (result.signedHolds) matched += 1
    if (result.finding) note({ ...result.finding, agencyId: chain.agencyId, lane: chain.lane })
  }
  if (breaks.length === 0) {
    note(await strayRow(client, new Set(chains.map(chainName)), agencyId))
    note(await aiMismatch(client, agencyId))
    if (signed.forged > 0)
      note({
        kind: 'checkpoint',
        agencyId: agencyId ?? '',
        lane: 0,
        seq: 0,
        detail: `${signed.forged} lines of the checkpoints have a signature that does not fit`,
      })
  }
  const first = breaks[0]?.kind === 'rewritten' ? await firstRewritten(client, options.checkpoints, verifier, breaks[0]) : breaks[0]
  return {
    valid: breaks.length === 0,
    rows,
    heads: allHeads,
    checkpoint:
      signed.signedAt === null ? null : { signedAt: signed.signedAt, heads: signed.newest.size, matched, unknownKeys: signed.unknownKeys },
    checkedAt: new Date(options.clock.now()).toISOString(),
    ...(first ? { firstBreak: first } : {}),
  }
}

const begin = async (client: ClientBase, options: VerifyOptions, snapshot: string | null): Promise<void> => {
  await client.query('begin isolation level repeatable read read only')
  // A snapshot's name is made by the server and takes no parameter.
  if (snapshot !== null) await client.query(`set transaction snapshot ${pg.escapeLiteral(snapshot)}`)
  await client.query(settings)
  await options.prepare?.(client)
}

const inSnapshot = async (
  clients: readonly ClientBase[],
  options: VerifyOptions,
  work: () => Promise<Verification>,
): Promise<Verification> => {
  const [first, ...others] = clients
  try {
    await begin(first!, options, null)
    if (others.length > 0) {
      const { rows } = await first!.query<{ snapshot: string }>('select pg_export_snapshot() as snapshot')
      for (const other of others) await begin(other, options, rows[0]!.snapshot)
    }
    return await work()
  } finally {
    for (const client of clients) await client.query('rollback').catch(() => {})
  }
}

const connect = async (connectionString: string | undefined): Promise<pg.Client> => {
  const client = new pg.Client({ connectionString, application_name: 'postern audit', connectionTimeoutMillis: 5_000, keepAlive: true })
  client.on('error', () => {})
  await client.connect()
  return client
}

/**
 * Verifies every chain of the store (or of one agency) against its rows, heads and signed heads, on one snapshot. Named are changed,
 * removed, inserted and reordered rows, heads that were moved, and a tail that was cut behind a signed head.
 * Checkpoints are read before the snapshot is taken: a signed head is never newer than what is compared with it.
 */
export const verifyAudit = async (options: VerifyOptions): Promise<Verification> => {
  const verifier = createVerifier(options.publicKeys ?? [])
  const signed = await readSignedHeads(options.checkpoints, verifier, options.agencyId)
  const own: pg.Client[] = []
  try {
    const wanted = options.client ? 0 : (options.connections ?? 2)
    for (let opened = 0; opened < wanted; opened += 1) own.push(await connect(options.connectionString))
    const clients = options.client ? [options.client] : own
    return await inSnapshot(clients, options, () => check(clients, options, verifier, signed))
  } finally {
    for (const client of own) await client.end().catch(() => {})
  }
}
