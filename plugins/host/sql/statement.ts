import type { AnyOperation } from '../../../routes/shared/operation.ts'

/** PostgreSQL types that a compiled statement takes and gives. */
export type SqlType =
  | 'uuid'
  | 'text'
  | 'bytea'
  | 'timestamptz'
  | 'date'
  | 'int'
  | 'bigint'
  | 'boolean'
  | 'uuid[]'
  | 'text[]'
  | 'numeric'
  | 'json'

export type Columns = Readonly<Record<string, SqlType>>

/** One row as the driver gives or takes it: bytea as Buffer, timestamptz as Date. */
export type Row = Record<string, unknown>

/**
 * A read that the host compiles into one function: READ ONLY, under the effect's role, ownership and consent asked first.
 * In `sql`, `p_agency_id`, `p_user_id`, `p_patient_id`, `p_at` and `p_<arg>` are the parameters, `{{agency x}}` is the agency
 * predicate of table alias `x` (true where a founder reads across agencies), and `{{consent x}}` whether the patient of `x` permits.
 */
export interface ReadStatement {
  readonly kind: 'read'
  readonly operation: AnyOperation
  readonly args: Columns
  readonly returns: Columns
  readonly sql: string
  /**
   * For reads across agencies: a condition that every row meets and that their own partial index names, such as `version >= 1`. It
   * stands in the place of the agency, so that they find that index and no read of one agency ever takes it.
   */
  readonly everywhere?: string
}

/**
 * A write that the host compiles into one function with its gates, key and audit row around it. In `sql`, `items` holds the requests of
 * a batch that every gate has let pass: `agency_id`, `patient_id`, `user_id`, `at`, `audit_id` and the declared columns. The statement
 * works all of them and none besides: `insert into … select … from items i`.
 */
export interface WriteStatement {
  readonly kind: 'write'
  readonly operation: AnyOperation
  readonly columns: Columns
  readonly sql: string
  /** Constraints whose violation is the caller's conflict and not a defect. */
  readonly conflicts?: readonly string[]
}

export type Statement = ReadStatement | WriteStatement

export const readStatement = (declared: Omit<ReadStatement, 'kind'>): ReadStatement => Object.freeze({ kind: 'read', ...declared })

export const writeStatement = (declared: Omit<WriteStatement, 'kind'>): WriteStatement => Object.freeze({ kind: 'write', ...declared })
