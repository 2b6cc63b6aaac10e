import { Refusal } from '../../../domain/shared/refusal.ts'
import type { Host } from '../host.ts'
import type { RequestCall } from '../request-call.ts'
import type { Check, Gate } from './gate.ts'
import { policyOf } from './user-rate.ts'
import type { Verdict } from '../ports.ts'

const noted = (call: RequestCall, verdict: Verdict): void => {
  if (verdict.allowed) return
  call.verdict = verdict
  call.withinLimits = false
}

/**
 * Limits per record. The verdict is taken here and acted on in SQL, behind ownership and consent; an attempt that those refuse has
 * not reached this gate and is given back.
 */
export const conversationRate: Gate = {
  name: 'conversation-rate',
  stage: 'validated',
  bind: (operation, host): Check | null => {
    const limits = (operation.limits ?? []).flatMap((limit) =>
      limit.per === 'user' ? [] : [{ ...policyOf(host, limit.policy), param: limit.per.param }],
    )
    if (limits.length === 0) return null
    return async (call, request) => {
      for (const { name, windows, param } of limits) {
        const record = String((request.params as Record<string, unknown>)[param])
        const key = `${name}:${call.agencyId}:${call.principal!.userId}:${record}`
        call.taken.push({ key, windows })
        const verdict = host.limiter.take(key, windows, { strict: operation.closed === true })
        noted(call, verdict instanceof Promise ? await verdict : verdict)
      }
    }
  },
}

/** Gives back what an attempt took that did not reach the gate after all. */
export const giveBack = (host: Host, call: RequestCall): void => {
  for (const { key, windows } of call.taken) host.limiter.giveBack(key, windows)
  call.taken = []
}

/** True where a refusal means that the attempt never came to the per-record limits. */
export const refusedBefore = (error: unknown): boolean =>
  error instanceof Refusal && (error.code === 'FORBIDDEN' || error.code === 'CONSENT_REQUIRED' || error.code === 'NOT_FOUND')
