import type { Pool } from 'pg'
import { Refusal } from '../../../domain/shared/refusal.ts'
import { functionName } from '../sql/compiled.ts'
import { readHostArity } from '../sql/compile-read.ts'
import type { ReadStatement, Row } from '../sql/statement.ts'
import { createBatcher } from './batcher.ts'
import { binaryColumns, isArrayElement, type BatchColumn } from './binary-array.ts'
import { blamesOne, refusalOfDatabase } from './failure.ts'

/** The session that a compiled read runs under. */
export interface ReadSession {
  /** Null for a founder's read across agencies. */
  readonly agencyId: string | null
  readonly userId: string
  readonly patientId: string | null
  /** Whose consent is asked; null where the caller is exempt. */
  readonly consentPatientId: string | null
  readonly at: Date
}

export interface CompiledReads {
  /** One round trip, READ ONLY; under load it is shared with concurrent reads of the same kind, each in its own session. */
  run(statement: ReadStatement, session: ReadSession, args: Row): Promise<Row[]>
}

export interface CompiledReadsOptions {
  readonly pool: Pool
  /** For reads across agencies; may be absent. */
  readonly bypass: Pool | null
  /** How many shared round trips may be under way at once. */
  readonly slots: number
}

interface PendingRead {
  readonly read: PreparedRead
  readonly values: readonly unknown[]
  readonly resolve: (rows: Row[]) => void
  readonly reject: (error: unknown) => void
}

/** What a statement is asked with, made once. */
interface PreparedRead {
  readonly name: string
  readonly text: string
  /** Asks for many at once; null where an argument is an array itself. */
  readonly many: { readonly name: string; readonly text: string; readonly columns: readonly BatchColumn[] } | null
}

const batchSize = 32
const capacity = 2_000

const hostTypes = ['uuid', 'text', 'uuid', 'uuid', 'timestamptz'] as const

const list = (length: number, one: (at: number) => string): string => Array.from({ length }, (_, at) => one(at)).join(', ')

/** Each row of the join calls the function anew, which makes its own session: what shares a round trip shares nothing else. */
const prepareMany = (name: string, statement: ReadStatement): PreparedRead['many'] => {
  const types = [...hostTypes, ...Object.values(statement.args)]
  const elements = types.filter(isArrayElement)
  if (elements.length < types.length) return null
  const arity = elements.length
  return {
    name: `${name}_many`,
    text: `select r.read_of_batch, x.* from unnest(${list(arity, (at) => `$${at + 1}::${elements[at]}[]`)})
      with ordinality r(${list(arity, (at) => `a${at}`)}, read_of_batch), lateral ${name}(${list(arity, (at) => `r.a${at}`)}) x`,
    columns: elements.map((type, at) => ({ name: String(at), type })),
  }
}

const prepare = (statement: ReadStatement, across: boolean): PreparedRead => {
  const name = across ? `${functionName(statement.operation)}_across` : functionName(statement.operation)
  const arity = readHostArity + Object.keys(statement.args).length
  return { name, text: `select * from ${name}(${list(arity, (at) => `$${at + 1}`)})`, many: across ? null : prepareMany(name, statement) }
}

const valuesOf = (statement: ReadStatement, session: ReadSession, args: Row): unknown[] => [
  session.agencyId,
  session.userId,
  session.patientId,
  session.consentPatientId,
  session.at,
  ...Object.keys(statement.args).map((arg) => args[arg] ?? null),
]

const alone = async (pool: Pool, { name, text }: PreparedRead, values: readonly unknown[]): Promise<Row[]> => {
  try {
    return (await pool.query<Row>({ name, text, values: [...values] })).rows
  } catch (error) {
    throw refusalOfDatabase(error) ?? error
  }
}

const settleAlone = (pool: Pool, { read, values, resolve, reject }: PendingRead): Promise<void> =>
  alone(pool, read, values).then(resolve, reject)

/** Runs compiled reads on the runtime pool, and those across agencies on the bypass pool. */
export const createCompiledReads = ({ pool, bypass, slots }: CompiledReadsOptions): CompiledReads => {
  const prepared = new Map<ReadStatement, { readonly within: PreparedRead; readonly across: PreparedRead }>()
  const preparedOf = (statement: ReadStatement) => {
    let known = prepared.get(statement)
    if (!known) prepared.set(statement, (known = { within: prepare(statement, false), across: prepare(statement, true) }))
    return known
  }

  const together = async (reads: readonly PendingRead[]): Promise<void> => {
    const { name, text, columns } = reads[0]!.read.many!
    const values = binaryColumns(
      columns,
      reads.map(({ values }) => values as unknown as Row),
    )
    const { rows } = await pool.query<Row>({ name, text, values })
    const results: Row[][] = reads.map(() => [])
    for (const { read_of_batch: at, ...row } of rows) results[Number(at) - 1]!.push(row)
    for (const [at, read] of reads.entries()) read.resolve(results[at]!)
  }

  const batcher = createBatcher<PendingRead>({
    slots,
    batchSize,
    capacity,
    groupOf: ({ read }) => read.name,
    async run(_, reads) {
      if (reads.length === 1) return settleAlone(pool, reads[0]!)
      // One that is refused fails for all, and nothing has happened: each is asked by itself. A database that is down or late is not.
      await together(reads).catch(async (error: unknown) => {
        if (!blamesOne(error)) throw error
        for (const read of reads) await settleAlone(pool, read)
      })
    },
    reject: ({ reject }, cause) => reject(refusalOfDatabase(cause) ?? cause),
  })

  return {
    async run(statement, session, args) {
      const { within, across } = preparedOf(statement)
      const values = valuesOf(statement, session, args)
      if (session.agencyId === null) {
        if (!bypass) throw new Refusal('UPSTREAM_UNAVAILABLE')
        return alone(bypass, across, values)
      }
      if (!within.many) return alone(pool, within, values)
      return new Promise((resolve, reject) => {
        if (!batcher.add({ read: within, values, resolve, reject })) reject(new Refusal('UPSTREAM_UNAVAILABLE'))
      })
    },
  }
}
