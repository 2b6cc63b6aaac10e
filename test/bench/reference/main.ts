// What the service is held against: Fastify, a verified token, the equivalent SQL through pg, and nothing else.
import { randomBytes } from 'node:crypto'
import type { AddressInfo } from 'node:net'
import jwt from '@fastify/jwt'
import Fastify, { type FastifyReply, type FastifyRequest } from 'fastify'
import pg from 'pg'
import { newId } from '../../../domain/shared/ids.ts'
import { serveParent } from '../stage/serve-child.ts'
import { auditStatement, readCalendar, readConsent, readMessage, sendStatement, type Sizes, type Statement } from './statements.ts'

export interface ReferenceSettings {
  readonly databaseUrl: string
  readonly poolSize: number
  readonly publicKey: string
  readonly issuer: string
  readonly audience: string
  readonly sizes: Sizes
}

interface Claims {
  readonly sub: string
  readonly agency_id: string
  readonly patient_id?: string
  readonly provider_id?: string
}

interface Params {
  readonly id: string
}

const settings = JSON.parse(process.argv[2] ?? '{}') as ReferenceSettings
const { sizes } = settings
const pool = new pg.Pool({ connectionString: settings.databaseUrl, max: settings.poolSize, connectionTimeoutMillis: 5_000 })
pool.on('error', () => undefined)
const app = Fastify()
await app.register(jwt, {
  secret: { public: settings.publicKey },
  verify: { algorithms: ['RS256'], allowedIss: settings.issuer, allowedAud: settings.audience, cache: true },
})

const onRequest = async (request: FastifyRequest): Promise<void> => void (await request.jwtVerify())
const query = async (statement: Statement, values: readonly unknown[]): Promise<Record<string, unknown>[]> =>
  (await pool.query({ ...statement, values: [...values] })).rows as Record<string, unknown>[]
const fill = (size: number): Buffer => randomBytes(size)
const bytes = { body: fill(sizes.body), response: fill(sizes.response), write: fill(sizes.writePayload), hash: fill(32) }
const week = 7 * 24 * 3600 * 1000
let seq = 0

const send = async (request: FastifyRequest, reply: FastifyReply): Promise<object> => {
  const { sub, agency_id, patient_id } = request.user as Claims
  const { id: conversationId } = request.params as Params
  const now = Date.now()
  const at = new Date(now).toISOString()
  const id = newId(now)
  const until = new Date(now + week).toISOString()
  await query(sendStatement, [
    agency_id, id, conversationId, patient_id, sub, bytes.body, at, newId(now), request.headers['idempotency-key'], bytes.hash, bytes.response, until,
    ++seq, conversationId, request.ip, newId(now), bytes.write,
  ]) // prettier-ignore
  reply.code(201)
  return { id, conversationId, createdAt: at }
}

const auditRead = (request: FastifyRequest, action: string, entityType: string, payload: Buffer): Promise<unknown> => {
  const { sub, agency_id, patient_id, provider_id } = request.user as Claims
  const { id } = request.params as Partial<Params>
  const now = Date.now()
  const at = new Date(now).toISOString()
  return query(auditStatement, [
    newId(now),
    agency_id,
    ++seq,
    at,
    action,
    sub,
    patient_id,
    entityType,
    id,
    request.ip,
    newId(now),
    payload,
    bytes.hash,
    provider_id === undefined ? 'patient' : 'clinical_staff',
  ])
}

const messagePayload = fill(sizes.messagePayload)
const consentPayload = fill(sizes.consentPayload)

app.get('/bare/messages/:id', { onRequest }, async (request) => {
  const [row] = await query(readMessage, [(request.user as Claims).agency_id, (request.params as Params).id])
  await auditRead(request, 'listMessages', 'conversation', messagePayload)
  const item = {
    id: row!['id'],
    conversationId: row!['conversation_id'],
    senderId: row!['sender_id'],
    body: (row!['body'] as Buffer).toString('latin1'),
  }
  return { items: [{ ...item, createdAt: row!['created_at'] }], nextCursor: null }
})

app.get('/bare/consents/:id', { onRequest }, async (request) => {
  const [row] = await query(readConsent, [(request.user as Claims).agency_id, (request.params as Params).id])
  await auditRead(request, 'getConsent', 'consent', consentPayload)
  const { id, patient_id, scope, status, granted_at, granted_by, expires_at, revoked_at, reason } = row!
  return {
    id,
    patientId: patient_id,
    scope,
    status,
    grantedAt: granted_at,
    grantedBy: granted_by,
    expiresAt: expires_at,
    revokedAt: revoked_at,
    reason,
  }
})

const calendarPayload = fill(sizes.calendarPayload)
const page = 50

app.get('/bare/appointments', { onRequest }, async (request) => {
  const { agency_id, provider_id } = request.user as Claims
  const rows = await query(readCalendar, [agency_id, provider_id, page + 1])
  await auditRead(request, 'listAppointments', 'appointment', calendarPayload)
  const items = rows.slice(0, page).map((row) => ({
    id: row['id'],
    patientId: row['patient_id'],
    providerIds: row['provider_ids'],
    status: row['status'],
    start: row['starts_at'],
    end: row['ends_at'],
    redacted: false,
  }))
  const last = rows[page - 1]!
  const nextCursor = Buffer.from(`${(last['starts_at'] as Date).getTime()}.${String(last['slot'])}`).toString('base64url')
  return { items, nextCursor, asOf: rows[0]!['as_of'], stale: false }
})

app.post('/bare/conversations/:id/messages', { onRequest }, send)
app.get('/bare/probe', { onRequest }, async (request) => ({ status: 'ok', userId: (request.user as Claims).sub }))

await app.listen({ host: '127.0.0.1', port: 0 })
serveParent((app.server.address() as AddressInfo).port, async () => {
  await app.close()
  await pool.end()
})
