import { newId } from '../../../domain/shared/ids.ts'
import type { Transaction } from '../service.ts'
import type { Row } from '../sql/statement.ts'
import type { OutboxCall, OutboxNote, OutboxPort, OutboxRow } from './outbox-port.ts'

/** What is enough to bring a row to its turn. */
export interface Waiting {
  readonly agencyId: string
  readonly id: string
  readonly attempts: number
}

/** The rows that a transaction wrote down, so that sending begins when it has committed. */
export interface Noted {
  note(tx: Transaction, row: Waiting): void
  /** What the transaction wrote down; asked once, after its commit. */
  take(tx: Transaction): readonly Waiting[]
}

export const createNoted = (): Noted => {
  const rows = new WeakMap<Transaction, Waiting[]>()
  return {
    note(tx, row) {
      const noted = rows.get(tx)
      if (noted) noted.push(row)
      else rows.set(tx, [row])
    },
    take(tx) {
      const noted = rows.get(tx) ?? []
      rows.delete(tx)
      return noted
    },
  }
}

const mostNotes = 1_000

const columns = 'id, kind, cause, subject_id, ids, state, attempts, failure, created_at, settled_at'

const rowOf = (row: Row): OutboxRow => ({
  id: row['id'] as string,
  kind: row['kind'] as string,
  cause: row['cause'] as string,
  subjectId: row['subject_id'] as string,
  ids: row['ids'] as Record<string, string>,
  state: row['state'] as OutboxRow['state'],
  attempts: Number(row['attempts']),
  failure: row['failure'] as OutboxRow['failure'],
  createdAt: new Date(row['created_at'] as Date),
  settledAt: row['settled_at'] === null ? null : new Date(row['settled_at'] as Date),
})

/** The unique index decides: of two transactions that tell of one cause the second waits for the first and then finds its row. */
const insertSql = `insert into host_outbox
    (agency_id, id, context, kind, cause, subject_id, ids, state, attempts, next_attempt_at, created_at, audit_id)
  select $1, n.id, $2, n.kind, n.cause, n.subject, n.ids, 'queued', 0, $3, $3, $4
  from jsonb_to_recordset($5::jsonb) as n (id uuid, kind text, cause text, subject uuid, ids jsonb)
  on conflict on constraint host_outbox_once do nothing returning id`

const foundSql = `select o.id, o.kind, o.cause from host_outbox o
  join jsonb_to_recordset($3::jsonb) as n (kind text, cause text) on o.kind = n.kind and o.cause = n.cause
  where o.agency_id = $1 and o.context = $2`

const requeueSql = `update host_outbox set state = 'queued', attempts = 0, next_attempt_at = $4, settled_at = null
  where agency_id = $1 and context = $2 and id = $3 and state = 'failed' returning ${columns}`

/** The outbox as one context sees it: its own kinds, its own rows. */
export const createOutbox = (context: string, kinds: ReadonlySet<string>, { note }: Pick<Noted, 'note'>): OutboxPort => {
  const find: OutboxPort['find'] = async (tx, { agencyId }, id) => {
    const text = `select ${columns} from host_outbox where agency_id = $1 and context = $2 and id = $3`
    const [row] = await tx.sql(text, [agencyId, context, id])
    return row ? rowOf(row) : null
  }

  const add = async (tx: Transaction, { agencyId, now, auditId }: OutboxCall, notes: readonly OutboxNote[]) => {
    if (notes.length === 0) return []
    if (notes.length > mostNotes) throw new Error(`an outbox takes ${mostNotes} notes at once`)
    const unknown = notes.find(({ kind }) => !kinds.has(kind))
    if (unknown) throw new Error(`${context} declares no delivery ${unknown.kind}`)
    const asked = notes.map(({ kind, cause, subjectId, ids = {} }) => ({ id: newId(now.getTime()), kind, cause, subject: subjectId, ids }))
    const made = await tx.sql<{ id: string }>(insertSql, [agencyId, context, now, auditId, JSON.stringify(asked)])
    const isMade = new Set(made.map(({ id }) => id))
    const told = asked.some(({ id }) => !isMade.has(id)) ? await tx.sql(foundSql, [agencyId, context, JSON.stringify(asked)]) : []
    for (const id of isMade) note(tx, { agencyId, id, attempts: 0 })
    return asked.map(({ id, kind, cause }) => {
      if (isMade.has(id)) return { id, isNew: true }
      const first = told.find((row) => row['kind'] === kind && row['cause'] === cause)
      if (!first) throw new Error('a row of the outbox is neither new nor there')
      return { id: first['id'] as string, isNew: false }
    })
  }

  return {
    add,
    find,
    async list(tx, { agencyId }, { subjectId, before, limit, kinds: only }) {
      const text = `select ${columns} from host_outbox where agency_id = $1 and context = $2 and subject_id = $3
        and (created_at, id) < ($4, $5) and ($6::text[] is null or kind = any ($6)) order by created_at desc, id desc limit $7`
      const values = [agencyId, context, subjectId, new Date(before.at), before.id, only ?? null, limit]
      return (await tx.sql(text, values)).map(rowOf)
    },
    async resend(tx, call, id) {
      const { agencyId, now, auditId } = call
      const [again] = await tx.sql(requeueSql, [agencyId, context, id, now])
      if (again) {
        note(tx, { agencyId, id, attempts: 0 })
        return rowOf(again)
      }
      const row = await find(tx, call, id)
      if (row?.state !== 'sent') return null
      const { kind, subjectId, ids } = row
      const [made] = await add(tx, call, [{ kind, cause: `again:${id}:${auditId}`, subjectId, ids }])
      return find(tx, call, made!.id)
    },
  }
}
