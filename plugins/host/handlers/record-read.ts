import type { FastifyRequest } from 'fastify'
import { newId } from '../../../domain/shared/ids.ts'
import type { Host } from '../host.ts'
import { factsOf, type RequestCall } from '../request-call.ts'
import type { Outcome } from '../service.ts'
import { isAcross } from './call-of.ts'

/** A page holds at most a hundred rows, so that it concerns no more agencies than this; what would is recorded in the platform's chain. */
const mostAgencies = 128

/**
 * Records an answered read and waits for it. A founder's read across agencies leaves a row in each agency whose records were
 * read (`agencyIds`, as often as they come), and in the platform's chain where there were none.
 * @throws Refusal UPSTREAM_UNAVAILABLE where the row cannot be stored: no row, no answer
 * @see design, section 3: both are audited as `bypass` in the agencies concerned
 */
export const recordRead = async (
  host: Host,
  call: RequestCall,
  request: FastifyRequest,
  outcome: Outcome,
  agencyIds: Iterable<string>,
): Promise<void> => {
  const facts = factsOf(call, request, outcome)
  const concerned = isAcross(call) ? [...new Set(agencyIds)] : []
  if (concerned.length === 0 || concerned.length > mostAgencies) return host.audit.record(facts, 'success')
  await Promise.all(
    concerned.map((agencyId, index) => host.audit.record({ ...facts, agencyId, id: index === 0 ? facts.id : newId(call.at) }, 'success')),
  )
}
