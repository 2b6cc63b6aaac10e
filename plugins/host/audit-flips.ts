import { newId, platformAgency } from '../../domain/shared/ids.ts'
import type { AuditTrail } from './audit/index.ts'
import type { Flags } from './flags/flags.ts'

/** Each observed flip of a switch leaves a row in the platform's chain. @returns what ends the watch */
export const auditFlips = (flags: Flags, audit: AuditTrail, report: (event: string, error: unknown) => void): (() => void) =>
  flags.onFlip(({ name, from, to, at, source }) => {
    const facts = {
      id: newId(at),
      agencyId: platformAgency,
      at,
      action: 'flag.flip',
      userId: null,
      role: null,
      agent: null,
      patientId: null,
      entityType: 'flag',
      entityId: name,
      ip: null,
      requestId: null,
      idempotencyKey: null,
      bypass: false,
      payload: { source },
      before: from,
      after: to,
    }
    audit.record(facts, 'success').catch((error: unknown) => report('audit.flip', error))
  })
