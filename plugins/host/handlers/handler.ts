import type { FastifyReply, FastifyRequest } from 'fastify'
import type { Outcome } from '../service.ts'
import type { RequestCall } from '../request-call.ts'

/** How one kind of service answers: the outcome, and whether it stands for the answer of an earlier try. */
export interface Handled {
  readonly outcome: Outcome
  readonly replayed: boolean
}

export type Handler = (call: RequestCall, request: FastifyRequest, reply: FastifyReply) => Promise<Handled>

export const fresh = (outcome: Outcome): Handled => ({ outcome, replayed: false })
