import type { FastifyInstance, FastifyReply, FastifyRequest, onRequestHookHandler, preValidationHookHandler, RouteOptions } from 'fastify'
import { Refusal } from '../../domain/shared/refusal.ts'
import type { AnyOperation } from '../../routes/shared/operation.ts'
import { checksOf, runChecks } from './gates/index.ts'
import { sendDocument } from './documents/send-document.ts'
import { uploadHooks, withForms, withParts } from './documents/upload-request.ts'
import { handlerOf } from './handlers/index.ts'
import type { Handled } from './handlers/handler.ts'
import type { Host } from './host.ts'
import { digestStream } from './json-body.ts'
import { isKnownEtag } from './known-etag.ts'
import { routeSchema } from './openapi-schema.ts'
import { RequestCall } from './request-call.ts'
import type { Service } from './service.ts'

/** Largest body of an operation that declares none, in bytes. */
export const defaultMaxBody = 262_144

const digestTimeoutMs = 2_000

/** Marks a route as the host's own work; a route without it cannot register. */
export const declaredBy = Symbol('declared operation')

const settle = (waiting: void | Promise<void>, done: (error?: Error) => void): void => {
  if (waiting) waiting.then(() => done(), done)
  else done()
}

/** An attempt without a valid token counts against its address and leaves size and digest of what it sent. */
const refuseAnonymous = async (host: Host, call: RequestCall, request: FastifyRequest, error: unknown): Promise<never> => {
  if (error instanceof Refusal && error.code === 'UNAUTHORIZED') {
    await host.ipLimit.take(request, 'anonymous')
    if (request.raw.headers['content-length'] !== undefined || request.raw.headers['transfer-encoding'] !== undefined) {
      call.bodyDigest = await digestStream(request, call.operation.maxBody ?? defaultMaxBody, digestTimeoutMs)
    }
  }
  throw error
}

const arrival = (operation: AnyOperation, host: Host): onRequestHookHandler => {
  const checks = checksOf(operation, host, 'arrival')
  return (request, reply, done) => {
    const call = new RequestCall(operation, request.id, request.ip, host.clock.now(), performance.now())
    request.call = call
    const failed = (error: unknown): Promise<never> => refuseAnonymous(host, call, request, error)
    try {
      const waiting = runChecks(checks, call, request, reply)
      settle(waiting && waiting.catch(failed), done)
    } catch (error) {
      settle(failed(error), done)
    }
  }
}

const admission = (operation: AnyOperation, host: Host): preValidationHookHandler => {
  const checks = checksOf(operation, host, 'admission')
  return (request, reply, done) => {
    try {
      request.call!.at = host.clock.now()
      // An absent body is an empty one, so that what is missing is named.
      if (request.body === undefined && operation.body) request.body = {}
      settle(runChecks(checks, request.call!, request, reply), done)
    } catch (error) {
      done(error as Error)
    }
  }
}

const send = (host: Host, operation: AnyOperation, handled: Handled, request: FastifyRequest, reply: FastifyReply): unknown => {
  const { outcome, replayed } = handled
  // Records of people stay out of the caches of browsers and proxies; a context says so where it is otherwise.
  if (!operation.audience.includes('public')) reply.header('Cache-Control', 'no-store')
  if (outcome.location) reply.header('Location', outcome.location)
  if (outcome.headers) reply.headers(outcome.headers)
  if (replayed) reply.header('Idempotent-Replayed', 'true')
  if (outcome.etag) {
    reply.header('ETag', outcome.etag)
    if (request.method === 'GET' && isKnownEtag(request.headers['if-none-match'], outcome.etag)) return reply.code(304).send()
  }
  if (outcome.file) return sendDocument(host.documents, request.call!.agencyId, outcome.file, reply)
  reply.code(operation.reply.status)
  return operation.reply.schema === null ? reply.send() : reply.send(outcome.body)
}

const routeOf = (host: Host, operation: AnyOperation, service: Service<AnyOperation>): RouteOptions => {
  const validated = checksOf(operation, host, 'validated')
  const handle = handlerOf(host, service)
  return {
    method: operation.method,
    url: `/api${operation.path}`,
    schema: routeSchema(operation),
    bodyLimit: operation.maxBody ?? defaultMaxBody,
    config: { [declaredBy]: operation },
    onRequest: arrival(operation, host),
    preValidation: admission(operation, host),
    handler: async (request, reply) => {
      const call = request.call!
      const waiting = runChecks(validated, call, request, reply)
      if (waiting) await waiting
      const handled = await handle(call, request, reply)
      return send(host, operation, handled, request, reply)
    },
  }
}

/** A form is validated by the host as it comes in; the schema of its route is what the documentation shows. */
const uploadRoute = (scope: FastifyInstance, operation: AnyOperation, route: RouteOptions): RouteOptions => {
  const { before, after } = uploadHooks(scope, operation)
  return {
    ...route,
    preValidation: [before, route.preValidation as preValidationHookHandler],
    preHandler: after,
    validatorCompiler: (part) => (part.httpPart === 'body' ? () => true : scope.validatorCompiler!(part)),
  }
}

/** Puts one declared operation on the wire with every gate that its declaration asks for. */
export const serveOperation = (app: FastifyInstance, host: Host, operation: AnyOperation, service: Service<AnyOperation>): void => {
  const route = routeOf(host, operation, service)
  if (operation.upload) withForms(app, operation, (scope) => void scope.route(uploadRoute(scope, operation, route)))
  else if (operation.resumable === 'append') withParts(app, (scope) => void scope.route(route))
  else app.route(route)
}
