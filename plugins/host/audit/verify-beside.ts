import type { ClientBase } from 'pg'
import type { Finding } from './diagnose.ts'

/** The first thing that is wrong, and where. */
export interface ChainBreak extends Finding {
  readonly agencyId: string
  readonly lane: number
}

/** A row that no chain accounts for, where more rows are there than were counted along the chains. */
export const strayRow = async (client: ClientBase, counted: number, agencyId?: string): Promise<ChainBreak | null> => {
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
  return row
    ? {
        kind: 'inserted',
        agencyId: row.agency_id,
        lane: row.lane,
        seq: Number(row.seq),
        id: row.id,
        detail: 'the row belongs to a chain that has no head',
      }
    : null
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
