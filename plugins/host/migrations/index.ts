import type { MigrationStep } from '../database/migrate.ts'
import { Roles } from './0001-roles.ts'
import { IdempotencyKey } from './0002-idempotency-key.ts'
import { Audit } from './0003-audit.ts'
import { Gates } from './0004-gates.ts'
import { Advise } from './0005-advise.ts'
import { Outbox } from './0006-outbox.ts'
import { Batches } from './0007-batches.ts'
import { Documents } from './0008-documents.ts'
import { Tickets } from './0009-tickets.ts'
import { SwitchMoves } from './0010-switch-moves.ts'

/** The host's own steps; they come before every context's. */
export const hostMigrations: readonly MigrationStep[] = [
  { name: '0001-roles', class: Roles },
  { name: '0002-idempotency-key', class: IdempotencyKey },
  { name: '0003-audit', class: Audit },
  { name: '0004-gates', class: Gates },
  { name: '0005-advise', class: Advise },
  { name: '0006-outbox', class: Outbox },
  { name: '0007-batches', class: Batches },
  { name: '0008-documents', class: Documents },
  { name: '0009-tickets', class: Tickets },
  { name: '0010-switch-moves', class: SwitchMoves },
]
