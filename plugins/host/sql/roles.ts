import type { AnyOperation, Effect } from '../../../routes/shared/operation.ts'

/** The database role under which an effect's domain statements run. */
export const effectRole = (effect: Effect): string => `postern_${effect}`

/** Without a token one sees what is published and nothing else, whatever the effect. */
export const publicRole = 'postern_public'
export const gateRole = 'postern_gate'
export const auditWriterRole = 'postern_audit_writer'

/** The database role under which an operation reads. */
export const readingRole = ({ audience, effect }: AnyOperation): string => (audience.includes('public') ? publicRole : effectRole(effect))
