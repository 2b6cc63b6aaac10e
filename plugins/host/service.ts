import type { EntityManager } from '@mikro-orm/postgresql'
import type { ResumableStep } from '../../routes/shared/files.ts'
import type { AnyOperation, BodyOf, ParamsOf, QueryOf, ReplyOf } from '../../routes/shared/operation.ts'
import type { ReceivedDocument, SentDocument, UploadRules } from './documents/document-types.ts'
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
  /** Why a founder entered another agency than their own; null for everybody else. */
  readonly accessReason: string | null
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
  /** The stored document that is sent instead of a body, where the operation declares `download`. */
  readonly file?: SentDocument
  /** The id of the record that the audit row is about, where the path does not name it. */
  readonly entityId?: string
  /** The patient whom the record concerns, where the caller is not the patient. */
  readonly patientId?: string
  /** The patients whose records a list holds, where it may be several's: the audit row keeps them with its payload. */
  readonly patientIds?: readonly string[]
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
  /**
   * Asks somebody else, where the agency's records live there: null where they do not. The statement runs once before, for its gates,
   * and again with what was gathered as further arguments, so that the same SQL decides who sees it. No transaction is open meanwhile.
   */
  readonly gather?: (call: Call<O>) => (() => Promise<Row>) | null
  readonly present: (rows: Row[], call: Call<O>, gathered: Row | null) => Outcome<ReplyOf<O>>
}

/** Writes with one compiled statement, committed in a group with concurrent ones. */
export interface StatementService<O extends AnyOperation> {
  readonly statement: WriteStatement
  /** The row's columns and the answer, both made before the database is asked. */
  readonly prepare: (call: Call<O>) => { readonly row: Row; readonly outcome: Outcome<ReplyOf<O>> }
}

/** What the first two phases of an `AdviseService` gave. */
export interface Advised<R, A> {
  readonly read: R
  readonly advice: A
  /** The patient whom the request concerns, named or by way of a record; null where it concerns nobody. */
  readonly patientId: string | null
}

/**
 * Advises in three phases: reads READ ONLY, asks its source with no transaction open, and stores. Ownership, consent and key are asked
 * in the first phase and again in the last, whose transaction also holds key, audit row and the switch once more: what was withdrawn
 * while the source was thinking stores nothing.
 * @see MIG-03 §6.4; FusionEMS part 2, AI Agents
 */
export interface AdviseService<O extends AnyOperation, R = unknown, A = unknown> {
  /** Who acts in the AI action log, from the moment the source is asked, under the caller's role and this version of the policy. */
  readonly agent: { readonly agentId: string; readonly policyVersionId: string }
  /** Refuses before any row is looked up. */
  readonly admit?: (call: Call<O>) => void
  readonly read: (call: Call<O>, tx: Transaction) => Promise<R>
  /** What a service reads and its source says is its own affair: a method, so that the host may hold services of every kind. */
  consult(call: Call<O>, read: R): Promise<A>
  store(call: Call<O>, tx: Transaction, advised: Advised<R, A>): Promise<Outcome<ReplyOf<O>>>
}

/** What is known before the file: a field that a client puts behind it is not there yet, and is for `store` to ask. */
export type Admission<O extends AnyOperation> = Omit<Call<O>, 'body'> & { readonly body: Partial<Call<O>['body']> }

/**
 * Takes a document in three phases: admits it READ ONLY (ownership is asked), receives it with no transaction open, and stores its row in
 * the transaction that also holds key, audit row and the switch once more. Whatever fails leaves no object behind.
 * @see FR-015, Screen 2
 */
export interface UploadService<O extends AnyOperation> {
  /** Refuses, or says whose document it will be and how large it may be, before a byte of the file is read. */
  readonly accept: (call: Admission<O>, tx: Transaction) => Promise<UploadRules>
  /** Writes the row. `call.body` is the fields. */
  readonly store: (call: Call<O>, tx: Transaction, file: ReceivedDocument) => Promise<Outcome<ReplyOf<O>>>
}

/** One of the requests of a resumable upload; all of it is the host's work. */
export interface ResumableService {
  readonly resumable: ResumableStep
}

/** The seven ways to serve an operation; the declaration's gates run before and around each of them. */
export type Service<O extends AnyOperation = AnyOperation> =
  | AnswerService<O>
  | TransactService<O>
  | QueryService<O>
  | StatementService<O>
  | AdviseService<O>
  | UploadService<O>
  | ResumableService
