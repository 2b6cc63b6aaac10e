import type { ClientFeaturesResponse } from 'unleash-client'

export type Feature = ClientFeaturesResponse['features'][number]
export type Strategy = NonNullable<Feature['strategies']>[number]
type Constraint = Strategy['constraints'][number]
export type Segment = NonNullable<ClientFeaturesResponse['segments']>[number]

/** The source said something that is no flag document. Its message is a fixed word: content may be anything. */
export class Malformed extends Error {
  readonly code = 'MALFORMED'
}

type Members = Readonly<Record<string, unknown>>

export const members = (value: unknown): Members => {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw new Malformed('not an object')
  return value as Members
}

export const array = (value: unknown): readonly unknown[] => {
  if (value === undefined || value === null) return []
  if (!Array.isArray(value)) throw new Malformed('not an array')
  return value
}

const string = (value: unknown): string => {
  if (typeof value !== 'string') throw new Malformed('not a string')
  return value
}

// A truthy word such as "false" must never turn a switch on, so nothing is coerced.
const boolean = (value: unknown): boolean => {
  if (typeof value !== 'boolean') throw new Malformed('not a boolean')
  return value
}

const isScalar = (value: unknown): value is string | number => typeof value === 'string' || typeof value === 'number'

const constraint = (value: unknown): Constraint => {
  const from = members(value)
  return {
    contextName: string(from['contextName']),
    // An operator that the client does not know never holds, so it needs no check here.
    operator: string(from['operator']) as Constraint['operator'],
    inverted: boolean(from['inverted'] ?? false),
    caseInsensitive: boolean(from['caseInsensitive'] ?? false),
    values: array(from['values']).map(string),
    ...(isScalar(from['value']) ? { value: from['value'] } : {}),
  }
}

const segmentId = (value: unknown): number => {
  if (!Number.isSafeInteger(value)) throw new Malformed('not a segment id')
  return value as number
}

const strategy = (value: unknown): Strategy => {
  const from = members(value)
  const parameters = Object.entries(members(from['parameters'] ?? {})).filter(([, parameter]) => isScalar(parameter))
  return {
    name: string(from['name']),
    parameters: Object.fromEntries(parameters),
    constraints: array(from['constraints']).map(constraint),
    segments: array(from['segments']).map(segmentId),
    // Variants never change whether a feature is on, except as the condition of a dependent one.
    variants: array(from['variants']) as NonNullable<Strategy['variants']>,
  }
}

const dependency = (value: unknown): NonNullable<Feature['dependencies']>[number] => {
  const from = members(value)
  return {
    feature: string(from['feature']),
    enabled: boolean(from['enabled'] ?? true),
    variants: array(from['variants']).map(string),
  }
}

/** A feature in the shape that unleash-client evaluates, everything else left out. @throws Malformed */
export const feature = (name: string, value: unknown): Feature => {
  const from = members(value)
  return {
    name,
    enabled: boolean(from['enabled']),
    strategies: array(from['strategies']).map(strategy),
    variants: array(from['variants']) as NonNullable<Feature['variants']>,
    dependencies: array(from['dependencies']).map(dependency),
  }
}

/** A named set of constraints that several strategies share. @throws Malformed */
export const segment = (value: unknown): Segment => {
  const from = members(value)
  return { id: segmentId(from['id']), constraints: array(from['constraints']).map(constraint) }
}
