import type { FastifyRequest } from 'fastify'
import { Refusal } from '../../../domain/shared/refusal.ts'
import type { AnyOperation } from '../../../routes/shared/operation.ts'
import type { TransactionPlan, Transacted, Written } from '../database/transactions.ts'
import type { Host } from '../host.ts'
import { factsOf, type RequestCall } from '../request-call.ts'
import type { AdviseService, Outcome } from '../service.ts'
import { callOf } from './call-of.ts'
import { fresh, type Handler } from './handler.ts'
import { sealAnswer } from './stored-answer.ts'
import { planOf, replay } from './transact.ts'

/** How long a duplicate waits for its twin, in milliseconds. */
const twinPatienceMs = 2_000

/** The keys whose sources are being asked: a duplicate need not ask a second time. */
const createTwins = () => {
  const asking = new Map<string, Promise<unknown>>()
  return {
    /** Waits until nobody asks for this key. @throws Refusal CONFLICT (`in-flight`) where that takes too long */
    async alone(name: string): Promise<boolean> {
      const twin = asking.get(name)
      if (!twin) return true
      let timer: NodeJS.Timeout | undefined
      const late = new Promise<'late'>((resolve) => (timer = setTimeout(resolve, twinPatienceMs, 'late').unref()))
      const ended = await Promise.race([twin, late])
      clearTimeout(timer)
      if (ended === 'late' || asking.has(name)) throw new Refusal('CONFLICT', 'in-flight')
      return false
    },
    /** Works while duplicates wait. */
    async ask<T>(name: string | null, work: () => Promise<T>): Promise<T> {
      if (name === null) return work()
      const working = work()
      asking.set(
        name,
        working.then(
          () => null,
          () => null,
        ),
      )
      try {
        return await working
      } finally {
        asking.delete(name)
      }
    },
  }
}

interface Read {
  readonly found: unknown
  readonly patientId: string | null
}

const nameOf = (call: RequestCall, plan: TransactionPlan): string | null =>
  plan.key && `${call.agencyId}:${plan.userId}:${plan.operation}:${plan.key.key}`

/** Serves an operation that advises: a reading transaction, the source with none open, and the transaction that stores. */
export const serveAdvise = (host: Host, service: AdviseService<AnyOperation>): Handler => {
  const twins = createTwins()

  const reading = (plan: TransactionPlan, call: RequestCall, request: FastifyRequest): Promise<Transacted<Read>> =>
    host.transactions.run({ ...plan, readOnly: true }, async (tx, patientId) => {
      const found = await service.read(callOf(call, request), tx)
      return { outcome: { body: { found, patientId } }, audit: null, status: 200, sealed: null }
    })

  const storing = (plan: TransactionPlan, call: RequestCall, request: FastifyRequest, read: unknown, advice: unknown) =>
    host.transactions.run(plan, async (tx, patientId): Promise<Written<unknown>> => {
      const outcome: Outcome = await service.store(callOf(call, request), tx, { read, advice, patientId })
      const audit = host.withoutGates.has('audit') ? null : host.audit.input(factsOf(call, request, outcome))
      const sealed = plan.key ? sealAnswer(host, call, outcome) : null
      return { outcome, audit, status: call.operation.reply.status, sealed }
    })

  /** From here on an agent acts, and whatever comes of it stands in its log. */
  const advising = async (plan: TransactionPlan, call: RequestCall, request: FastifyRequest, { found }: Read) => {
    if (!plan.stillOn()) throw new Refusal('UPSTREAM_UNAVAILABLE', 'disabled')
    call.agent = { ...service.agent, underRole: call.principal!.role }
    const advice = await service.consult(callOf(call, request), found)
    return storing(plan, call, request, found, advice)
  }

  return async (call, request) => {
    service.admit?.(callOf(call, request))
    const plan = planOf(host, call, request)
    const name = nameOf(call, plan)
    let read = await reading(plan, call, request)
    if (read.kind === 'done' && name !== null && !(await twins.alone(name))) read = await reading(plan, call, request)
    if (read.kind === 'replayed') return replay(host, call, request, read.stored)
    const { body } = read.outcome
    const result = await twins.ask(name, () => advising(plan, call, request, body))
    // Another instance was faster: what it stored is the answer, and what was advised here is dropped.
    if (result.kind === 'replayed') return replay(host, call, request, result.stored)
    call.audited = true
    return fresh(result.outcome)
  }
}
