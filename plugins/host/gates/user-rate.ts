import type { FastifyReply } from 'fastify'
import type { AnyOperation } from '../../../routes/shared/operation.ts'
import type { Host } from '../host.ts'
import type { Verdict, Window } from '../ports.ts'
import { limitHeader, policyHeader, rateLimited } from '../rate-limit/headers.ts'
import type { RequestCall } from '../request-call.ts'
import type { Check, Gate } from './gate.ts'

interface Policy {
  readonly name: string
  readonly windows: readonly Window[]
}

/** The windows of a policy by name; an unknown name stops the boot. */
export const policyOf = (host: Host, name: string): Policy => {
  const windows = host.policies[name]
  if (!windows) throw new Error(`The limit "${name}" is not in config/limits.ts.`)
  return { name, windows }
}

const userPolicies = (operation: AnyOperation, host: Host): Policy[] => [
  policyOf(host, 'user'),
  ...(operation.limits ?? []).filter((limit) => limit.per === 'user').map((limit) => policyOf(host, limit.policy)),
]

const tighter = (one: Verdict | null, other: Verdict): Verdict =>
  one && one.allowed && one.remaining <= other.remaining && other.allowed ? one : other

const note = (call: RequestCall, reply: FastifyReply, verdict: Verdict): void => {
  call.verdict = tighter(call.verdict, verdict)
  reply.header('RateLimit', limitHeader(call.verdict))
  if (!verdict.allowed) throw rateLimited(verdict)
}

/** How many attempts one caller may make: the general budget and those that the operation names. Refused attempts count. */
export const userRate: Gate = {
  name: 'user-rate',
  stage: 'admission',
  bind: (operation, host): Check | null => {
    if (operation.audience.includes('public')) return null
    const policies = userPolicies(operation, host)
    const everyLimit = [policyOf(host, 'user'), ...(operation.limits ?? []).map((limit) => policyOf(host, limit.policy))]
    const header = policyHeader(everyLimit.flatMap(({ windows }) => windows))
    const strict = { strict: operation.closed === true }
    return (call, _request, reply) => {
      reply.header('RateLimit-Policy', header)
      const user = `${call.principal!.agencyId}:${call.principal!.userId}`
      const takeFrom = (index: number): void | Promise<void> => {
        for (let at = index; at < policies.length; at += 1) {
          const verdict = host.limiter.take(`${policies[at]!.name}:${user}`, policies[at]!.windows, strict)
          if (verdict instanceof Promise) return verdict.then((known) => (note(call, reply, known), takeFrom(at + 1)))
          note(call, reply, verdict)
        }
      }
      return takeFrom(0)
    }
  },
}
