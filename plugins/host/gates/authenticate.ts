import type { FastifyRequest } from 'fastify'
import type { AnyOperation } from '../../../routes/shared/operation.ts'
import type { Host } from '../host.ts'
import { unauthorized } from '../identity/unauthorized.ts'
import type { Principal } from '../principal.ts'
import type { RequestCall } from '../request-call.ts'
import type { Check, Gate } from './gate.ts'

const byToken = (host: Host): Check => {
  return (call, request) => {
    const found = host.identity.authenticate(request.headers.authorization)
    if (!(found instanceof Promise)) {
      call.principal = found
      return undefined
    }
    return found.then((principal) => {
      call.principal = principal
    })
  }
}

/** A ticket leaves the request with its use: what is audited or answered later does not hold it. */
const takeTicket = (request: FastifyRequest): unknown => {
  const query = request.query as Record<string, unknown>
  const { ticket } = query
  delete query['ticket']
  return ticket
}

const differ = (one: Principal, other: Principal): boolean => one.userId !== other.userId || one.agencyId !== other.agencyId

/** A ticket stands for the token of the caller who was handed it; who sends a token besides must be that caller. */
const byTicket = async (
  host: Host,
  operation: AnyOperation,
  ticket: unknown,
  call: RequestCall,
  request: FastifyRequest,
): Promise<void> => {
  const { authorization } = request.headers
  const bearer = authorization === undefined ? null : await host.identity.authenticate(authorization)
  const { principal, scope } = await host.tickets.redeem(ticket, operation, request.params)
  if (bearer && differ(bearer, principal)) throw unauthorized('ticket of somebody else')
  call.principal = principal
  call.scope = scope
}

/** Who calls: a verified token or a ticket that stands for one, and the agency that the request works in. */
export const authenticate: Gate = {
  name: 'authenticate',
  stage: 'arrival',
  bind: (operation, host) => {
    if (operation.audience.includes('public')) return null
    const withToken = byToken(host)
    if (!operation.ticket) return withToken
    return (call, request, reply) => {
      const ticket = takeTicket(request)
      return ticket === undefined ? withToken(call, request, reply) : byTicket(host, operation, ticket, call, request)
    }
  },
}
