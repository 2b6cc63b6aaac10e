import type { EntityManager, MikroORM } from '@mikro-orm/postgresql'
import { invalid, Refusal } from '../../../domain/shared/refusal.ts'
import type { Reason } from '../../../domain/shared/codes.ts'
import type { Effect, Ownership } from '../../../routes/shared/operation.ts'
import type { AuditHead } from '../audit/index.ts'
import { auditInput } from '../audit/index.ts'
import type { Outcome, Transaction } from '../service.ts'
import { effectRole } from '../sql/roles.ts'
import { ownershipQuery } from '../sql/ownership.ts'
import { refusalOfDatabase } from './failure.ts'
import type { LanePool } from './lane-pool.ts'
import { execute, facadeOf, inTransaction } from './transaction-facade.ts'

/** The idempotency key of one request and what it stands for. */
export interface ClaimedKey {
  readonly key: string
  readonly fingerprint: Buffer
  readonly expiresAt: Date
}

/** Everything that a domain transaction is opened with, all of it from the declaration and the call. */
export interface TransactionPlan {
  readonly operation: string
  readonly effect: Effect
  readonly agencyId: string
  readonly patientId: string | null
  readonly userId: string
  readonly at: Date
  readonly auditId: string
  readonly ownership: { readonly gate: Ownership; readonly id: string } | null
  /** Of the patient named, or of the one in a column of the row that `ownership` finds; of nobody, it is not given. */
  readonly consent: {
    readonly patientId: string | null
    readonly column?: string
    readonly scope: string
    /** Where there is nobody to ask, nothing is asked. */
    readonly optional?: boolean
  } | null
  /** The caller's own draft that the request names: it is looked up, and its patient is asked for this scope besides. */
  readonly draft?: { readonly id: string; readonly pointer: string; readonly scope: string } | null
  /** Reads, whatever the effect: a key is only looked up. */
  readonly readOnly?: boolean
  readonly key: ClaimedKey | null
  /** Asked again right before commit. */
  readonly stillOn: () => boolean
}

export interface Written<R> {
  readonly outcome: Outcome<R>
  /** The audit columns of the success, and the sealed answer where a key was claimed. */
  readonly audit: Readonly<Record<string, unknown>> | null
  readonly status: number
  readonly sealed: Buffer | null
}

export type Transacted<R> = { readonly kind: 'done'; readonly outcome: Outcome<R> } | { readonly kind: 'replayed'; readonly stored: Buffer }

interface Opened {
  outcome: string
  status: number | null
  response: Buffer | null
}

export interface Transactions {
  /** `subject` is the patient whom the request concerns: named in it, of the row it names, or of the draft; null where it is nobody. */
  run<R>(plan: TransactionPlan, work: (tx: Transaction, subject: string | null) => Promise<Written<R>>): Promise<Transacted<R>>
}

export interface TransactionsOptions {
  readonly orm: MikroORM
  readonly lanes: LanePool
  /** The lane of the audit chain on which a slot writes now. */
  readonly laneOf: (slot: number) => number
  readonly committed: (heads: readonly AuditHead[]) => void
  /** Told after each commit, with what the work was handed. */
  readonly afterCommit?: (tx: Transaction) => void
}

const variablesOf = (plan: TransactionPlan): Record<string, string> => ({
  role: effectRole(plan.effect),
  'app.current_agency': plan.agencyId,
  'app.current_patient': plan.patientId ?? '',
  'app.current_actor': plan.userId,
  ...(plan.effect === 'read' || plan.readOnly ? { transaction_read_only: 'on' } : {}),
})

/** Does the caller own the row? Gives the patient of it where the consent is theirs. */
const checkOwnership = async (em: EntityManager, plan: TransactionPlan): Promise<string | null> => {
  if (!plan.ownership) return null
  const { gate, id } = plan.ownership
  const claim = gate.owner.claim === 'patientId' ? plan.patientId : plan.userId
  const [row] = await execute<{ patient: string | null }>(em, ownershipQuery(gate, plan.consent?.column), [plan.agencyId, id, claim])
  if (!row) throw new Refusal(gate.refusal)
  return row.patient
}

const openSql = 'select * from host_open($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)'
const lookSql = openSql.replace('host_open', 'host_look')

const withoutConsent = (patientId: string | null): Refusal =>
  new Refusal('CONSENT_REQUIRED', 'default', patientId === null ? {} : { patientId })

const found = (opened: Opened, subject: string | null): Buffer | null => {
  const { outcome } = opened
  if (outcome === 'open') return null
  if (outcome === 'CONSENT_REQUIRED') throw withoutConsent(subject)
  if (outcome === 'replayed') return opened.response!
  throw new Refusal('CONFLICT', outcome as Reason<'CONFLICT'>)
}

