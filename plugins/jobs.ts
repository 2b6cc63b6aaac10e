import type { AppConfig } from '../config/env.ts'
import type { Clock } from '../domain/shared/clock.ts'
import type { AuditTrail } from './host/audit/index.ts'
import type { Flags } from './host/flags/flags.ts'
import { noIdentityAdmin } from './host/identity-admin/no-identity-admin.ts'
import type { IdentityAdmin } from './host/identity-admin/identity-admin.ts'
import { createJobs, type Jobs } from './host/jobs/jobs.ts'
import { createServiceTransactions, serviceActor } from './host/jobs/service-transaction.ts'
import type { Database } from './host/open-database.ts'
import type { Surroundings } from './surroundings.ts'

export interface OpenJobsOptions {
  readonly config: AppConfig
  readonly clock: Clock
  readonly database: Database
  readonly audit: AuditTrail
  readonly flags: Flags
  readonly surroundings: Surroundings
  readonly report: (event: string, error: unknown) => void
}

const identityOf = async ({ config, clock, surroundings }: OpenJobsOptions): Promise<IdentityAdmin> => {
  if (config.identity.admin) {
    const { createKeycloakAdmin } = await import('./host/identity-admin/keycloak-admin.ts')
    return createKeycloakAdmin(config.identity.admin, clock)
  }
  return surroundings.devIssuer?.accounts ?? noIdentityAdmin
}

/** What works without a request. Nothing is opened and no library loaded before it is needed. */
export const openJobs = (options: OpenJobsOptions): Jobs => {
  const { config, clock, database, audit, flags, surroundings, report } = options
  return createJobs({
    pool: database.pool,
    transactions: createServiceTransactions({ transactions: database.transactions, audit }),
    clock,
    isOn: (flag, agencyId) => flags.isOn(flag, { userId: serviceActor.userId, agencyId, roles: [serviceActor.role] }, 'write'),
    redisUrl: config.redisUrl,
    databaseUrl: surroundings.logins.appUrl,
    openMail: async () => (await import('./host/mail/open-mail.ts')).openMail(config.mail, clock),
    openIdentity: () => identityOf(options),
    report,
  })
}
