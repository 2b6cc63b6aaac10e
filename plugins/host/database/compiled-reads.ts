import type { Pool } from 'pg'
import { Refusal } from '../../../domain/shared/refusal.ts'
import { functionName } from '../sql/compiled.ts'
import { readHostArity } from '../sql/compile-read.ts'
import type { ReadStatement, Row } from '../sql/statement.ts'
import { refusalOfDatabase } from './failure.ts'

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
  /** One round trip, READ ONLY. */
  run(statement: ReadStatement, session: ReadSession, args: Row): Promise<Row[]>
}

const textOf = (name: string, arity: number): string =>
  `select * from ${name}(${Array.from({ length: arity }, (_, at) => `$${at + 1}`).join(', ')})`

/** Runs compiled reads on the runtime pool, and those across agencies on the bypass pool, which may be absent. */
export const createCompiledReads = (pool: Pool, bypass: Pool | null): CompiledReads => {
  const texts = new Map<string, string>()
  const query = (name: string, arity: number): string => {
    let text = texts.get(name)
    if (!text) texts.set(name, (text = textOf(name, arity)))
    return text
  }
  return {
    async run(statement, session, args) {
      const names = Object.keys(statement.args)
      const across = session.agencyId === null
      if (across && !bypass) throw new Refusal('UPSTREAM_UNAVAILABLE')
      const name = across ? `${functionName(statement.operation)}_across` : functionName(statement.operation)
      const values = [
        session.agencyId,
        session.userId,
        session.patientId,
        session.consentPatientId,
        session.at,
        ...names.map((arg) => args[arg] ?? null),
      ]
      try {
        const { rows } = await (across ? bypass! : pool).query<Row>({ name, text: query(name, readHostArity + names.length), values })
        return rows
      } catch (error) {
        throw refusalOfDatabase(error) ?? error
      }
    },
  }
}
