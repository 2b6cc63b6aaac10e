import type { AnyOperation } from '../../../routes/shared/operation.ts'
import type { Host } from '../host.ts'
import type { RequestCall } from '../request-call.ts'
import type { FastifyReply, FastifyRequest } from 'fastify'
import { access } from './access.ts'
import { agreement } from './agreement.ts'
import { authenticate } from './authenticate.ts'
import { conversationRate } from './conversation-rate.ts'
import { credentials } from './credentials.ts'
import type { Check, Gate, Stage } from './gate.ts'
import { ipRate } from './ip-rate.ts'
import { killSwitch } from './kill-switch.ts'
import { preconditions } from './preconditions.ts'
import { providerStatus } from './provider-status.ts'
import { userRate } from './user-rate.ts'

/** The gates that run in the process, in order. Those in SQL follow, compiled from the same declaration. */
export const gates: readonly Gate[] = [
  ipRate,
  authenticate,
  providerStatus,
  access,
  agreement,
  killSwitch,
  userRate,
  credentials,
  preconditions,
  conversationRate,
]

/** The checks of one stage for one operation. */
export const checksOf = (operation: AnyOperation, host: Host, stage: Stage): Check[] =>
  gates
    .filter((gate) => gate.stage === stage && !host.withoutGates.has(gate.name))
    .map((gate) => gate.bind(operation, host))
    .filter((check) => check !== null)

/** Runs checks in order; stays synchronous as long as they do. */
export const runChecks = (
  checks: readonly Check[],
  call: RequestCall,
  request: FastifyRequest,
  reply: FastifyReply,
  from = 0,
): void | Promise<void> => {
  for (let index = from; index < checks.length; index += 1) {
    const waiting = checks[index]!(call, request, reply)
    if (waiting) return waiting.then(() => runChecks(checks, call, request, reply, index + 1))
  }
}
