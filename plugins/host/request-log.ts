import type { FastifyReply, FastifyRequest } from 'fastify'
import { platformAgency } from '../../domain/shared/ids.ts'
import type { RequestCall } from './request-call.ts'

/** Where log lines go: pino's own destination, so that lines keep their order. */
export interface LogDestination {
  write(line: string): unknown
}

const plain = /^[\w:.@+-]*$/

/** Enumerated and verified values stand as they are; a `sub` of unusual form is escaped. */
const quoted = (value: string): string => (plain.test(value) ? `"${value}"` : JSON.stringify(value))

/**
 * One line per operation, composed from an allow-list: ids, names and numbers that the host itself made or verified. Nothing of the
 * request's content can reach it.
 * @see 02B, Logging; FusionEMS part 4, Request Logging
 */
export const createRequestLog = (destination: LogDestination) => {
  let second = 0
  let prefix = ''
  // The date down to the second is written once a second.
  const timestamp = (): string => {
    const now = Date.now()
    const current = Math.floor(now / 1000)
    if (current !== second) {
      second = current
      prefix = new Date(now).toISOString().slice(0, 20)
    }
    return `${prefix}${String(now % 1000).padStart(3, '0')}Z`
  }

  return (call: RequestCall | null, request: FastifyRequest, reply: FastifyReply): void => {
    const { principal } = call ?? {}
    const agency = principal ? (call!.scope ? call!.agencyId : principal.agencyId) : platformAgency
    const elapsed = call ? performance.now() - call.arrivedAt : reply.elapsedTime
    destination.write(
      `{"level":30,"timestamp":"${timestamp()}","tenantId":"${agency}","userId":${quoted(principal?.userId ?? '')},"commandId":"${request.id}","action":"${
        call?.operation.name ?? 'unknownRoute'
      }","outcome":"${call?.outcome ?? (reply.statusCode < 400 ? 'success' : 'NOT_FOUND')}","status":${reply.statusCode},"role":"${principal?.role ?? 'anonymous'}","method":"${
        request.method
      }","route":"${request.routeOptions.url ?? ''}","response_time_ms":${elapsed.toFixed(2)}}\n`,
    )
  }
}
