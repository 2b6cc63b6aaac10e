import type { EntityManager } from '@mikro-orm/postgresql'
import type { AnyOperation, BodyOf, ParamsOf, QueryOf, ReplyOf } from '../../routes/shared/operation.ts'
import type { Principal } from './principal.ts'
import type { ReadStatement, Row, WriteStatement } from './sql/statement.ts'

/** One request of an operation after its gates have let it pass. */
export interface Call<O extends AnyOperation = AnyOperation> {
  readonly operation: O
  readonly principal: Principal
  /** The agency that the request works in; the all-zero platform only for a founder's read across agencies. */
  readonly agencyId: string
  /** True where a founder reads across all agencies. */
  readonly acrossAgencies: boolean
  readonly params: ParamsOf<O>
  readonly query: QueryOf<O>
  readonly body: BodyOf<O>
  readonly now: Date
  readonly requestId: string
  /** The id of the audit row that this call will have; a row that it creates keeps it. */
  readonly auditId: string
  /** The strong ETag that `If-Match` carried, quotes included. */
  readonly ifMatch: string | null
}

/** What an operation answers, and what the audit keeps of the change. */
export interface Outcome<R = unknown> {
  readonly body: R
  readonly location?: string
  /** Strong, quotes included. */
  readonly etag?: string
  readonly headers?: Readonly<Record<string, string>>
  /** The id of the record that the audit row is about, where the path does not name it. */
  readonly entityId?: string
  /** The patient whom the record concerns, where the caller is not the patient. */
  readonly patientId?: string
  /** The agencies whose records the answer holds, where an `answer` service reads across agencies; of a `query` its rows tell. */
  readonly agencyIds?: readonly string[]
  readonly before?: unknown
  readonly after?: unknown
}

/**
 * The domain transaction: MikroORM under the role of the operation's effect, in the caller's agency. Only what cannot leave
 * the transaction is here; `getConnection` and friends are not.
 */
export type Transaction = Pick<
  EntityManager,
  'find' | 'findOne' | 'count' | 'create' | 'persist' | 'remove' | 'flush' | 'insert' | 'nativeUpdate' | 'lock' | 'refresh' | 'assign'
> & {
  /** One query or change with its values as parameters (`$1`, `$2`, …). What could touch the session is refused. */
  sql<R = Row>(statement: string, parameters?: readonly unknown[]): Promise<R[]>
}

/** Answers without a domain transaction. */
export interface AnswerService<O extends AnyOperation> {
  readonly answer: (call: Call<O>) => Outcome<ReplyOf<O>> | Promise<Outcome<ReplyOf<O>>>
}

/** Works in a domain transaction opened for the declared effect. */
export interface TransactService<O extends AnyOperation> {
  readonly transact: (call: Call<O>, tx: Transaction) => Promise<Outcome<ReplyOf<O>>>
}

/** Reads with one compiled statement: a single round trip, READ ONLY. */
export interface QueryService<O extends AnyOperation> {
  readonly query: ReadStatement
  readonly args: (call: Call<O>) => Row
  readonly present: (rows: Row[], call: Call<O>) => Outcome<ReplyOf<O>>
}

/** Writes with one compiled statement, committed in a group with concurrent ones. */
export interface StatementService<O extends AnyOperation> {
  readonly statement: WriteStatement
  /** The row's columns and the answer, both made before the database is asked. */
  readonly prepare: (call: Call<O>) => { readonly row: Row; readonly outcome: Outcome<ReplyOf<O>> }
}

/** The four ways to serve an operation; the declaration's gates run before and around each of them. */
export type Service<O extends AnyOperation = AnyOperation> = AnswerService<O> | TransactService<O> | QueryService<O> | StatementService<O>
