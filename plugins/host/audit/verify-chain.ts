import type { ClientBase } from 'pg'
import { auditInput } from './audit-input.ts'
import { canonicalColumns, genesis, type StoredEvent } from './canonical.ts'
import type { ChainHead } from './chain-head.ts'
import { diagnose, type ChainPosition, type Finding } from './diagnose.ts'

/** Rows that were retired: the chain goes on behind `seq` with `hash`. */
export interface Anchor {
  readonly agencyId: string
  readonly lane: number
  readonly fromSeq: number
  readonly seq: number
  readonly hash: Buffer
}

export interface Chain {
  readonly agencyId: string
  readonly lane: number
  /** By number. */
  readonly anchors: readonly Anchor[]
  /** `undefined` where the head's row is missing. */
  readonly head: ChainHead | undefined
  /** Rows of one range; 20 000 unless told. */
  readonly rangeRows?: number
  /** The last head that was signed. */
  readonly signed: (ChainHead & { readonly at: string }) | undefined
}

export interface ChainResult {
  readonly rows: number
  readonly finding: Finding | null
  /** Whether the last signed head was found as it was signed. */
  readonly signedHolds: boolean
}

/** Rows that are checked by one statement, unless told. */
const usualRange = 20_000
const neighbours = 256

// A range that begins in the middle takes the stored hash before it: whether that one is right is the range's before.
const rangeSql = `
  select count(*) as rows, max(seq) as last, min(seq) filter (where misfit) as wrong from (
    select seq,
      seq <> coalesce(lag(seq) over chain, $3::bigint) + 1 or hash is distinct from sha256(
        coalesce(lag(hash) over chain, $5::bytea, (select p.hash from audit_event p where p.agency_id = $1 and p.lane = $2 and p.seq = $3 limit 1))
          || audit_canonical(${canonicalColumns.map(({ name }) => name).join(', ')})) as misfit
    from audit_event
    where agency_id = $1 and lane = $2 and seq > $3 and seq <= $4
    window chain as (order by seq)
  ) checked`

const hashSql = 'select hash from audit_event where agency_id = $1 and lane = $2 and seq = $3 limit 2'
const endsSql = 'select min(seq) as first, max(seq) as last from audit_event where agency_id = $1 and lane = $2'

const eventSql = `
  select lane, seq, outcome, reason, ${auditInput.map(({ name }) => name).join(', ')}, hash from audit_event
  where agency_id = $1 and lane = $2 and seq > $3 order by seq, hash limit ${neighbours}`

type Row = Record<string, unknown>

const query = async (client: ClientBase, name: string, text: string, values: readonly unknown[]): Promise<Row[]> =>
  (await client.query({ name, text, values: [...values] })).rows as Row[]

/** The hash of one row, or null where there is none (or more than one). */
export const hashAt = async (
  client: ClientBase,
  { agencyId, lane }: Pick<Chain, 'agencyId' | 'lane'>,
  seq: number,
): Promise<Buffer | null> => {
  const rows = await query(client, 'audit_hash', hashSql, [agencyId, lane, seq])
  return rows.length === 1 ? (rows[0]!.hash as Buffer) : null
}

const rowsBehind = async (client: ClientBase, { agencyId, lane }: Chain, seq: number): Promise<StoredEvent[]> => {
  const rows = await query(client, 'audit_rows', eventSql, [agencyId, lane, seq])
  return rows.map((row) => ({ ...row, seq: Number(row.seq) }) as unknown as StoredEvent)
}

interface Walk {
  position: ChainPosition
  rows: number
  finding: Finding | null
}

interface Range {
  readonly after: number
  readonly until: number
  readonly rows: number
  /** The last number in the range, 0 where it is empty. */
  readonly last: number
  /** The first number that does not fit. */
  readonly wrong: number | null
}

const checkRange = async (client: ClientBase, chain: Chain, after: number, until: number, before: Buffer | null): Promise<Range> => {
  const [row] = await query(client, 'audit_range', rangeSql, [chain.agencyId, chain.lane, after, until, before])
  return { after, until, rows: Number(row!.rows), last: Number(row!.last ?? 0), wrong: row!.wrong === null ? null : Number(row!.wrong) }
}

/** The next ranges side by side, one on each connection. */
const checkRanges = (clients: readonly ClientBase[], chain: Chain, { seq, hash }: ChainPosition, to: number): Promise<Range[]> => {
  const { rangeRows = usualRange } = chain
  const ranges = clients.map((client, index) => ({ client, after: seq + index * rangeRows })).filter(({ after }) => after < to)
  return Promise.all(
    ranges.map(({ client, after }, index) => checkRange(client, chain, after, Math.min(after + rangeRows, to), index === 0 ? hash : null)),
  )
}

