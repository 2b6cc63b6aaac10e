import type { FastifyInstance } from 'fastify'
import { Refusal } from '../../domain/shared/refusal.ts'
import { sendProblem } from './problem-replies.ts'
import type { IpLimit } from './rate-limit/ip-limit.ts'

interface Known {
  readonly pattern: RegExp
  readonly methods: Set<string>
}

const patternOf = (url: string): RegExp =>
  new RegExp(`^${url.replaceAll(/[.*+?^${}()|[\]\\]/g, String.raw`\$&`).replaceAll(/:\w+/g, '[^/]+')}$`)

/** Unknown routes answer 404, known ones asked with another method 405 with `Allow`; both count against the address. */
export const answerUnknown = (app: FastifyInstance, ipLimit: () => IpLimit | null): void => {
  const known = new Map<string, Known>()
  app.addHook('onRoute', ({ url, method }) => {
    const entry = known.get(url) ?? { pattern: patternOf(url), methods: new Set() }
    for (const one of [method].flat()) entry.methods.add(String(one))
    known.set(url, entry)
  })
  app.setNotFoundHandler(async (request, reply) => {
    await ipLimit()?.take(request, 'all')
    const path = request.raw.url?.split('?', 1)[0] ?? ''
    const methods = [...known.values()].filter(({ pattern }) => pattern.test(path)).flatMap((entry) => [...entry.methods])
    const allowed = [...new Set(methods)].filter((method) => method !== 'OPTIONS')
    if (allowed.length > 0) reply.header('Allow', allowed.join(', '))
    sendProblem(new Refusal('NOT_FOUND', allowed.length > 0 ? 'method' : 'default'), request, reply)
    return reply
  })
}
