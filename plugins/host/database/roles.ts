/** Owns every object and runs the migrations. Serves no request. */
export const ownerLogin = 'postern_owner'
/** The service's login: owns nothing, may do nothing by itself, becomes one role per transaction. */
export const appLogin = 'postern_app'
/** The founder's read across agencies: SELECT alone, on a pool of its own. */
export const bypassLogin = 'postern_bypass'

/**
 * The roles that the service's login can become, by what the operation is for. None can log in, none is a member of another.
 * `gate` is the host's own SQL (idempotency keys, the consent decision); `queue` carries jobs (the schema of the queue, and ids); the two
 * of the audit store are for its functions alone.
 */
export const roleNames = {
  read: 'postern_read',
  draft: 'postern_draft',
  advise: 'postern_advise',
  write: 'postern_write',
  admin: 'postern_admin',
  public: 'postern_public',
  gate: 'postern_gate',
  queue: 'postern_queue',
  auditWriter: 'postern_audit_writer',
  auditReader: 'postern_audit_reader',
} as const

export type RoleKey = keyof typeof roleNames

/** What the queue's role sees of every agency, by table: ids, states and times. @see design, section 8 */
export const queueReads: Readonly<Record<string, readonly string[]>> = {
  host_agency: ['id'],
  host_outbox: ['agency_id', 'id', 'state', 'attempts', 'next_attempt_at'],
}

/** The schema of the queue where it lives in PostgreSQL: another program's, under the queue's role alone. */
export const queueSchema = 'bullmq'

export const allRoles: readonly string[] = Object.values(roleNames)
