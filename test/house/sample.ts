import { newId } from '../../domain/shared/ids.ts'

/** As much of JSON Schema as declarations use. */
interface Schema {
  readonly type?: string | readonly string[]
  readonly enum?: readonly unknown[]
  readonly const?: unknown
  readonly anyOf?: readonly Schema[]
  readonly properties?: Readonly<Record<string, Schema>>
  readonly required?: readonly string[]
  readonly items?: Schema
  readonly minItems?: number
  readonly format?: string
  readonly pattern?: string
  readonly examples?: readonly string[]
  readonly minLength?: number
  readonly maxLength?: number
  readonly minimum?: number
  readonly default?: unknown
}

export interface SampleOptions {
  /** What free text says. */
  readonly text?: string
  /** Whether members that may be absent are there. */
  readonly optional?: boolean
}

const byFormat: Readonly<Record<string, () => string>> = {
  uuid: () => newId(),
  'date-time': () => new Date(Date.now() + 86_400_000).toISOString(),
  date: () => new Date(Date.now() + 86_400_000).toISOString().slice(0, 10),
  email: () => 'sample@example.org',
}

/** True where a string may say anything. */
export const isFreeText = (schema: Schema): boolean =>
  schema.type === 'string' && !schema.enum && !schema.format && (schema.pattern === undefined || schema.pattern === '\\S')

const textOf = (schema: Schema, text: string): string => {
  if (schema.format) return (byFormat[schema.format] ?? (() => text))()
  if (schema.pattern !== undefined && schema.pattern !== '\\S' && schema.examples) return schema.examples[0]!
  const padded = text.padEnd(schema.minLength ?? 0, 'x')
  return padded.slice(0, schema.maxLength ?? padded.length)
}

const objectOf = (schema: Schema, options: SampleOptions): Record<string, unknown> => {
  const wanted = Object.entries(schema.properties ?? {}).filter(([name]) => options.optional || schema.required?.includes(name))
  return Object.fromEntries(wanted.map(([name, part]) => [name, sampleOf(part, options)]))
}

/** A value that the schema accepts; a pattern of its own it meets by the schema's example. */
export const sampleOf = (schema: Schema, options: SampleOptions = {}): unknown => {
  if (schema.const !== undefined) return schema.const
  if (schema.enum) return schema.enum[0]
  if (schema.anyOf) return sampleOf(schema.anyOf[0]!, options)
  const type = Array.isArray(schema.type) ? schema.type[0] : schema.type
  if (type === 'object' || schema.properties) return objectOf(schema, options)
  if (type === 'array') return Array.from({ length: schema.minItems ?? 0 }, () => sampleOf(schema.items ?? {}, options))
  if (type === 'string') return textOf(schema, options.text ?? 'sample text')
  if (type === 'integer' || type === 'number') return schema.default ?? schema.minimum ?? 1
  return type === 'boolean' ? true : null
}
