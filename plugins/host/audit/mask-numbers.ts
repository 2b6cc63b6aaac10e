import { type Mask, maskKeyword } from '../../../routes/shared/masking.ts'
import type { AnyOperation } from '../../../routes/shared/operation.ts'

interface Place {
  readonly path: readonly string[]
  readonly mask: Mask
}

interface Schema {
  readonly properties?: Readonly<Record<string, Schema>>
  readonly [maskKeyword]?: Mask
}

const within = (schema: Schema | undefined, path: readonly string[]): Place[] => {
  if (schema === undefined) return []
  const mask = schema[maskKeyword]
  const inner = Object.entries(schema.properties ?? {}).flatMap(([name, part]) => within(part, [...path, name]))
  return mask === undefined ? inner : [{ path, mask }, ...inner]
}

const known = new WeakMap<AnyOperation, readonly Place[]>()

/** Where an operation's requests carry numbers that the audit may not hold whole. */
const placesOf = (operation: AnyOperation): readonly Place[] => {
  let places = known.get(operation)
  if (!places) known.set(operation, (places = [...within(operation.body, ['body']), ...within(operation.query, ['query'])]))
  return places
}

const lastFour = (text: string): string => {
  const number = text.replaceAll(/[\s-]/g, '')
  return number.length > 4 ? `****${number.slice(-4)}` : '****'
}

const masked = (value: unknown, mask: Mask): unknown => {
  if (value === null || value === undefined) return value
  if (typeof value !== 'string') return '****'
  return mask === 'numbers' && (!/\d/.test(value) || value.includes('@')) ? value : lastFour(value)
}

const replaced = (value: unknown, path: readonly string[], mask: Mask): unknown => {
  const [name, ...rest] = path
  if (name === undefined) return masked(value, mask)
  if (typeof value !== 'object' || value === null || !Object.hasOwn(value, name)) return value
  return { ...value, [name]: replaced((value as Record<string, unknown>)[name], rest, mask) }
}

/**
 * The payload of an attempt with the numbers that its schema marks shown by their last four, whether the attempt went through or not.
 * @see FR-015 FR-012; design, section 4: the mask sits on the type
 */
export const maskNumbers = (operation: AnyOperation, payload: Record<string, unknown>): Record<string, unknown> => {
  let result: unknown = payload
  for (const { path, mask } of placesOf(operation)) result = replaced(result, path, mask)
  return result as Record<string, unknown>
}
