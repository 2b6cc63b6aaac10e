import { array, feature, Malformed, members, segment } from './feature.ts'
import type { Feature, Segment } from './feature.ts'

/** One complete answer of a source: every feature that it knows. */
export interface Reading {
  readonly features: ReadonlyMap<string, Feature>
  readonly segments: ReadonlyMap<number, Segment>
}

const json = (text: string): unknown => {
  try {
    return JSON.parse(text.startsWith('\uFEFF') ? text.slice(1) : text)
  } catch {
    throw new Malformed('not JSON')
  }
}

/**
 * Reads the flags file: one object, flag name → boolean or `{ enabled, strategies }`.
 * @throws Malformed as a whole where any entry is wrong: half a document is never obeyed.
 */
export const readDocument = (text: string): Reading => {
  const features = new Map<string, Feature>()
  for (const [name, value] of Object.entries(members(json(text)))) {
    if (typeof value === 'boolean') features.set(name, feature(name, { enabled: value }))
    else {
      const { enabled, strategies, ...others } = members(value)
      if (Object.keys(others).length > 0) throw new Malformed('unknown member')
      features.set(name, feature(name, { enabled, strategies }))
    }
  }
  return { features, segments: new Map() }
}

const named = (value: unknown): string | null => {
  const name = (value as { name?: unknown } | null)?.name
  return typeof name === 'string' ? name : null
}

const understood = <T>(read: () => T): T | null => {
  try {
    return read()
  } catch {
    return null
  }
}

/**
 * Reads Unleash's answer to a client (`GET /api/client/features`).
 * @throws Malformed where it is none, or where a feature named in `known` is wrong. Other teams' features share the project and
 * are left out where they cannot be read.
 */
export const readClientFeatures = (text: string, known: ReadonlySet<string>): Reading => {
  const from = members(json(text))
  if (!Array.isArray(from['features'])) throw new Malformed('no features')
  const features = new Map<string, Feature>()
  for (const value of from['features']) {
    const name = named(value)
    if (name === null) throw new Malformed('a feature without a name')
    const read = known.has(name) ? feature(name, value) : understood(() => feature(name, value))
    if (read) features.set(name, read)
  }
  const segments = array(from['segments']).map((value) => understood(() => segment(value)))
  return { features, segments: new Map(segments.filter((read) => read !== null).map((read) => [read.id, read])) }
}
