import type { FastifyReply, FastifyRequest } from 'fastify'
import type { AnyOperation } from '../../../routes/shared/operation.ts'
import type { Host } from '../host.ts'
import type { RequestCall } from '../request-call.ts'
import type { GateName } from './gate-names.ts'

export { gateNames, type GateName } from './gate-names.ts'

/** Where in the request's life a gate stands: before the body is read, after it, or after its validation. */
export type Stage = 'arrival' | 'admission' | 'validated'

export type Check = (call: RequestCall, request: FastifyRequest, reply: FastifyReply) => void | Promise<void>

/** One gate: what it checks for one operation, or null where the operation does not have it. Throws a `Refusal` to close. */
export interface Gate {
  readonly name: GateName
  readonly stage: Stage
  readonly bind: (operation: AnyOperation, host: Host) => Check | null
}
