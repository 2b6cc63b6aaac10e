import { newId, platformAgency } from '../../domain/shared/ids.ts'
import type { AuditFacts, AuditTrail } from './audit/index.ts'
import type { FlagFlip, Flags } from './flags/flags.ts'

/** How long a flip that could not be recorded waits for the next try, and how many may wait. */
const retryMs = 5_000
const mostWaiting = 100

const factsOf = ({ name, from, to, at, source }: FlagFlip): AuditFacts => ({
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
})

/**
 * Each observed flip of a switch leaves a row in the platform's chain; while the store is down it waits.
 * @returns what ends the watch
 */
export const auditFlips = (
  flags: Pick<Flags, 'onFlip'>,
  audit: Pick<AuditTrail, 'record'>,
  report: (event: string, error: unknown) => void,
): (() => void) => {
  const waiting = new Set<NodeJS.Timeout>()
  const record = (facts: AuditFacts): void => {
    audit.record(facts, 'success').catch((error: unknown) => {
      report('audit.flip', error)
      if (waiting.size >= mostWaiting) return
      const timer = setTimeout(() => {
        waiting.delete(timer)
        record(facts)
      }, retryMs).unref()
      waiting.add(timer)
    })
  }
  const stop = flags.onFlip((flip) => record(factsOf(flip)))
  return () => {
    stop()
    for (const timer of waiting) clearTimeout(timer)
  }
}
