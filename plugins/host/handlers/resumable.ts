import type { FastifyReply, FastifyRequest } from 'fastify'
import { largestDocument } from '../../../domain/shared/documents.ts'
import { Refusal } from '../../../domain/shared/refusal.ts'
import type { ResumableStep } from '../../../routes/shared/files.ts'
import type { Written } from '../database/transactions.ts'
import { checkVersion, claimOf, lengthOf, offsetOf, tusVersion } from '../documents/tus-headers.ts'
import { whileReceiving } from '../documents/upload-request.ts'
import type { UploadState } from '../documents/uploads.ts'
import type { Host } from '../host.ts'
import { factsOf, type RequestCall } from '../request-call.ts'
import type { Outcome, ResumableService, Transaction } from '../service.ts'
import { fresh, type Handled } from './handler.ts'
import { sealAnswer } from './stored-answer.ts'
import { planOf, replay } from './transact.ts'
import type { Handler } from './handler.ts'

type Step = (host: Host, call: RequestCall, request: FastifyRequest) => Promise<Handled>

const ownerOf = (call: RequestCall) => ({ agencyId: call.agencyId, userId: call.principal!.userId })
const idOf = (request: FastifyRequest): string => (request.params as { uploadId: string }).uploadId
const untilOf = ({ expiresAt }: UploadState): string => expiresAt.toUTCString()

/** A change of an upload with its key and its audit row, in one transaction. */
const change = async (
  host: Host,
  call: RequestCall,
  request: FastifyRequest,
  work: (tx: Transaction) => Promise<Outcome>,
): Promise<Handled> => {
  const plan = planOf(host, call, request)
  const result = await host.transactions.run(plan, async (tx): Promise<Written<unknown>> => {
    const outcome = await work(tx)
    const audit = host.withoutGates.has('audit') ? null : host.audit.input(factsOf(call, request, outcome))
    return { outcome, audit, status: call.operation.reply.status, sealed: plan.key ? sealAnswer(host, call, outcome) : null }
  })
  if (result.kind === 'replayed') return replay(host, call, request, result.stored)
  call.audited = true
  return fresh(result.outcome)
}

const found = async (host: Host, call: RequestCall, request: FastifyRequest): Promise<UploadState> => {
  const upload = await host.uploads.find(ownerOf(call), idOf(request))
  if (upload === null) throw new Refusal('NOT_FOUND')
  return upload
}

const create: Step = async (host, call, request) => {
  const sizeBytes = lengthOf(request.headers['upload-length'])
  const claim = claimOf(request.headers['upload-metadata'])
  if (sizeBytes > largestDocument) throw new Refusal('VALIDATION_FAILED', 'too-large')
  void host.documents.sweep(call.agencyId)
  return change(host, call, request, async (tx) => {
    const upload = await host.uploads.create(tx, ownerOf(call), sizeBytes, claim)
    const location = `/api${call.operation.path}/${upload.id}`
    const body = { id: upload.id, expiresAt: upload.expiresAt.toISOString() }
    return { body, location, entityId: upload.id, headers: { 'Upload-Expires': untilOf(upload) }, after: { ...body, sizeBytes } }
  })
}

const status: Step = async (host, call, request) => {
  const upload = await found(host, call, request)
  const headers = {
    'Upload-Offset': String(upload.received),
    'Upload-Length': String(upload.sizeBytes),
    'Upload-Expires': untilOf(upload),
    'Cache-Control': 'no-store',
  }
  return fresh({ body: null, headers })
}

const append: Step = async (host, call, request) => {
  const offset = offsetOf(request.headers['upload-offset'])
  const upload = await found(host, call, request)
  const part = await whileReceiving(request, () => host.uploads.receive(ownerOf(call), upload.id, offset, request.raw))
  const received = offset + part.size
  try {
    return await change(host, call, request, async (tx) => {
      await part.add(tx)
      const headers = { 'Upload-Offset': String(received), 'Upload-Expires': untilOf(upload) }
      return { body: null, headers, before: { received: offset }, after: { received } }
    })
  } catch (error) {
    await part.discard()
    throw error
  }
}

const discard: Step = async (host, call, request) =>
  change(host, call, request, async (tx) => {
    if (!(await host.uploads.discard(tx, ownerOf(call), idOf(request)))) throw new Refusal('NOT_FOUND')
    return { body: null }
  })

const steps: Readonly<Record<ResumableStep, Step>> = { create, status, append, discard }

/**
 * Serves one of the requests of a resumable upload. The protocol is small enough to be spoken by the host itself, so that its requests
 * meet the same gates, leave the same audit rows and answer with the same problem documents as every other.
 */
export const serveResumable = (host: Host, { resumable }: ResumableService): Handler => {
  const step = steps[resumable]
  return async (call, request, reply: FastifyReply) => {
    reply.header('Tus-Resumable', tusVersion)
    checkVersion(request.headers['tus-resumable'])
    return step(host, call, request)
  }
}
