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

/** An operation as the OpenAPI document shows it to portals. */
export const documented = (host: TestHost, operation: AnyOperation): Documented => {
  const { paths } = host.app.swagger() as unknown as { paths: Record<string, Record<string, Documented>> }
  return paths[documentPath(operation)]![operation.method.toLowerCase()]!
}

const ajv = new Ajv({ strict: false, validateFormats: false })

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

export const judgeOf = (host: TestHost, operation: AnyOperation): Judge => {
  const { responses } = documented(host, operation)
  const validators = new Map<string, ValidateFunction>()
  const validates = (status: number, type: string, body: unknown): boolean => {
    const schema = responses[status]?.content?.[type]?.schema
    if (!schema) return false
    const key = `${status} ${type}`
    if (!validators.has(key)) validators.set(key, ajv.compile(schema))
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
    if (headers['content-type'] !== 'application/problem+json; charset=utf-8') return `${statusCode} as ${String(headers['content-type'])}`
    const problem = JSON.parse(body) as Problem
    if (!validates(statusCode, 'application/problem+json', problem)) return `${statusCode} against its schema: ${body}`
    return judgeProblem(operation, statusCode, headers['x-request-id'], problem)
  }
}
