import type { FastifyRequest } from 'fastify'
import { invalid, Refusal } from '../../../domain/shared/refusal.ts'
import type { AnyOperation } from '../../../routes/shared/operation.ts'
import type { TransactionPlan, Written } from '../database/transactions.ts'
import type { Reception } from '../documents/documents.ts'
import type { UploadRules } from '../documents/documents-port.ts'
import type { FileClaim } from '../documents/inspect/inspect.ts'
import { fieldsAreValid, whileReceiving, type UploadBody } from '../documents/upload-request.ts'
import type { Host } from '../host.ts'
import { rateLimited } from '../rate-limit/headers.ts'
import { factsOf, type RequestCall } from '../request-call.ts'
import type { Outcome, UploadService, Transaction } from '../service.ts'
import { callOf } from './call-of.ts'
import { fresh, type Handled, type Handler } from './handler.ts'
import { sealAnswer } from './stored-answer.ts'
import { planOf, replay } from './transact.ts'

/** Where a file comes from, and what ends that in the transaction that stores it. */
interface Source {
  readonly source: AsyncIterable<Buffer>
  readonly claim: FileClaim
  readonly consume?: (tx: Transaction) => Promise<void>
}

const ownerOf = (call: RequestCall) => ({ agencyId: call.agencyId, userId: call.principal!.userId })

const sourceOf = async (host: Host, call: RequestCall, body: UploadBody): Promise<Source> => {
  if (body.uploadId !== null) return host.uploads.complete(ownerOf(call), body.uploadId)
  if (body.form!.file === null) throw invalid(`/${call.operation.upload!.part}`, 'required')
  return body.form!.file
}

const rulesOf = ({ upload }: AnyOperation, rules: UploadRules) => ({
  ...rules,
  maxBytes: Math.min(rules.maxBytes, upload!.maxBytes),
  types: upload!.types.filter((type) => rules.types?.includes(type) ?? true),
})

/** What the service sees of the request: the fields alone. */
const fieldsOf = (call: RequestCall, request: FastifyRequest, body: UploadBody) => ({
  ...callOf(call, request),
  body: body.fields() as never,
})

const note = (call: RequestCall, { document, sentSha256 }: Reception): void => {
  const { filename: name, sizeBytes, contentType } = document
  call.file = { name, sizeBytes, sha256: sentSha256, contentType }
}

/** Serves an operation that takes a file: a reading transaction, the file with none open, and the transaction that stores. */
export const serveUpload = (host: Host, service: UploadService<AnyOperation>): Handler => {
  const accepting = (plan: TransactionPlan, call: RequestCall, request: FastifyRequest, body: UploadBody) =>
    host.transactions.run({ ...plan, readOnly: true }, async (tx) => {
      const rules = await service.accept(fieldsOf(call, request, body), tx)
      return { outcome: { body: rules }, audit: null, status: 200, sealed: null }
    })

  const storing = (call: RequestCall, request: FastifyRequest, body: UploadBody, reception: Reception, { consume }: Source) => {
    const plan = planOf(host, call, request)
    return host.transactions.run(plan, async (tx): Promise<Written<unknown>> => {
      await reception.record(tx)
      const outcome: Outcome = await service.store(fieldsOf(call, request, body), tx, reception.document)
      await consume?.(tx)
      const audit = host.withoutGates.has('audit') ? null : host.audit.input(factsOf(call, request, outcome))
      return { outcome, audit, status: call.operation.reply.status, sealed: plan.key ? sealAnswer(host, call, outcome) : null }
    })
  }

  const keeping = async (call: RequestCall, request: FastifyRequest, body: UploadBody, reception: Reception, source: Source) => {
    let stored = false
    try {
      if (body.form) {
        await body.form.rest()
        fieldsAreValid(body, request)
      }
      note(call, reception)
      await reception.keep()
      const result = await storing(call, request, body, reception, source)
      stored = result.kind === 'done'
      return result
    } finally {
      if (!stored) await reception.discard()
      else void host.documents.sweep(call.agencyId)
    }
  }

  const handle = async (call: RequestCall, request: FastifyRequest, body: UploadBody): Promise<Handled> => {
    if (!call.withinLimits) throw rateLimited(call.verdict!)
    const plan = planOf(host, call, request)
    // The key of a form stands for its file as well, which nobody has seen yet.
    const accepted = await accepting(body.form ? { ...plan, key: null } : plan, call, request, body)
    if (accepted.kind === 'replayed') return replay(host, call, request, accepted.stored)
    const rules = rulesOf(call.operation, accepted.outcome.body)
    const source = await sourceOf(host, call, body)
    const reception = await host.documents.receive(source.source, source.claim, call.agencyId, rules)
    const result = await keeping(call, request, body, reception, source)
    if (result.kind === 'replayed') return replay(host, call, request, result.stored)
    call.audited = true
    return fresh(result.outcome)
  }

  return async (call, request) => {
    const { uploadBody } = request
    if (!uploadBody) throw new Refusal('VALIDATION_FAILED', 'media-type')
    return whileReceiving(request, () => handle(call, request, uploadBody))
  }
}
