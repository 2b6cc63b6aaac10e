import pg, { type ClientBase } from 'pg'
import type { Clock } from '../../../domain/shared/clock.ts'
import { createVerifier, type SignatureVerifier } from '../crypto/index.ts'
import { anchorText } from './anchor.ts'
import { chainHead, chainName, type ChainHead } from './chain-head.ts'
import { readCheckpoint } from './checkpoint.ts'
import type { CheckpointStore } from './checkpoint-store.ts'
import type { Finding } from './diagnose.ts'
import { hashAt, verifyChain, type Anchor, type Chain } from './verify-chain.ts'

/** The first thing that is wrong, and where. */
export interface ChainBreak extends Finding {
  readonly agencyId: string
  readonly lane: number
}

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
  readonly checkpoints?: Pick<CheckpointStore, 'read'>
  /** Raw Ed25519 public keys in base64 that checkpoints may be signed with. */
  readonly publicKeys?: readonly string[]
  /** One agency alone. */
  readonly agencyId?: string
  readonly clock: Clock
  /** Runs inside the transaction before anything is read; sets role and agency of an auditor. */
  readonly prepare?: (client: ClientBase) => Promise<void>
}

type SignedHead = ChainHead & { readonly at: string }

/** The newest signed head of each chain, and the lines that are not what they claim. */
export interface SignedHeads {
  readonly newest: ReadonlyMap<string, SignedHead>
  readonly signedAt: string | null
  readonly forged: number
  readonly unknownKeys: number
}

/** Reads every line of a checkpoint store. Lines that a crash has torn are passed over. */
export const readSignedHeads = async (
  store: Pick<CheckpointStore, 'read'> | undefined,
  verifier: SignatureVerifier,
  agencyId?: string,
): Promise<SignedHeads> => {
  const newest = new Map<string, SignedHead>()
  let signedAt: string | null = null
  let forged = 0
  let unknownKeys = 0
  for await (const line of store?.read() ?? []) {
    const read = readCheckpoint(verifier, line)
    if (read.kind === 'forged') forged += 1
    if (read.kind === 'unknown-key') unknownKeys += 1
    if (read.kind !== 'signed') continue
    const { at, heads } = read.checkpoint
    for (const head of heads) {
      if (agencyId && head.agencyId !== agencyId) continue
      if (signedAt === null || at > signedAt) signedAt = at
      const known = newest.get(chainName(head))
      if (!known || known.seq < head.seq) newest.set(chainName(head), { ...head, at })
    }
  }
  return { newest, signedAt, forged, unknownKeys }
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
  return rows.map((row) => ({ agencyId: row.agency_id, lane: row.lane, fromSeq: Number(row.from_seq), seq: Number(row.seq), hash: row.hash, row }))
}

