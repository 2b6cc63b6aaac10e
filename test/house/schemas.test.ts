import { Ajv } from 'ajv'
import formatsPlugin from 'ajv-formats'
import fastJsonStringify from 'fast-json-stringify'
import t from 'tap'
import { contexts } from '../../plugins/contexts.ts'
import { readDeclarations } from '../../plugins/host/read-declarations.ts'

interface Schema {
  readonly type?: string | readonly string[]
  readonly properties?: Readonly<Record<string, Schema>>
  readonly items?: Schema
  readonly additionalProperties?: unknown
  readonly enum?: readonly unknown[]
  readonly const?: unknown
  readonly anyOf?: readonly Schema[]
  readonly allOf?: readonly Schema[]
  readonly maxLength?: number
  readonly format?: string
  readonly pattern?: string
  readonly maxItems?: number
  readonly minimum?: number
  readonly maximum?: number
  readonly description?: string
}

const is = (schema: Schema, type: string): boolean => [schema.type].flat().includes(type)

/** A schema and all that are in it, each with its place. */
const within = (schema: Schema, place: string): [string, Schema][] => [
  [place, schema],
  ...Object.entries(schema.properties ?? {}).flatMap(([name, part]) => within(part, `${place}/${name}`)),
  ...(schema.items ? within(schema.items, `${place}/*`) : []),
  ...[...(schema.anyOf ?? []), ...(schema.allOf ?? [])].flatMap((part) => within(part, place)),
]

const fixed = (schema: Schema): boolean => schema.enum !== undefined || schema.const !== undefined

/** A pattern bounds a string only where it bounds its length. */
const bounds = (pattern: string | undefined): boolean =>
  pattern !== undefined && /^\^.*\$$/.test(pattern) && !/[*+](?!\?)|,\}/.test(pattern.replaceAll(/\\.|\[[^\]]*\]/g, 'x'))

/** What an auditor reads is whatever was sent. */
const anything: ReadonlySet<string> = new Set(['payload', 'before', 'after'].map((name) => `reply/items/*/${name}`))

const { operations } = await readDeclarations(contexts)

// A start compiles a schema when it is first asked for, so that one which cannot be compiled is found here.
t.test('every schema is one, and compiles', async (t) => {
  const ajv = (formatsPlugin as unknown as (ajv: Ajv) => Ajv)(new Ajv({ strict: false, validateSchema: true }))
  const broken: string[] = []
  const attempt = (place: string, compile: () => unknown): void => {
    try {
      compile()
    } catch (error) {
      broken.push(`${place}: ${(error as Error).message}`)
    }
  }
  for (const { operation } of operations) {
    for (const part of ['body', 'query', 'params'] as const) {
      const schema = operation[part]
      if (schema) attempt(`${operation.name} ${part}`, () => ajv.compile(schema))
    }
    const { schema, contentType } = operation.reply
    if (schema && !contentType) attempt(`${operation.name} reply`, () => (ajv.validateSchema(schema, true), fastJsonStringify(schema)))
  }
  t.same(broken, [])
})

for (const { operation } of operations) {
  t.test(`what ${operation.name} takes is bounded and closed`, async (t) => {
    for (const part of ['body', 'query', 'params'] as const) {
      if (!operation[part]) continue
      for (const [place, schema] of within(operation[part] as Schema, part)) {
        if (is(schema, 'object')) t.equal(schema.additionalProperties, false, `${place} refuses what it does not know`)
        if (is(schema, 'string') && !fixed(schema)) {
          t.ok(
            schema.maxLength !== undefined || bounds(schema.pattern) || ['uuid', 'date'].includes(schema.format ?? ''),
            `${place} has a longest text`,
          )
        }
        if (is(schema, 'array')) t.ok(schema.maxItems !== undefined, `${place} has a most of items`)
        if ((is(schema, 'integer') || is(schema, 'number')) && !fixed(schema))
          t.ok(schema.minimum !== undefined && schema.maximum !== undefined, `${place} has bounds`)
        if (place.includes('/')) t.ok(schema.description, `${place} is described`)
      }
    }
  })

  t.test(`what ${operation.name} gives is what its schema names`, async (t) => {
    if (operation.reply.schema === null || operation.reply.contentType) return
    for (const [place, schema] of within(operation.reply.schema as Schema, 'reply')) {
      if (is(schema, 'object') && schema.properties) t.equal(schema.additionalProperties, false, `${place} passes nothing else out`)
      if (!anything.has(place)) t.ok(schema.type !== undefined || fixed(schema) || schema.anyOf, `${place} has a type`)
    }
  })
}
