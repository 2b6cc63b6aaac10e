import { Ajv, type ErrorObject, type ValidateFunction } from 'ajv'
import formatsPlugin from 'ajv-formats'
import type { FastifyInstance, FastifySchemaValidationError } from 'fastify'
import type { Violation } from '../../domain/shared/refusal.ts'
import { normalise, textRule } from '../../domain/shared/text.ts'

// That each schema is one is held by a test over all of them, not by checking them again at every start.
const shared = {
  allErrors: false,
  removeAdditional: false,
  useDefaults: true,
  strict: false,
  ownProperties: true,
  validateSchema: false,
} as const

const formats = formatsPlugin as unknown as (ajv: Ajv) => Ajv

type Validator = ((value: unknown) => boolean) & { errors?: ErrorObject[] | null }

/** Compiled with the first value: a start does not wait for what nobody has asked for yet. */
const whenFirstAsked = (compile: () => ValidateFunction): Validator => {
  let compiled: ValidateFunction | undefined
  const validate: Validator = (value) => {
    compiled ??= compile()
    const valid = compiled(value) as boolean
    validate.errors = compiled.errors ?? null
    return valid
  }
  return validate
}

type Parts = Record<string, unknown>

const normalised = (value: unknown): unknown => {
  if (typeof value === 'string') return normalise(value)
  return Array.isArray(value) ? value.map(normalised) : value
}

/** The first string that holds what no string may; its name is one that the schema knows. */
const brokenText = (parts: Parts): ErrorObject | null => {
  for (const name in parts) {
    for (const text of [parts[name]].flat()) {
      const rule = typeof text === 'string' ? textRule(text) : null
      if (rule) return { keyword: rule, instancePath: `/${name}`, schemaPath: '', params: {} }
    }
  }
  return null
}

/** The conventions of strings, which bodies meet when they are parsed. */
const withTextRules = (inner: Validator): Validator => {
  const validate: Validator = (value) => {
    const parts = value as Parts
    for (const name in parts) parts[name] = normalised(parts[name])
    const valid = inner(value)
    const broken = valid ? brokenText(parts) : null
    validate.errors = broken ? [broken] : inner.errors
    return valid && !broken
  }
  return validate
}

/** Bodies are taken as they are typed; only what comes out of a URL, where everything is text, is converted. */
export const useValidators = (app: FastifyInstance): void => {
  const exact = formats(new Ajv({ ...shared, coerceTypes: false }))
  const fromUrl = formats(new Ajv({ ...shared, coerceTypes: 'array' }))
  for (const ajv of [exact, fromUrl]) ajv.addKeyword({ keyword: 'kind' })
  app.setValidatorCompiler(({ schema, httpPart }) =>
    httpPart === 'body'
      ? whenFirstAsked(() => exact.compile(schema as object))
      : withTextRules(whenFirstAsked(() => fromUrl.compile(schema as object))),
  )
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
