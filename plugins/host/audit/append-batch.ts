import type { ClientBase } from 'pg'
import { binaryColumns, type BatchColumn } from '../database/binary-array.ts'
import { auditInput, type AuditInputRow } from './audit-input.ts'
import type { AuditHead } from './chain-head.ts'

/** An event with its verdict, as `audit_append_batch` takes it. */
export type JudgedEvent = AuditInputRow & { readonly outcome: string; readonly reason: string | null }

const columns: readonly BatchColumn[] = [{ name: 'outcome', type: 'text' }, { name: 'reason', type: 'text' }, ...auditInput]

const text = `select * from audit_append_batch($1, ${columns.map(({ type }, at) => `$${at + 2}::${type}[]`).join(', ')})`

interface HeadRow {
  readonly agency_id: string
  readonly seq: string
  readonly hash: Buffer
}

/**
 * Appends events to one lane in one durable statement; rows of an agency must stand together. @returns the new heads
 * @throws what the driver throws; its message may hold values
 */
export const appendBatch = async (
  client: ClientBase,
  lane: number,
  events: readonly JudgedEvent[],
  timeoutMs: number,
): Promise<AuditHead[]> => {
  const query = { name: 'audit_append_batch', text, values: [lane, ...binaryColumns(columns, events)], query_timeout: timeoutMs }
  const { rows } = await client.query<HeadRow>(query)
  return rows.map(({ agency_id: agencyId, seq, hash }) => ({ agencyId, lane, seq, hash }))
}

/** About how many bytes an event takes on its way. */
export const sizeOf = ({ payload, changes }: AuditInputRow): number => 512 + byteLength(payload) + byteLength(changes)

const byteLength = (value: unknown): number => (Buffer.isBuffer(value) ? value.length : 0)