/** Consent and key in one round trip; null where the way is free, else the answer of the first time. */
const open = async (em: EntityManager, plan: TransactionPlan, subject: string | null): Promise<Buffer | null> => {
  const { key } = plan
  const consent = plan.consent?.optional && subject === null ? null : plan.consent
  if (!consent && !key) return null
  const [opened] = await execute<Opened>(em, plan.readOnly ? lookSql : openSql, [
    effectRole(plan.effect), subject, consent?.scope ?? null, plan.agencyId, plan.userId, plan.operation,
    key?.key ?? null, key?.fingerprint ?? null, plan.auditId, plan.at, key?.expiresAt ?? null,
  ]) // prettier-ignore
  return found(opened!, subject)
}

const draftSql = 'select * from host_own_draft($1, $2, $3, $4, $5, $6)'

/** The patient of the draft that the request names. @throws Refusal NOT_FOUND, CONSENT_REQUIRED, or that another patient was named beside it */
const throughDraft = async (em: EntityManager, plan: TransactionPlan, named: string | null): Promise<string | null> => {
  if (!plan.draft) return named
  const { id, pointer, scope } = plan.draft
  const values = [effectRole(plan.effect), plan.agencyId, plan.userId, id, scope, plan.at]
  const [row] = await execute<{ patient: string | null; permitted: boolean }>(em, draftSql, values)
  if (!row?.patient) throw new Refusal('NOT_FOUND')
  if (named !== null && named !== row.patient) throw invalid(pointer, 'same-patient')
  if (!row.permitted) throw withoutConsent(row.patient)
  return row.patient
}

/** Every gate that is asked in SQL, in order: the patient whom the request concerns, and the answer of the first time where there is one. */
const enter = async (em: EntityManager, plan: TransactionPlan): Promise<{ subject: string | null; stored: Buffer | null }> => {
  const ofRow = await checkOwnership(em, plan)
  const subject = await throughDraft(em, plan, plan.consent?.patientId ?? ofRow)
  return { subject, stored: await open(em, plan, subject) }
}

const closeSql = `select * from host_close(${Array.from({ length: 8 + auditInput.length }, (_, index) => `$${index + 1}`).join(', ')})`

const close = async (em: EntityManager, plan: TransactionPlan, written: Written<unknown>, lane: number): Promise<AuditHead> => {
  const columns = auditInput.map(({ name }) => written.audit![name] ?? null)
  const key = plan.key?.key ?? null
  const head = [lane, 'success', null, plan.userId, plan.operation, key, written.status, written.sealed]
  const [row] = await execute<{ seq: string; hash: Buffer }>(em, closeSql, [...head, ...columns])
  return { agencyId: plan.agencyId, lane, seq: row!.seq, hash: row!.hash }
}

/**
 * Domain transactions through MikroORM: session, ownership, consent and key first, the context's work, then the audit row, the
 * switch once more, and commit. What is refused leaves nothing behind.
 */
export const createTransactions = ({ orm, lanes, laneOf, committed, afterCommit }: TransactionsOptions): Transactions => {
  const inside = async <R>(
    em: EntityManager,
    plan: TransactionPlan,
    work: (tx: Transaction, subject: string | null) => Promise<Written<R>>,
    holding: (slot: number) => void,
    handed: (tx: Transaction) => void,
  ): Promise<{ result: Transacted<R>; head: AuditHead | null }> => {
    const { subject, stored } = await enter(em, plan)
    if (stored) return { result: { kind: 'replayed', stored }, head: null }
    const tx = facadeOf(em)
    handed(tx)
    const written = await work(tx, subject)
    await em.flush()
    if (!written.audit) return { result: { kind: 'done', outcome: written.outcome }, head: null }
    const slot = await lanes.take()
    holding(slot)
    const head = await close(em, plan, written, laneOf(slot))
    if (!plan.stillOn()) throw new Refusal('UPSTREAM_UNAVAILABLE', 'disabled')
    return { result: { kind: 'done', outcome: written.outcome }, head }
  }

  return {
    async run(plan, work) {
      let slot: number | null = null
      let tx: Transaction | null = null
      try {
        const { result, head } = await inTransaction(orm, variablesOf(plan), (em) =>
          inside(
            em,
            plan,
            work,
            (taken) => (slot = taken),
            (handed) => (tx = handed),
          ),
        )
        if (head) committed([head])
        if (tx && afterCommit) afterCommit(tx)
        return result
      } catch (error) {
        throw refusalOfDatabase(error) ?? error
      } finally {
        if (slot !== null) lanes.giveBack(slot)
      }
    },
  }
}
