import multipart from '@fastify/multipart'
import type { FastifyInstance, FastifyRequest, preValidationAsyncHookHandler } from 'fastify'
import { Refusal } from '../../../domain/shared/refusal.ts'
import type { AnyOperation } from '../../../routes/shared/operation.ts'
import { violationsOf } from '../validators.ts'
import { drain, fieldRoom, readForm, receivingSockets, type Form } from './multipart.ts'
import { bodySchemas, fieldNames } from './upload-schema.ts'

/** The body of an upload: a form as far as it has come, or JSON that names an upload which has come before. */
export interface UploadBody {
  readonly form: Form | null
  readonly uploadId: string | null
  /** The JSON as it came, which names the upload. */
  readonly resumed: unknown
  /** Without `uploadId`. */
  fields(): Record<string, unknown>
}

declare module 'fastify' {
  interface FastifyRequest {
    /** Set where an operation takes a file; see `UploadBody`. */
    uploadBody?: UploadBody | null
  }
}

type Validate = ((value: unknown) => boolean | PromiseLike<unknown> | { error?: Error }) & { errors?: unknown[] | null }

interface Validators {
  readonly form: Validate
  readonly resumed: Validate | null
}

const validators = new WeakMap<AnyOperation, Validators>()

const compiled = (app: FastifyInstance, operation: AnyOperation): void => {
  const { form, resumed } = bodySchemas(operation)
  const compile = (schema: object): Validate =>
    app.validatorCompiler!({ schema, method: operation.method, url: operation.path, httpPart: 'body' }) as Validate
  validators.set(operation, { form: compile(form), resumed: resumed && compile(resumed) })
}

type Violated = Parameters<typeof violationsOf>[0]

/** The first violation, or null. */
const violation = (validate: Validate, value: unknown): Violated | null =>
  validate(value) === true ? null : (validate.errors as unknown as Violated)

/**
 * Holds the fields against their schema. As long as a file is still coming, what is missing may stand behind it.
 * @throws Refusal VALIDATION_FAILED
 */
export const fieldsAreValid = ({ form, fields, resumed }: UploadBody, request: FastifyRequest, soFar = false): void => {
  const validate = validators.get(request.call!.operation)!
  const violated = form ? violation(validate.form, fields()) : violation(validate.resumed!, resumed)
  if (violated === null || (soFar && violated.every(({ keyword }) => keyword === 'required'))) return
  throw new Refusal('VALIDATION_FAILED', 'default', { errors: violationsOf(violated, 'body') })
}

const bodyOf = (form: Form): UploadBody => ({ form, uploadId: null, resumed: null, fields: () => ({ ...form.fields }) })

const resumedBody = (body: unknown): UploadBody => {
  const record = typeof body === 'object' && body !== null && !Array.isArray(body) ? (body as Record<string, unknown>) : {}
  const { uploadId, ...fields } = record
  return { form: null, uploadId: typeof uploadId === 'string' ? uploadId : '', resumed: body, fields: () => fields }
}

/** Reads the body as far as the gates need it: a refused attempt's fields are audited, its file is nobody's. */
const readHead = (operation: AnyOperation): preValidationAsyncHookHandler =>
  async function readUpload(request) {
    request.uploadBody = null
    if (request.isMultipart()) {
      const length = Number(request.headers['content-length'] ?? 0)
      if (length > operation.upload!.maxBytes + fieldRoom) throw new Refusal('VALIDATION_FAILED', 'too-large')
      const form = await readForm(request, operation.upload!, fieldNames(operation))
      request.uploadBody = bodyOf(form)
      // Fields that stand behind the file are in it once they have come.
      request.body = form.fields
    } else if (operation.upload!.resumable === true && request.body !== undefined) request.uploadBody = resumedBody(request.body)
  }

/** The body's media type, and its fields as far as they are there. */
const checkHead: preValidationAsyncHookHandler = async (request) => {
  const { uploadBody } = request
  if (!uploadBody) throw new Refusal('VALIDATION_FAILED', 'media-type')
  const soFar = Boolean(uploadBody.form?.file)
  fieldsAreValid(uploadBody, request, soFar)
}

/** What a route needs beside the gates in order to take a file: two hooks, one before admission and one after validation. */
export const uploadHooks = (app: FastifyInstance, operation: AnyOperation) => {
  compiled(app, operation)
  return { before: readHead(operation), after: checkHead }
}

/** Opens a scope in which forms are read, for the routes of one operation: everywhere else a form is a media type that nobody takes. */
export const withForms = (app: FastifyInstance, { upload }: AnyOperation, register: (scope: FastifyInstance) => void): void => {
  void app.register(async (scope) => {
    if (upload?.resumable !== true) scope.removeAllContentTypeParsers()
    await scope.register(multipart)
    scope.addHook('onSend', async (request) => drain(request))
    register(scope)
  })
}

/** Opens a scope in which the parts of resumable uploads are taken as they come. */
export const withParts = (app: FastifyInstance, register: (scope: FastifyInstance) => void): void => {
  void app.register(async (scope) => {
    scope.removeAllContentTypeParsers()
    scope.addContentTypeParser('application/offset+octet-stream', (_request, _payload, done) => done(null))
    scope.addHook('onSend', async (request) => drain(request))
    register(scope)
  })
}

/** A request over which a file is coming has more time than others: what it has instead is the intake's patience. */
export const whileReceiving = async <T>({ raw: { socket } }: FastifyRequest, work: () => Promise<T>): Promise<T> => {
  receivingSockets.add(socket)
  try {
    return await work()
  } finally {
    receivingSockets.delete(socket)
  }
}
