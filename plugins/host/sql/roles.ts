import type { Effect } from '../../../routes/shared/operation.ts'

/** The database role under which an effect's domain statements run. */
export const effectRole = (effect: Effect): string => `postern_${effect}`

export const gateRole = 'postern_gate'
export const auditWriterRole = 'postern_audit_writer'
