import type { AnyOperation } from '../../../routes/shared/operation.ts'

/** A function of the database that the host generated from a declaration. */
export interface CompiledFunction {
  readonly name: string
  readonly signature: string
  /** What `pg_proc.prosrc` must hold; boot compares. */
  readonly body: string
  readonly ddl: string
  readonly grantee: 'postern_app' | 'postern_bypass'
}

/** The gates that run in SQL. All are on; a test that proves a gate takes one out. */
export interface SqlGates {
  readonly ownership: boolean
  readonly consent: boolean
  readonly conversationRate: boolean
  readonly idempotency: boolean
  readonly audit: boolean
}

export const allSqlGates: SqlGates = { ownership: true, consent: true, conversationRate: true, idempotency: true, audit: true }

/** The gates in SQL when the named ones are left out. */
export const sqlGatesWithout = (left: ReadonlySet<string>): SqlGates => ({
  ownership: !left.has('ownership'),
  consent: !left.has('consent'),
  conversationRate: !left.has('conversation-rate'),
  idempotency: !left.has('idempotency'),
  audit: !left.has('audit'),
})

/** SQLSTATE of a compiled write whose switches have moved since they were read; the detail is how many moves there are now. */
export const switchMoved = 'PT503'

/** camelCase to snake_case. */
export const snake = (name: string): string => name.replaceAll(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`)

/** `sendMessage` runs as `op_send_message`. */
export const functionName = (operation: AnyOperation): string => `op_${snake(operation.name)}`
