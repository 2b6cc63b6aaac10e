import type { Clock } from '../../domain/shared/clock.ts'
import { newId } from '../../domain/shared/ids.ts'
import type { AuditTrail } from './audit/index.ts'
import type { SecurityEvent } from './outbound.ts'

/**
 * Writes a security event of an upstream into the agency's trail: which context met it, in which request and why. The address or the
 * resource that gave the alarm is not kept: either can hold personal data.
 */
export const alarmOf =
  (audit: Pick<AuditTrail, 'record'>, clock: Clock) =>
  ({ context, agencyId, requestId, cause }: SecurityEvent): Promise<void> => {
    const at = clock.now()
    const facts = {
      id: newId(at), agencyId, at, action: 'security.upstream', userId: null, role: null, agent: null, patientId: null,
      entityType: 'upstream', entityId: context, ip: null, requestId, idempotencyKey: null, bypass: false, payload: { context, cause },
    } // prettier-ignore
    return audit.record(facts, 'UPSTREAM_UNAVAILABLE', cause)
  }
