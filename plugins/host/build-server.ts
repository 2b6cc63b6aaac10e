import type { Socket } from 'node:net'
import cors from '@fastify/cors'
import Fastify, { type FastifyInstance, type FastifyReply, type FastifyRequest } from 'fastify'
import fastJsonStringify from 'fast-json-stringify'
import { isUuid, newId } from '../../domain/shared/ids.ts'
import { Refusal } from '../../domain/shared/refusal.ts'
import { fastifyOptions, type ServerSettings } from '../../config/server.ts'
import { receivingSockets } from './documents/multipart.ts'
import { acceptJson } from './json-body.ts'
import { securityHeaders } from './security-headers.ts'
import type { AnyOperation } from '../../routes/shared/operation.ts'
import type { RequestCall } from './request-call.ts'
import type { declaredBy } from './serve.ts'
import { problemOf, sendProblem } from './problem-replies.ts'
import { useValidators } from './validators.ts'

declare module 'fastify' {
  interface FastifyRequest {
    /** The state of the request on its way through the gates; null where no operation serves it. */
    call: RequestCall | null
  }
  interface FastifyContextConfig {
    /** The declaration that the host serves; a route without one, or without `hostPage`, cannot register. */
    [declaredBy]?: AnyOperation
    /** A page of the host itself: health, documentation, metrics. */
    hostPage?: boolean
  }
}

const requestIdOf = (header: string | string[] | undefined): string => (typeof header === 'string' && isUuid(header) ? header : newId())

/** Schemas are objects of their own identity, so each is compiled once however many routes answer with it, with its first answer. */
const serializers = new WeakMap<object, (value: unknown) => string>()

const serializerOf = (schema: object): ((value: unknown) => string) => {
  let serialize = serializers.get(schema)
  if (!serialize) serializers.set(schema, (serialize = fastJsonStringify(schema)))
  return serialize
}

const useSerializers = (app: FastifyInstance): void => {
  app.setSerializerCompiler(({ schema }) => {
    let serialize: ((value: unknown) => string) | undefined
    return (value: unknown) => (serialize ??= serializerOf(schema as object))(value)
  })
}

const parserFailures: Readonly<Record<string, Refusal>> = {
  HPE_HEADER_OVERFLOW: new Refusal('VALIDATION_FAILED', 'too-large'),
  ERR_HTTP_REQUEST_TIMEOUT: new Refusal('UPSTREAM_UNAVAILABLE', 'timeout'),
}

/** Connections that may be open at once; beyond it new ones are closed. Each costs memory before its first byte. */
const mostConnections = 10_000

/** What the server tells of requests that no route ever sees. */
export interface Unrouted {
  /** What was not even HTTP. */
  readonly unreadable?: () => void
  /** Counts a request whose path cannot be read against its address. @throws Refusal RATE_LIMITED */
  readonly limit?: (request: FastifyRequest) => Promise<void>
}

/** What is not even HTTP gets a problem document as well, and the connection ends. */
const answerParserFailures = (error: Error & { code?: string }, socket: Socket): void => {
  // A file that is coming in has a patience of its own.
  if (error.code === 'ERR_HTTP_REQUEST_TIMEOUT' && receivingSockets.has(socket)) return
  if (socket.destroyed || !socket.writable || error.code === 'ECONNRESET') return void socket.destroy()
  const problem = problemOf(parserFailures[error.code ?? ''] ?? new Refusal('VALIDATION_FAILED'), newId())
  const body = JSON.stringify(problem)
  const head = [
    `HTTP/1.1 ${problem['status'] as number} ${problem['title'] as string}`,
    'Content-Type: application/problem+json; charset=utf-8',
  ]
  socket.end([...head, `Content-Length: ${Buffer.byteLength(body)}`, 'Connection: close', '', body].join('\r\n'))
}

/** A path that the router cannot read: its own answer would repeat the path. */
const answerRouterFailure = async ({ limit }: Unrouted, request: FastifyRequest, reply: FastifyReply): Promise<void> => {
  reply.raw.setHeader('x-request-id', request.id)
  const refusal = await limit?.(request).then(
    () => null,
    (error: unknown) => (error instanceof Refusal ? error : null),
  )
  sendProblem(refusal ?? new Refusal('VALIDATION_FAILED'), request, reply)
}

const loopbackOrigin = /^https?:\/\/(localhost|127\.0\.0\.1|\[::1\])(:\d+)?$/

/** The Fastify instance with what every route shares: options, headers, body rules, request ids. The same in tests as in production. */
export const buildServer = async (settings: ServerSettings, unrouted: Unrouted = {}): Promise<FastifyInstance> => {
  const app = Fastify({
    ...fastifyOptions(settings),
    genReqId: (request) => requestIdOf(request.headers['x-request-id']),
    clientErrorHandler: (error, socket) => {
      unrouted.unreadable?.()
      answerParserFailures(error, socket)
    },
    frameworkErrors: (_error, request, reply) => void answerRouterFailure(unrouted, request, reply),
  }) as unknown as FastifyInstance
  // An expectation that nobody knows is passed over, as most servers do: 417 is no answer of any operation.
  app.server.on('checkExpectation', (request, response) => app.server.emit('request', request, response))
  app.server.maxConnections = mostConnections
  app.decorateRequest('call', null)
  useValidators(app)
  useSerializers(app)
  acceptJson(app)
  await app.register(cors, {
    origin: settings.corsOrigins === 'loopback' ? loopbackOrigin : [...settings.corsOrigins],
    methods: ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE'],
    allowedHeaders: [
      'Authorization',
      'Content-Type',
      'Idempotency-Key',
      'If-Match',
      'If-None-Match',
      'Tus-Resumable',
      'Upload-Length',
      'Upload-Metadata',
      'Upload-Offset',
      'X-Agency',
      'X-Access-Reason',
      'X-Request-Id',
      'traceparent',
    ],
    exposedHeaders: [
      'Content-Disposition',
      'ETag',
      'Location',
      'Idempotent-Replayed',
      'RateLimit',
      'RateLimit-Policy',
      'Retry-After',
      'Tus-Resumable',
      'Upload-Expires',
      'Upload-Length',
      'Upload-Offset',
      'X-Draft',
      'X-Request-Id',
      'WWW-Authenticate',
    ],
    maxAge: 600,
    // OPTIONS of whoever is no browser is answered like any other, not with a text of the plugin's own.
    strictPreflight: false,
  })
  const secured = Object.entries(securityHeaders())
  // Through the reply, never the raw response: Node writes headers that it gets in one piece much faster.
  app.addHook('onRequest', (request, reply, done) => {
    for (const [name, value] of secured) reply.header(name, value)
    reply.header('x-request-id', request.id)
    done()
  })
  return app
}
