import type { Transaction } from '../service.ts'
import type { Row } from '../sql/statement.ts'
import type { Due } from './job.ts'
import type { DeliveryFailure, OutboxCall } from './outbox-port.ts'

/** Attempts of one row before it has failed. */
export const mostAttempts = 3
const minute = 60_000
/** How long after an attempt began the next one's turn is, in milliseconds: far longer than an attempt may take, and all three within an hour. */
export const turnsMs = [5 * minute, 20 * minute, 5 * minute] as const

/** A row that this worker has taken, and of which context it is. */
export interface Claimed {
  readonly context: string
  readonly due: Due
  /** Its last attempt was cut off: there is none left. */
  readonly cutOff: boolean
}

const claimSql = `update host_outbox set attempts = attempts + 1, next_attempt_at = case attempts when 0 then $4 when 1 then $5 else $6 end::timestamptz
  where agency_id = $1 and id = $2 and state = 'queued' and next_attempt_at <= $3 and attempts < ${mostAttempts}
  returning context, id, kind, cause, subject_id, ids, attempts`

const overdueSql = `select context, id, kind, cause, subject_id, ids, attempts from host_outbox
  where agency_id = $1 and id = $2 and state = 'queued' and next_attempt_at <= $3 and attempts >= ${mostAttempts} for update skip locked`

const settleSql = `update host_outbox set state = $4, failure = $5, settled_at = $6
  where agency_id = $1 and id = $2 and state = 'queued' and attempts = $3 returning id`

const failSql = "update host_outbox set failure = $4 where agency_id = $1 and id = $2 and state = 'queued' and attempts = $3"

const claimedOf = (row: Row, { agencyId, now, auditId }: OutboxCall, cutOff: boolean): Claimed => ({
  context: row['context'] as string,
  cutOff,
  due: {
    agencyId,
    now,
    auditId,
    id: row['id'] as string,
    kind: row['kind'] as string,
    cause: row['cause'] as string,
    subjectId: row['subject_id'] as string,
    ids: row['ids'] as Record<string, string>,
    attempt: Number(row['attempts']),
  },
})

/**
 * Takes a row whose turn it is: one UPDATE counts the attempt and moves the next turn ahead, so that of several workers one has it, and
 * a worker that dies has used up an attempt. Null where it is not its turn, or somebody else has it.
 */
export const claim = async (tx: Transaction, call: OutboxCall, id: string): Promise<Claimed | null> => {
  const { agencyId, now } = call
  const turns = turnsMs.map((ms) => new Date(now.getTime() + ms))
  const [row] = await tx.sql(claimSql, [agencyId, id, now, ...turns])
  return row ? claimedOf(row, call, false) : null
}

/** A row whose last attempt was cut off; held until the transaction ends. */
export const overdue = async (tx: Transaction, call: OutboxCall, id: string): Promise<Claimed | null> => {
  const [row] = await tx.sql(overdueSql, [call.agencyId, id, call.now])
  return row ? claimedOf(row, call, true) : null
}

/** Marks the end of a row. @returns false where another attempt has begun or ended meanwhile */
export const settle = async (tx: Transaction, due: Due, failure: DeliveryFailure | null, at: Date): Promise<boolean> => {
  const { agencyId, id, attempt } = due
  return (await tx.sql(settleSql, [agencyId, id, attempt, failure === null ? 'sent' : 'failed', failure, at])).length > 0
}

/** Notes why an attempt failed; the row waits for its next turn. */
export const noteFailure = async (tx: Transaction, { agencyId, id, attempt }: Due, failure: DeliveryFailure): Promise<void> => {
  await tx.sql(failSql, [agencyId, id, attempt, failure])
}
