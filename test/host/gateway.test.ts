import type { AddressInfo } from 'node:net'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { Type } from '@sinclair/typebox'
import t from 'tap'
import { contract } from '../../config/contract.ts'
import { personaNamed, riverside } from '../../config/personas.ts'
import { newId, platformAgency } from '../../domain/shared/ids.ts'
import { contexts } from '../../plugins/contexts.ts'
import { defineContext } from '../../plugins/host/define-context.ts'
import { operation } from '../../routes/shared/operation.ts'
import { startHost } from '../helper.ts'

/**
 * Layer 2 of FusionEMS part 4: the seven steps of its request flow, seen from outside. The finer order of our own gates, and that each is
 * needed, is proved in pipeline.test.ts and test/house/mutation.test.ts; deny by default per operation in role-by-operation.test.ts.
 */
const getBackend = operation({
  name: 'getBackend',
  summary: 'Stands for any service behind the gateway',
  method: 'GET',
  path: '/backend/:recordId',
  effect: 'read',
  audience: ['staff'],
  scopes: ['agency:admin'],
  audit: 'refusals',
  params: Type.Object({ recordId: Type.String({ maxLength: 80 }) }, { additionalProperties: false }),
  reply: { status: 200, schema: Type.Object({ reached: Type.Integer() }) },
})
let reached = 0
const backend = defineContext({
  manifest: {
    name: 'backend', step: null, audience: ['staff'], effects: ['read'], capabilities: [], killSwitches: [], tables: [], upstreamHosts: [],
  },
  setup: (scope) => scope.serve(getBackend, { answer: () => ({ body: { reached: (reached += 1) } }) }),
}) // prettier-ignore

const host = await startHost(t, {
  contexts: [...contexts, backend],
  contract: { ...contract, approvals: [...contract.approvals, { ...backend.manifest, clause: 'none' }] },
  env: { USER_LIMIT: '3/60s' },
})

interface Line {
  readonly [field: string]: unknown
}
// Over a real connection: without one, an answer has no end that a line could be written at.
await host.app.listen({ port: 0, host: '127.0.0.1' })
const { port } = host.app.server.address() as AddressInfo

const linesOf = (id: string): Line[] => host.lines.map((line) => JSON.parse(line) as Line).filter(({ commandId }) => commandId === id)

/** One request: what it was answered, and the lines that it left in the log. */
const ask = async (path: string, token: string | null) => {
  const count = reached
  const response = await fetch(`http://127.0.0.1:${port}${path}`, { headers: token === null ? {} : { authorization: `Bearer ${token}` } })
  await response.arrayBuffer()
  const id = response.headers.get('x-request-id')!
  for (let turns = 0; turns < 2_000 && linesOf(id).length === 0; turns += 1) await nextTurn()
  return { status: response.status, lines: linesOf(id), id, reached: reached > count }
}

const email = 'ag.admin@riverside.example'
const admin = personaNamed('agency-admin')!
/** An administrator's token, which also says what no line may repeat. */
const token = (claims: Record<string, unknown> = {}, lifetimeSeconds = 300): string =>
  host.token('agency-admin', { lifetimeSeconds, claims: { email, preferred_username: email, name: 'Ada Admin', ...claims } })
const path = '/api/backend/record-of-jane-doe'

t.test('seven steps, one after the other: each refusal comes from the first step that fails, and none reaches the service', async (t) => {
  const nothing = { realm_access: { roles: ['Agency Administrator'] }, scope: '', agency_id: newId() }
  const crowded = newId()
  for (let sent = 0; sent < 3; sent += 1) await ask(path, token({ sub: crowded }))
  const before = reached
  const steps: [step: string, token: string | null, status: number, line: Line][] = [
    ['1 authentication: none', null, 401, { outcome: 'UNAUTHORIZED', role: 'anonymous', userId: '', tenantId: platformAgency }],
    ['1 authentication: a token that has ended, with nothing right in it', token({ ...nothing, sub: crowded }, -60), 401, { outcome: 'UNAUTHORIZED', role: 'anonymous', userId: '' }],
    ['2 role claims: none that is known', token({ ...nothing, agency_id: riverside.id, sub: crowded }), 403, { outcome: 'FORBIDDEN', userId: crowded, tenantId: riverside.id }],
    ['3 agency context: an agency that there is not', token({ agency_id: nothing.agency_id, sub: crowded }), 403, { outcome: 'FORBIDDEN', userId: crowded, tenantId: platformAgency }],
    ['4 scopes: not in the token, though in the matrix', token({ scope: 'consent:read', sub: crowded }), 403, { outcome: 'FORBIDDEN', role: 'agency_administrator', tenantId: riverside.id }],
    ['5 rate: used up', token({ sub: crowded }), 429, { outcome: 'RATE_LIMITED', role: 'agency_administrator', tenantId: riverside.id }],
  ] // prettier-ignore
  for (const [step, bearer, status, line] of steps) {
    const answer = await ask(path, bearer)
    t.equal(answer.status, status, step)
    t.match(answer.lines, [line], `${step}; 6 its line in the log`)
    t.equal(answer.reached, false, `${step}; 7 no service`)
  }
  t.equal(reached, before)
  const passed = await ask(path, token({ sub: newId() }))
  t.same([passed.status, passed.reached], [200, true], '7 the service')
  t.match(passed.lines, [{ outcome: 'success', status: 200 }], '6 its line in the log')
})

t.test('the line of a request: FusionEMS’ fields, with ids for the email and the pattern for the path', async (t) => {
  const { lines, id } = await ask(path, token({ sub: admin.sub }))
  const [{ timestamp, response_time_ms: elapsed, ...line }] = lines as [Line]
  t.same(
    line,
    {
      level: 30,
      tenantId: riverside.id,
      userId: admin.sub,
      commandId: id,
      action: 'getBackend',
      outcome: 'success',
      status: 200,
      role: 'agency_administrator',
      method: 'GET',
      route: '/api/backend/:recordId',
    },
    'all of it',
  )
  t.equal(linesOf(id).length, 1, 'and it is one')
  t.match(timestamp, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/)
  t.type(elapsed, 'number')
  t.notMatch(host.lines.join(''), /riverside\.example|Ada Admin|jane/i, 'no mail address, no name, no path, in any line')
})

t.test('what nobody declared is refused to everybody: governance, analytics, billing, configuration, other products', async (t) => {
  const founder = host.token('founder', { claims: { sub: newId() } })
  const absent = ['governance/policies', 'analytics/agencies', 'billing/claims', 'qa/policies', 'carefusion/sessions', '../api']
  for (const one of absent) {
    for (const bearer of [null, founder]) {
      const { status, lines } = await ask(`/api/${one}?agency=jane`, bearer)
      t.equal(status, 404, one)
      t.match(lines, [{ action: 'unknownRoute', outcome: 'NOT_FOUND', route: '' }], 'and the line does not repeat what was asked for')
    }
  }
  const patched = await host.call('PATCH', path, { token: founder })
  t.equal(patched.statusCode, 405, 'a method that was not declared either')
  const open = host.loaded.operations.filter(({ operation: { audience } }) => !audience.includes('public'))
  for (const { operation: declared } of open) {
    const url = `/api${declared.path.replaceAll(/:\w+/g, newId())}`
    t.equal((await host.call(declared.method, url)).statusCode, 401, `${declared.name} without a token`)
  }
})
