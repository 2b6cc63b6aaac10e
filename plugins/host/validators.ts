import { Ajv, type ErrorObject } from 'ajv'
import formatsPlugin from 'ajv-formats'
import type { FastifyInstance, FastifySchemaValidationError } from 'fastify'
import type { Violation } from '../../domain/shared/refusal.ts'

const shared = { allErrors: false, removeAdditional: false, useDefaults: true, strict: false, ownProperties: true } as const

const formats = formatsPlugin as unknown as (ajv: Ajv) => Ajv

/** Bodies are taken as they are typed; only what comes out of a URL, where everything is text, is converted. */
export const useValidators = (app: FastifyInstance): void => {
  const exact = formats(new Ajv({ ...shared, coerceTypes: false }))
  const fromUrl = formats(new Ajv({ ...shared, coerceTypes: 'array' }))
  for (const ajv of [exact, fromUrl]) ajv.addKeyword({ keyword: 'kind' })
  app.setValidatorCompiler(({ schema, httpPart }) => (httpPart === 'body' ? exact : fromUrl).compile(schema as object))
}

const openEnded = /(additionalProperties|patternProperties|propertyNames)/

/** Where a violation is, as far as the schema names it: names that only the input knows are left out. */
const pointerOf = (error: FastifySchemaValidationError): string => {
  if (openEnded.test(error.schemaPath) && error.keyword !== 'additionalProperties') return ''
  const missing = error.keyword === 'required' ? (error.params as { missingProperty?: string }).missingProperty : undefined
  return missing ? `${error.instancePath}/${missing}` : error.instancePath
}

const ruleOf = (error: FastifySchemaValidationError): string => {
  if (error.keyword !== 'format' && error.keyword !== 'pattern') return error.keyword
  const format = (error.params as { format?: unknown }).format
  return typeof format === 'string' ? `format:${format}` : error.keyword
}

/** The violations of a schema, by pointer and rule. `context` is the part of the request: body, querystring, params or headers. */
export const violationsOf = (errors: readonly (FastifySchemaValidationError | ErrorObject)[], context: string | undefined): Violation[] => {
  const prefix = context === undefined || context === 'body' ? '' : `/${context === 'querystring' ? 'query' : context}`
  return errors.map((error) => ({
    pointer: `${prefix}${pointerOf(error as FastifySchemaValidationError)}`,
    rule: ruleOf(error as FastifySchemaValidationError),
  }))
}
