import type { MigrationStep } from '../database/migrate.ts'
import { Roles } from './0001-roles.ts'
import { IdempotencyKey } from './0002-idempotency-key.ts'
import { Audit } from './0003-audit.ts'
import { Gates } from './0004-gates.ts'
import { Advise } from './0005-advise.ts'
import { Batches } from './0006-batches.ts'

/** The host's own steps; they come before every context's. */
export const hostMigrations: readonly MigrationStep[] = [
  { name: '0001-roles', class: Roles },
  { name: '0002-idempotency-key', class: IdempotencyKey },
  { name: '0003-audit', class: Audit },
  { name: '0004-gates', class: Gates },
  { name: '0005-advise', class: Advise },
  { name: '0006-batches', class: Batches },
]
