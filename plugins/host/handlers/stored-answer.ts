import { hash } from 'node:crypto'
import type { FastifyRequest } from 'fastify'
import type { Host } from '../host.ts'
import type { RequestCall } from '../request-call.ts'
import type { Outcome } from '../service.ts'
import type { ClaimedKey } from '../database/transactions.ts'

/** JSON with the names of every object in order, so that one request has one fingerprint. */
const canonical = (value: unknown): string => {
  if (Array.isArray(value)) return `[${value.map(canonical).join(',')}]`
  if (typeof value !== 'object' || value === null) return JSON.stringify(value) ?? 'null'
  const members = Object.entries(value).filter(([, member]) => member !== undefined)
  members.sort(([one], [other]) => (one < other ? -1 : 1))
  return `{${members.map(([name, member]) => `${JSON.stringify(name)}:${canonical(member)}`).join(',')}}`
}

/** What a key stands for: the operation, its path parameters and its canonical body; of a form, its fields and the file's digest. */
const fingerprintOf = (call: RequestCall, request: FastifyRequest): Buffer => {
  // JSON names an upload that is gone once it was stored: a second try could not be told by its content.
  const file = call.file && request.uploadBody?.form ? `\n${call.file.sha256}` : ''
  return hash('sha256', `${call.operation.name}\n${canonical(request.params)}\n${canonical(request.body)}${file}`, 'buffer')
}

/** The key of a request with its fingerprint, or null where it has none. */
export const claimOf = (host: Host, call: RequestCall, request: FastifyRequest): ClaimedKey | null =>
  call.idempotencyKey === null || host.withoutGates.has('idempotency')
    ? null
    : { key: call.idempotencyKey, fingerprint: fingerprintOf(call, request), expiresAt: new Date(call.at + host.keyLifetimeMs) }

const placeOf = (call: RequestCall) => ({
  agencyId: call.agencyId,
  userId: call.principal!.userId,
  operation: call.operation.name,
  key: call.idempotencyKey!,
})

/** What a replay gives back: body and headers of the first answer. */
type Kept = Pick<Outcome, 'body' | 'location' | 'etag' | 'headers'>

/** Seals the answer of a keyed write for its replays. */
export const sealAnswer = (host: Host, call: RequestCall, { body, location, etag, headers }: Outcome): Buffer =>
  host.responses.seal(JSON.stringify({ body, location, etag, headers } satisfies Kept), placeOf(call))

/** Opens the answer of the first time. */
export const openAnswer = (host: Host, call: RequestCall, stored: Buffer): Outcome =>
  JSON.parse(host.responses.open(stored, placeOf(call))) as Outcome
