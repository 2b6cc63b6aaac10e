import type { FastifyRequest } from 'fastify'
import { Refusal } from '../../domain/shared/refusal.ts'

const loopbackAddress = /^(?:127\.\d{1,3}\.\d{1,3}\.\d{1,3}|::1|::ffff:127\.\d{1,3}\.\d{1,3}\.\d{1,3})$/
const loopbackName = /^(?:localhost|127\.\d{1,3}\.\d{1,3}\.\d{1,3}|\[::1\])(?::\d{1,5})?$/i
const loopbackOrigin = /^https?:\/\/(?:localhost|127\.\d{1,3}\.\d{1,3}\.\d{1,3}|\[::1\])(?::\d{1,5})?$/i

/**
 * Refuses whoever is not on this machine: by the connection's own address (what a proxy says is not asked, and that there is
 * one is enough to refuse), by the name that was called, against pages that rebind theirs, and by the page that calls.
 * @throws Refusal FORBIDDEN
 */
export const requireLoopback = async (request: FastifyRequest): Promise<void> => {
  const { host, origin, forwarded, 'x-forwarded-for': forwardedFor } = request.headers
  const local = loopbackAddress.test(request.socket.remoteAddress ?? '') && loopbackName.test(host ?? '')
  const direct = forwarded === undefined && forwardedFor === undefined
  const samePlace = origin === undefined || loopbackOrigin.test(origin)
  if (!local || !direct || !samePlace) throw new Refusal('FORBIDDEN')
}
