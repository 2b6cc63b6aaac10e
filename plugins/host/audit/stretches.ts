import type { ClientBase } from 'pg'
import { genesis } from './canonical.ts'
import { hashAt } from './verify-chain.ts'

/** A stretch of one chain: rows `from` to `to`, all of them. */
export interface Stretch {
  readonly agencyId: string
  readonly lane: number
  readonly from: number
  readonly to: number
  /** The hash of the row before the first. */
  readonly before: Buffer
}

interface Island {
  agency_id: string
  lane: number
  first: string
  last: string
}

/** A chain's rows between two numbers, cut where rows have been retired. */
const cut = async (client: ClientBase, { agency_id: agencyId, lane, first, last }: Island): Promise<Stretch[]> => {
  const { rows } = await client.query<{ from_seq: string; seq: string }>(
    'select from_seq, seq from audit_anchor where agency_id = $1 and lane = $2 and from_seq > $3 and seq < $4 order by seq',
    [agencyId, lane, first, last],
  )
  const ends = [...rows.map((row) => Number(row.from_seq) - 1), Number(last)]
  const starts = [Number(first), ...rows.map((row) => Number(row.seq) + 1)]
  const stretches: Stretch[] = []
  for (const [index, from] of starts.entries()) {
    const to = ends[index]!
    if (to >= from) stretches.push({ agencyId, lane, from, to, before: await hashBefore(client, { agencyId, lane }, from) })
  }
  return stretches
}

/** The chains of one agency between two times: whatever stands between the first and the last row is in it, whatever its time. */
export const stretchesBetween = async (
  client: ClientBase,
  agencyId: string,
  from: Date | undefined,
  to: Date | undefined,
): Promise<Stretch[]> => {
  const { rows } = await client.query<Island>(
    `select agency_id, lane, min(seq) as first, max(seq) as last from audit_event
     where agency_id = $1 and at >= $2 and at < $3 group by agency_id, lane order by lane`,
    [agencyId, from ?? '-infinity', to ?? 'infinity'],
  )
  const stretches: Stretch[] = []
  for (const island of rows) stretches.push(...(await cut(client, island)))
  return stretches
}

/** Exactly the rows between two times, of every agency that may be seen: each unbroken run of numbers is a stretch. */
export const runsBetween = async (client: ClientBase, from: Date, to: Date): Promise<Stretch[]> => {
  const { rows } = await client.query<Island>(
    `select agency_id, lane, min(seq) as first, max(seq) as last from (
       select agency_id, lane, seq, seq - row_number() over (partition by agency_id, lane order by seq) as run
       from audit_event where at >= $1 and at < $2) numbered
     group by agency_id, lane, run order by agency_id, lane, first`,
    [from, to],
  )
  const stretches: Stretch[] = []
  for (const { agency_id: agencyId, lane, first, last } of rows) {
    const start = Number(first)
    stretches.push({ agencyId, lane, from: start, to: Number(last), before: await hashBefore(client, { agencyId, lane }, start) })
  }
  return stretches
}

/** The hash of the row before `seq`, be it there or retired. */
const hashBefore = async (
  client: ClientBase,
  chain: { readonly agencyId: string; readonly lane: number },
  seq: number,
): Promise<Buffer> => {
  if (seq === 1) return genesis
  const there = await hashAt(client, chain, seq - 1)
  if (there) return there
  const { rows } = await client.query<{ hash: Buffer }>('select hash from audit_anchor where agency_id = $1 and lane = $2 and seq = $3', [
    chain.agencyId,
    chain.lane,
    seq - 1,
  ])
  return rows[0]?.hash ?? genesis
}
