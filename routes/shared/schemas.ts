import { type TObject, type TProperties, Type } from '@sinclair/typebox'
import { uuidPattern } from '../../domain/shared/ids.ts'

/** An object that refuses every property it does not name. */
export const strict = <P extends TProperties>(properties: P, description?: string): TObject<P> =>
  Type.Object(properties, { additionalProperties: false, ...(description === undefined ? {} : { description }) })

/** The id of a record: a lower-case UUID. */
export const id = (description: string) => Type.String({ format: 'uuid', pattern: uuidPattern, minLength: 36, maxLength: 36, description })

/** One of a fixed set of strings, as a plain `enum` in OpenAPI. */
export const oneOf = <const V extends readonly string[]>(values: V, description: string) =>
  Type.Unsafe<V[number]>({ type: 'string', enum: [...values], description })

/** What an operation that opens by a ticket takes; the host reads it and takes it out of the request. */
export const ticketQuery = {
  ticket: Type.Optional(
    Type.String({ maxLength: 4_096, description: 'Part of an address that was handed out; instead of a bearer token' }),
  ),
} as const

/** A time in a request: RFC 3339 with any offset. `parseInstant` reads it; the schema only looks at its form. */
export const instantIn = (description: string) => Type.String({ format: 'date-time', maxLength: 35, description })

/** A time in an answer: RFC 3339 in UTC. */
export const instantOut = (description: string) => Type.String({ format: 'date-time', description })

/** A value that an answer always has, though it may be null. */
export const orNull = <S extends ReturnType<typeof instantOut>>(schema: S) =>
  Type.Unsafe<string | null>({ ...schema, type: ['string', 'null'] })

/**
 * Text that a person writes: of `min` to `max` Unicode code points and not blank. The pattern finds white space; characters
 * that cannot be seen are found by the domain.
 */
export const writtenText = (length: { readonly min: number; readonly max: number }, description: string) =>
  Type.String({
    minLength: length.min,
    maxLength: length.max,
    pattern: '\\S',
    description: `${description} Counted in Unicode code points.`,
  })
