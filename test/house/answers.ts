import { Ajv, type ValidateFunction } from 'ajv'
import type { LightMyRequestResponse } from 'fastify'
import type { Code, Reason } from '../../domain/shared/codes.ts'
import { problemsOf, type AnyOperation } from '../../routes/shared/operation.ts'
import { detailOf, statusOf, typeOf } from '../../routes/shared/problems.ts'
import type { TestHost } from '../helper.ts'

export interface Documented {
  readonly responses: Readonly<Record<string, { readonly content?: Readonly<Record<string, { readonly schema: object }>> }>>
  readonly [extension: string]: unknown
}

/** `/api/x/{id}` of the document for `/x/:id` of a declaration. */
export const documentPath = (operation: AnyOperation): string => `/api${operation.path.replaceAll(/:(\w+)/g, '{$1}')}`

interface OpenApi {
  readonly paths: Readonly<Record<string, Readonly<Record<string, Documented>>>>
}

const documents = new WeakMap<TestHost, OpenApi>()

/** An operation as the OpenAPI document shows it to portals. */
export const documented = async (host: TestHost, operation: AnyOperation): Promise<Documented> => {
  let document = documents.get(host)
  if (!document) documents.set(host, (document = (await host.app.inject('/openapi.json')).json<OpenApi>()))
  return document.paths[documentPath(operation)]![operation.method.toLowerCase()]!
}

const ajv = new Ajv({ strict: false, validateFormats: false, validateSchema: false })
const compiled = new Map<string, ValidateFunction>()

/** The same schema stands in the document of many operations. */
const validatorOf = (schema: object): ValidateFunction => {
  const text = JSON.stringify(schema)
  let validate = compiled.get(text)
  if (!validate) compiled.set(text, (validate = ajv.compile(schema)))
  return validate
}

/** What an answer of an operation may look like, from the document alone; returns what is wrong with one, or null. */
export type Judge = (response: Pick<LightMyRequestResponse, 'statusCode' | 'headers' | 'body'>, marks?: readonly string[]) => string | null

interface Problem {
  readonly code: Code
  readonly reason?: string
  readonly status: number
  readonly [member: string]: unknown
}

const judgeProblem = (operation: AnyOperation, statusCode: number, requestId: unknown, problem: Problem): string | null => {
  const reason = (problem.reason ?? 'default') as Reason
  if (!problemsOf(operation).includes(problem.code)) return `the code ${problem.code} is not declared`
  if (problem.status !== statusCode || statusOf(problem.code, reason) !== statusCode)
    return `${problem.code} (${reason}) came with ${statusCode}`
  if (problem['type'] !== typeOf(problem.code)) return 'another type'
  if (problem['detail'] !== detailOf(problem.code, reason)) return 'a detail that is not in the catalogue'
  if (problem['instance'] !== `urn:uuid:${String(requestId)}`) return 'an instance that is not the request id'
  const known = ['type', 'title', 'status', 'detail', 'instance', 'code', 'reason', 'errors']
  return Object.keys(problem).every((name) => known.includes(name)) ? null : 'a member that no problem has'
}

export const judgeOf = async (host: TestHost, operation: AnyOperation): Promise<Judge> => {
  const { responses } = await documented(host, operation)
  const validators = new Map<string, ValidateFunction>()
  const validates = (status: number, type: string, body: unknown): boolean => {
    const schema = responses[status]?.content?.[type]?.schema
    if (!schema) return false
    const key = `${status} ${type}`
    if (!validators.has(key)) validators.set(key, validatorOf(schema))
    return validators.get(key)!(body) === true
  }
  // Who may read the audit store sees there what was sent.
  const shows = (statusCode: number): boolean => statusCode < 400 && operation.entity?.type === 'audit'
  return ({ statusCode, headers, body }, marks = []) => {
    const shown = `${JSON.stringify(headers)}\n${shows(statusCode) ? '' : body}`
    const echoed = marks.find((mark) => shown.includes(mark))
    if (echoed !== undefined) return `${statusCode} repeats the request`
    if (!responses[statusCode]) return `${statusCode} is not in the document: ${body}`
    if (statusCode < 400) return statusCode === operation.reply.status ? null : `${statusCode} instead of ${operation.reply.status}`
    // The answer to HEAD has its headers alone.
    if (operation.method === 'HEAD') return null
    if (headers['content-type'] !== 'application/problem+json; charset=utf-8') return `${statusCode} as ${String(headers['content-type'])}`
    const problem = JSON.parse(body) as Problem
    if (!validates(statusCode, 'application/problem+json', problem)) return `${statusCode} against its schema: ${body}`
    return judgeProblem(operation, statusCode, headers['x-request-id'], problem)
  }
}
