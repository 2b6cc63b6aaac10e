import type { ClientBase } from 'pg'
import { chainName } from './chain-head.ts'
import type { Finding } from './diagnose.ts'

/** The first thing that is wrong, and where. */
export interface ChainBreak extends Finding {
  readonly agencyId: string
  readonly lane: number
}

// Steps from chain to chain along the index instead of reading every row.
const presentSql = (agencyId?: string): string => {
  const where = agencyId ? 'and e.agency_id = $1' : ''
  return `
    with recursive present as (
      (select e.agency_id, e.lane, e.seq, e.id from audit_event e where true ${where} order by e.agency_id, e.lane, e.seq limit 1)
      union all
      select n.* from present p cross join lateral (
        select e.agency_id, e.lane, e.seq, e.id from audit_event e where (e.agency_id, e.lane) > (p.agency_id, p.lane) ${where}
        order by e.agency_id, e.lane, e.seq limit 1) n)
    select * from present`
}

/** Names the first row of a chain that neither a head nor a retired month nor a signed head knows of. */
export const strayRow = async (client: ClientBase, known: ReadonlySet<string>, agencyId?: string): Promise<ChainBreak | null> => {
  const { rows } = await client.query<{ agency_id: string; lane: number; seq: string; id: string }>(
    presentSql(agencyId),
    agencyId ? [agencyId] : [],
  )
  const row = rows.find(({ agency_id, lane }) => !known.has(chainName({ agencyId: agency_id, lane })))
  if (!row) return null
  const detail = 'the row belongs to a chain that has no head'
  return { kind: 'inserted', agencyId: row.agency_id, lane: row.lane, seq: Number(row.seq), id: row.id, detail }
}

const aiActionSql = (agencyId?: string): string => `
  select coalesce(e.id, a.id) as id, coalesce(e.agency_id, a.agency_id) as agency_id, coalesce(e.lane, 0) as lane,
    coalesce(e.seq, 0) as seq, a.id is null as missing
  from (select * from audit_event where agent_id is not null ${agencyId ? 'and agency_id = $1' : ''}) e
  full join (select * from audit_ai_action ${agencyId ? 'where agency_id = $1' : ''}) a
    on a.agency_id = e.agency_id and a.id = e.id and a.at = e.at
  where a.id is null or e.id is null
    or (a.action, a.outcome, a.agent_id, a.under_role, a.user_id) is distinct from (e.action, e.outcome, e.agent_id, e.under_role, e.user_id)
  limit 1`

/** The log of AI actions has no chain of its own: each of its rows must agree with the chained event. */
export const aiMismatch = async (client: ClientBase, agencyId?: string): Promise<ChainBreak | null> => {
  const { rows } = await client.query<{ id: string; agency_id: string; lane: number; seq: string; missing: boolean }>(
    aiActionSql(agencyId),
    agencyId ? [agencyId] : [],
  )
  const row = rows[0]
  if (!row) return null
  const detail = row.missing ? 'an AI agent’s event is missing in the AI action log' : 'the AI action log does not agree with the chain'
  return { kind: 'ai-action', agencyId: row.agency_id, lane: row.lane, seq: Number(row.seq), id: row.id, detail }
}
