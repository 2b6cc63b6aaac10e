import type { Clock } from '../../domain/shared/clock.ts'
import type { AuditTrail } from './audit/index.ts'
import type { CompiledReads } from './database/compiled-reads.ts'
import type { CompiledWrites } from './database/compiled-writes.ts'
import type { Transactions } from './database/transactions.ts'
import type { Documents } from './documents/documents.ts'
import type { Uploads } from './documents/uploads.ts'
import type { Flags } from './flags/flags.ts'
import type { IdentityPort, LimiterPort, Window } from './ports.ts'
import type { ProviderStatusOf } from './provider-status.ts'
import type { ResponseCipher } from './crypto/index.ts'
import type { IpLimit } from './rate-limit/ip-limit.ts'
import type { Tickets } from './tickets/tickets.ts'
import type { GateName } from './gates/gate-names.ts'

/** Everything that the host's machinery works with. Contexts never see it. */
export interface Host {
  readonly clock: Clock
  readonly identity: IdentityPort
  /** The port `provider-status`; null where no context provides it. */
  readonly providerStatusOf: ProviderStatusOf | null
  /** Is there an agency of this id? Asked where a founder enters one. */
  readonly agencyExists: (agencyId: string) => boolean | Promise<boolean>
  readonly flags: Pick<Flags, 'isOn' | 'snapshot'>
  readonly limiter: LimiterPort
  readonly ipLimit: IpLimit
  /** Named policies of `config/limits.ts`. */
  readonly policies: Readonly<Record<string, readonly Window[]>>
  readonly audit: AuditTrail
  readonly reads: CompiledReads
  readonly writes: CompiledWrites
  readonly transactions: Transactions
  readonly responses: ResponseCipher
  readonly documents: Documents
  readonly uploads: Uploads
  readonly tickets: Tickets
  /** How long an idempotency key lives, in milliseconds. */
  readonly keyLifetimeMs: number
  /** Gates left out on purpose, by the tests that prove that each is needed. Empty everywhere else. */
  readonly withoutGates: ReadonlySet<GateName>
}
