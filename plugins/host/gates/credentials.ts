import { Refusal } from '../../../domain/shared/refusal.ts'
import { redactCredentials } from '../audit/index.ts'
import type { Gate } from './gate.ts'

interface Schema {
  readonly properties?: Readonly<Record<string, Schema>>
}

/** As much of a pointer as the schema names: a name that only the input knows is not repeated. */
const knownPointer = (schema: Schema, pointer: string): string => {
  let known = ''
  let part: Schema | undefined = schema
  for (const name of pointer.split('/').slice(1)) {
    part = part.properties && Object.hasOwn(part.properties, name) ? part.properties[name] : undefined
    if (!part) break
    known += `/${name}`
  }
  return known
}

/**
 * Records that are kept beside an authority's site, and never the keys to it. Asked before the schema, so that a field named like a
 * credential is told from one that is merely unknown.
 * @see FusionEMS part 2, Compliance Officer: cannot store credentials; part 5, Compliance Disclaimers
 */
export const credentials: Gate = {
  name: 'credentials',
  stage: 'admission',
  bind: ({ refusesCredentials, body }) => {
    if (!refusesCredentials || !body) return null
    return (_call, request) => {
      const { redacted } = redactCredentials(request.body, { text: true })
      if (redacted.length === 0) return
      const pointers = new Set(redacted.map(({ pointer }) => knownPointer(body as Schema, pointer)))
      throw new Refusal('VALIDATION_FAILED', 'default', { errors: [...pointers].map((pointer) => ({ pointer, rule: 'credential' })) })
    }
  },
}