const unsignedAnchor = (list: readonly (Anchor & { row: AnchorRow })[], verifier: SignatureVerifier): ChainBreak | null => {
  if (verifier.keyIds.length === 0) return null
  const wrong = list.find(({ row, ...anchor }) => !verifier.verify(anchorText({ ...anchor, month: row.month }), { key: row.key_id, signature: row.signature.toString('base64') }))
  return wrong ? { kind: 'anchor', agencyId: wrong.agencyId, lane: wrong.lane, seq: wrong.seq, detail: 'the end of a retired month is not signed by a known key' } : null
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

const strayRow = async (client: ClientBase, counted: number, agencyId?: string): Promise<ChainBreak | null> => {
  const where = agencyId ? 'where agency_id = $1' : ''
  const values = agencyId ? [agencyId] : []
  const { rows } = await client.query<{ all: string }>(`select count(*) as all from audit_event ${where}`, values)
  if (Number(rows[0]!.all) === counted) return null
  const stray = await client.query<{ agency_id: string; lane: number; seq: string; id: string }>(
    `select e.agency_id, e.lane, e.seq, e.id from audit_event e
     where ${agencyId ? 'e.agency_id = $1 and' : ''} not exists (select from audit_head h where h.agency_id = e.agency_id and h.lane = e.lane) limit 1`,
    values,
  )
  const row = stray.rows[0]
  return row ? { kind: 'inserted', agencyId: row.agency_id, lane: row.lane, seq: Number(row.seq), id: row.id, detail: 'the row belongs to a chain that has no head' } : null
}

const aiActionSql = (agencyId?: string): string => `
  select coalesce(e.id, a.id) as id, coalesce(e.agency_id, a.agency_id) as agency_id, coalesce(e.lane, 0) as lane, coalesce(e.seq, 0) as seq, a.id is null as missing
  from (select * from audit_event where agent_id is not null ${agencyId ? 'and agency_id = $1' : ''}) e
  full join (select * from audit_ai_action ${agencyId ? 'where agency_id = $1' : ''}) a
    on a.agency_id = e.agency_id and a.id = e.id and a.at = e.at
  where a.id is null or e.id is null
    or (a.action, a.outcome, a.agent_id, a.under_role, a.user_id) is distinct from (e.action, e.outcome, e.agent_id, e.under_role, e.user_id)
  limit 1`

/** The log of AI actions has no chain of its own: each of its rows must agree with the chained event. */
const aiMismatch = async (client: ClientBase, agencyId?: string): Promise<ChainBreak | null> => {
  const { rows } = await client.query<{ id: string; agency_id: string; lane: number; seq: string; missing: boolean }>(aiActionSql(agencyId), agencyId ? [agencyId] : [])
  const row = rows[0]
  if (!row) return null
  const detail = row.missing ? 'an AI agent’s event is missing in the AI action log' : 'the AI action log does not agree with the chain'
  return { kind: 'ai-action', agencyId: row.agency_id, lane: row.lane, seq: Number(row.seq), id: row.id, detail }
}

/** The first signed head of a chain that its rows contradict: what was rewritten begins behind the one before it. */
const firstRewritten = async (client: ClientBase, options: VerifyOptions, verifier: SignatureVerifier, at: ChainBreak): Promise<ChainBreak> => {
  const signed: SignedHead[] = []
  for await (const line of options.checkpoints?.read() ?? []) {
    const read = readCheckpoint(verifier, line)
    if (read.kind !== 'signed') continue
    for (const head of read.checkpoint.heads) if (chainName(head) === chainName(at) && signed.length < 1_000_000) signed.push({ ...head, at: read.checkpoint.at })
  }
  signed.sort((left, right) => left.seq - right.seq)
  let low = 0
  let high = signed.length - 1
  while (low < high) {
    const middle = (low + high) >> 1
    const hash = await hashAt(client, at, signed[middle]!.seq)
    if (hash?.toString('hex') === signed[middle]!.hash) low = middle + 1
    else high = middle
  }
  const first = signed[low]!
  return { ...at, seq: first.seq, detail: `rows ${(signed[low - 1]?.seq ?? 0) + 1} to ${first.seq} are not those whose hash was signed at ${first.at}` }
}

const settings = "set local enable_seqscan = off; set local enable_bitmapscan = off; set local work_mem = '64MB'; set local plan_cache_mode = force_generic_plan"

const check = async (clients: readonly ClientBase[], options: VerifyOptions, verifier: SignatureVerifier, signed: SignedHeads): Promise<Verification> => {
  const { agencyId } = options
  const client = clients[0]!
  const allHeads = await heads(client, agencyId)
  const retired = await anchors(client, agencyId)
  const breaks: ChainBreak[] = []
  const note = (found: ChainBreak | null): void => void (found && breaks.push(found))
  note(unsignedAnchor(retired, verifier))
  let rows = 0
  let matched = 0
  for (const chain of chainsOf(allHeads, retired, signed.newest)) {
    const result = await verifyChain(clients, chain)
    rows += result.rows
    if (result.signedHolds) matched += 1
    if (result.finding) note({ ...result.finding, agencyId: chain.agencyId, lane: chain.lane })
  }
  if (breaks.length === 0) {
    await client.query('set local enable_seqscan = on')
    note(await strayRow(client, rows, agencyId))
    note(await aiMismatch(client, agencyId))
    if (signed.forged > 0) note({ kind: 'checkpoint', agencyId: agencyId ?? '', lane: 0, seq: 0, detail: `${signed.forged} lines of the checkpoints have a signature that does not fit` })
  }
  const first = breaks[0]?.kind === 'rewritten' ? await firstRewritten(client, options, verifier, breaks[0]) : breaks[0]
  return {
    valid: breaks.length === 0,
    rows,
    heads: allHeads,
    checkpoint: signed.signedAt === null ? null : { signedAt: signed.signedAt, heads: signed.newest.size, matched, unknownKeys: signed.unknownKeys },
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

const inSnapshot = async (clients: readonly ClientBase[], options: VerifyOptions, work: () => Promise<Verification>): Promise<Verification> => {
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