/** Follows a chain from where `walk` stands through `to`; stops at the first row that does not fit. */
const follow = async (clients: readonly ClientBase[], chain: Chain, walk: Walk, to: number): Promise<void> => {
  const client = clients[0]!
  while (walk.position.seq < to && !walk.finding) {
    for (const range of await checkRanges(clients, chain, walk.position, to)) {
      walk.rows += range.rows
      const whole = range.wrong === null && range.last === range.until
      const last = whole ? range.until : await lastBefore(client, chain, range.wrong === null ? range.until : range.wrong - 1, range.after)
      if (last > range.after) walk.position = { seq: last, hash: (await hashAt(client, chain, last)) ?? walk.position.hash }
      if (!whole) walk.finding ??= await nameBreak(client, chain, walk.position, to)
      if (walk.finding) break
    }
  }
}

/** The last number there is up to `seq`, or `start`. */
const lastBefore = async (client: ClientBase, { agencyId, lane }: Chain, seq: number, start: number): Promise<number> => {
  const text = 'select max(seq) as last from audit_event where agency_id = $1 and lane = $2 and seq > $3 and seq <= $4'
  const [row] = await query(client, 'audit_last_before', text, [agencyId, lane, start, seq])
  return Number(row!.last ?? start)
}

const nameBreak = async (client: ClientBase, chain: Chain, position: ChainPosition, to: number): Promise<Finding> => {
  const rows = await rowsBehind(client, chain, position.seq)
  if (rows.length > 0) return diagnose(position, rows)
  const cut = chain.signed && chain.signed.seq > position.seq
  const detail = `rows ${position.seq + 1} to ${to} are missing at the end`
  return {
    kind: cut ? 'cut-tail' : 'removed',
    seq: position.seq + 1,
    detail: cut ? `${detail}; the head was signed at ${chain.signed.at}` : detail,
  }
}

const checkHead = (chain: Chain, { seq, hash }: ChainPosition): Finding | null => {
  const { head } = chain
  if (!head) return { kind: 'head', seq, detail: 'the chain has rows and no head' }
  if (head.seq < seq) return { kind: 'head', seq: head.seq, detail: `the head was set back to ${head.seq}; rows go on to ${seq}` }
  if (head.hash !== hash.toString('hex')) return { kind: 'head', seq, detail: 'the head has another hash than the last row' }
  return null
}

const checkSigned = async (client: ClientBase, chain: Chain, last: ChainPosition): Promise<Finding | null> => {
  const { signed } = chain
  if (!signed) return null
  if (signed.seq > last.seq) {
    return {
      kind: 'cut-tail',
      seq: last.seq + 1,
      detail: `rows ${last.seq + 1} to ${signed.seq} are missing; the head ${signed.seq} was signed at ${signed.at}`,
    }
  }
  const retired = chain.anchors.find(({ fromSeq, seq }) => fromSeq <= signed.seq && signed.seq <= seq)
  if (retired && retired.seq !== signed.seq) return null
  const hash = retired ? retired.hash : await hashAt(client, chain, signed.seq)
  if (hash?.toString('hex') === signed.hash) return null
  return { kind: 'rewritten', seq: signed.seq, detail: `the row is not the one whose hash was signed at ${signed.at}` }
}

const checkRetired = async (client: ClientBase, chain: Chain, anchor: Anchor): Promise<Finding | null> => {
  const last = await lastBefore(client, chain, anchor.seq, anchor.fromSeq - 1)
  if (last < anchor.fromSeq) return null
  return { kind: 'inserted', seq: last, detail: `rows ${anchor.fromSeq} to ${anchor.seq} have been retired, and here is one again` }
}

/**
 * Checks one chain from its beginning, or from behind what was retired, to its head and to the last signed head. The hashes are
 * computed in the database, in ranges, by the same function that wrote them.
 *
 * @param clients one or more connections that see the same snapshot
 */
export const verifyChain = async (clients: readonly ClientBase[], chain: Chain): Promise<ChainResult> => {
  const client = clients[0]!
  const walk: Walk = { position: { seq: 0, hash: genesis }, rows: 0, finding: null }
  const [ends] = await query(client, 'audit_ends', endsSql, [chain.agencyId, chain.lane])
  const first = Number(ends!.first ?? 1)
  if (first < 1) walk.finding = { kind: 'inserted', seq: first, detail: 'the first row of a chain has the number 1' }
  for (const anchor of chain.anchors) {
    if (!walk.finding) await follow(clients, chain, walk, anchor.fromSeq - 1)
    walk.finding ??= await checkRetired(client, chain, anchor)
    if (walk.finding) break
    walk.position = { seq: anchor.seq, hash: anchor.hash }
  }
  const last = Math.max(Number(ends!.last ?? 0), chain.head?.seq ?? 0)
  if (!walk.finding) await follow(clients, chain, walk, last)
  const signed = walk.finding ? null : await checkSigned(client, chain, walk.position)
  const finding = walk.finding ?? signed ?? (last === 0 && !chain.head ? null : checkHead(chain, walk.position))
  return { rows: walk.rows, finding, signedHolds: Boolean(chain.signed) && finding === null }
}
