import type { InjectOptions, LightMyRequestResponse } from 'fastify'
import { personas } from '../../config/personas.ts'
import { newId } from '../../domain/shared/ids.ts'
import { checkAccess } from '../../plugins/host/identity/check-access.ts'
import type { Principal } from '../../plugins/host/principal.ts'
import { idempotencyOf, type AnyOperation } from '../../routes/shared/operation.ts'
import type { TestHost } from '../helper.ts'
import { sampleOf } from './sample.ts'

export interface RequestOptions {
  /** What every free text of the request says. */
  readonly text?: string
  /** Whether the members of body and query that may be absent are there. */
  readonly optional?: boolean
  /** Ids of path parameters by name; ids of nothing unless told. */
  readonly ids?: Readonly<Record<string, string>>
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: unknown
}

/** One operation of the loaded service, and who may call it. */
export interface Drive {
  readonly operation: AnyOperation
  readonly persona: string
  readonly principal: Principal
  /** A request that the gates before validation let pass, and validation too. */
  request(options?: RequestOptions): Omit<InjectOptions, 'url' | 'headers'> & { url: string; headers: Record<string, string> }
  send(options?: RequestOptions): Promise<LightMyRequestResponse>
}

/** Reads of the audit store grow with what a test does: they are asked in the agency in which nothing else happens. */
const inOrder = personas.toSorted(
  (one, other) => Number(other.persona === 'compliance-officer-lakeside') - Number(one.persona === 'compliance-officer-lakeside'),
)

const mayCall = (operation: AnyOperation, principal: Principal): boolean => {
  try {
    checkAccess(operation, principal)
    return true
  } catch {
    return false
  }
}

const agreeing = (operation: AnyOperation, principal: Principal, place: 'query' | 'body', part: object): Record<string, unknown> => {
  const rules = (operation.agrees ?? []).filter(
    (rule) => rule.in === place && rule.field in part && principal.audience && rule.audiences.includes(principal.audience),
  )
  return { ...part, ...Object.fromEntries(rules.map((rule) => [rule.field, principal[rule.claim]])) }
}

const pathOf = (operation: AnyOperation, ids: Readonly<Record<string, string>>): string =>
  `/api${operation.path.replaceAll(/:(\w+)/g, (_, name: string) => encodeURIComponent(ids[name] ?? newId()))}`

const queryOf = (operation: AnyOperation, principal: Principal, options: RequestOptions): string => {
  const sample = operation.query ? (sampleOf(operation.query, options) as Record<string, unknown>) : {}
  // A cursor is no text that anybody can write.
  delete sample['cursor']
  const query = new URLSearchParams(
    Object.entries(agreeing(operation, principal, 'query', sample)).map(([name, value]): [string, string] => [name, String(value)]),
  )
  return query.size > 0 ? `?${query.toString()}` : ''
}

/** A token as long as the clock stands still: signing and verifying one for each request would be most of what a test does. */
const tokensOf = (host: TestHost): ((persona: string) => string) => {
  const made = new Map<string, { readonly at: number; readonly token: string }>()
  return (persona) => {
    const at = host.clock.now()
    if (made.get(persona)?.at !== at) made.set(persona, { at, token: host.token(persona) })
    return made.get(persona)!.token
  }
}

const driveOf = (
  host: TestHost,
  token: (persona: string) => string,
  operation: AnyOperation,
  persona: string,
  principal: Principal,
): Drive => {
  const request: Drive['request'] = (options = {}) => {
    const body = operation.body
      ? (options.body ?? agreeing(operation, principal, 'body', sampleOf(operation.body, options) as object))
      : undefined
    return {
      method: operation.method,
      url: pathOf(operation, options.ids ?? {}) + queryOf(operation, principal, options),
      headers: {
        ...(operation.audience.includes('public') ? {} : { authorization: `Bearer ${token(persona)}` }),
        ...(idempotencyOf(operation) === 'required' ? { 'idempotency-key': newId() } : {}),
        ...(operation.ifMatch ? { 'if-match': '"1"' } : {}),
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
        ...options.headers,
      },
      ...(body === undefined ? {} : { payload: JSON.stringify(body) }),
    }
  }
  return { operation, persona, principal, request, send: (options) => host.app.inject(request(options)) }
}

/** Every operation that loaded, each with the first persona that may call it: a new context is driven without being named here. */
export const drivesOf = async (host: TestHost): Promise<Drive[]> => {
  const token = tokensOf(host)
  const principals = await Promise.all(
    inOrder.map(async ({ persona }) => ({ persona, principal: await host.parts.host.identity.authenticate(`Bearer ${token(persona)}`) })),
  )
  return host.loaded.operations.map(({ operation }) => {
    const caller = principals.find(({ principal }) => operation.audience.includes('public') || mayCall(operation, principal))
    if (!caller) throw new Error(`no persona may call ${operation.name}`)
    return driveOf(host, token, operation, caller.persona, caller.principal)
  })
}
