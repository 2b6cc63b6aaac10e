import type { AuditInputRow, AuditTrail } from '../audit/index.ts'
import type { TransactionPlan, Transactions } from '../database/transactions.ts'
import type { Transaction } from '../service.ts'

/** Who works where nobody calls. */
export const serviceActor = { userId: 'service', role: 'service' } as const

/** One transaction of the service itself, in one agency. */
export interface ServicePlan {
  /** What stands in the audit. */
  readonly action: string
  readonly agencyId: string
  readonly at: Date
  readonly auditId: string
  /** Asked again right before an audited commit. */
  readonly stillOn?: () => boolean
}

/** What the audit keeps of it; none where nothing happened that is worth a row. */
export interface ServiceFacts {
  readonly actor?: { readonly userId: string; readonly role: string } | undefined
  readonly entity?: { readonly type: string; readonly id: string } | undefined
  readonly payload?: unknown
  readonly before?: unknown
  readonly after?: unknown
  readonly count?: number
}

export interface ServiceTransactions {
  /** Reads, READ ONLY, under the ordinary reading role. */
  read<T>(plan: ServicePlan, work: (tx: Transaction) => Promise<T>): Promise<T>
  /** Writes under the role of the effect `admin`; with `facts`, the audit row is in the transaction: no audit, no change. */
  write<T>(plan: ServicePlan, work: (tx: Transaction) => Promise<{ readonly result: T; readonly facts: ServiceFacts | null }>): Promise<T>
}

export interface ServiceTransactionsOptions {
  readonly transactions: Transactions
  readonly audit: Pick<AuditTrail, 'input'>
}

const transactionPlan = (plan: ServicePlan, effect: 'read' | 'admin'): TransactionPlan => ({
  operation: plan.action,
  effect,
  agencyId: plan.agencyId,
  patientId: null,
  userId: serviceActor.userId,
  at: plan.at,
  auditId: plan.auditId,
  ownership: null,
  consent: null,
  key: null,
  stillOn: plan.stillOn ?? (() => true),
})

/** Transactions in which the service works for nobody in particular: one agency at a time, under the ordinary roles, audited. */
export const createServiceTransactions = ({ transactions, audit }: ServiceTransactionsOptions): ServiceTransactions => {
  const rowOf = ({ action, agencyId, at, auditId }: ServicePlan, facts: ServiceFacts): AuditInputRow => {
    const { userId, role } = facts.actor ?? serviceActor
    return audit.input({
      id: auditId,
      agencyId,
      at: at.getTime(),
      action,
      userId,
      role,
      agent: null,
      patientId: null,
      entityType: facts.entity?.type ?? null,
      entityId: facts.entity?.id ?? null,
      ip: null,
      requestId: null,
      idempotencyKey: null,
      bypass: false,
      payload: facts.payload,
      before: facts.before,
      after: facts.after,
      count: facts.count ?? null,
    })
  }
  const run = async <T>(
    plan: ServicePlan,
    effect: 'read' | 'admin',
    work: (tx: Transaction) => Promise<{ readonly result: T; readonly facts: ServiceFacts | null }>,
  ): Promise<T> => {
    const done = await transactions.run<T>(transactionPlan(plan, effect), async (tx) => {
      const { result, facts } = await work(tx)
      return { outcome: { body: result }, audit: facts && rowOf(plan, facts), status: 200, sealed: null }
    })
    if (done.kind !== 'done') throw new Error('a transaction without a key was replayed')
    return done.outcome.body
  }
  return {
    read: (plan, work) => run(plan, 'read', async (tx) => ({ result: await work(tx), facts: null })),
    write: (plan, work) => run(plan, 'admin', work),
  }
}
