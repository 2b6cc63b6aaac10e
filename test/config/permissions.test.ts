import t from 'tap'
import { agentScopes, everyScope, grantsOf, permissions, permissionTable, roles, type Role } from '../../config/permissions.ts'
import { demoAgencies, lakeside, personaNamed, personas, riverside, type Persona } from '../../config/personas.ts'
import { isUuid } from '../../domain/shared/ids.ts'
import { effectiveScopes, modulesMatter } from '../../plugins/host/identity/effective-scopes.ts'
import {
  expectedAgentScopes,
  expectedConditions,
  expectedHolders,
  expectedModuleGrants,
  expectedPersonas,
  expectedRoles,
} from '../fixtures/permission-expectations.ts'

const sorted = (values: Iterable<string>): string[] => [...values].sort()

/** What a token that lists everything comes down to. */
const held = (role: Role, modules: string[] = [], byAgent = false) =>
  effectiveScopes({ tokenScopes: [...everyScope, 'made:up', ''], roles: [role], modules, byAgent })

t.test('roles and scopes are those of the documents, no more and no fewer', async (t) => {
  t.same(roles, expectedRoles)
  t.same(sorted(everyScope), sorted(Object.keys(expectedHolders)))
  t.equal(new Set(everyScope).size, everyScope.length)
  for (const scope of everyScope) t.match(scope, /^[a-z_]+:[a-z_]+$/, 'a parenthesis is never part of a name')
})

t.test('every role against every scope equals the table written by hand', async (t) => {
  let compared = 0
  for (const role of roles) {
    for (const scope of everyScope) {
      t.equal(held(role).has(scope), expectedHolders[scope]!.includes(role), `${role} ${scope}`)
      compared += 1
    }
  }
  t.equal(compared, 18 * 52)
  for (const [scope, holders] of Object.entries(expectedHolders)) {
    for (const role of holders) t.ok(held(role as Role).has(scope), `${scope} reaches ${role}`)
  }
})

t.test('modules add one scope each, to the administrator of the agency alone', async (t) => {
  for (const module of ['billing', 'dea', 'unheard-of']) {
    for (const role of roles) {
      const gained = [...held(role, [module])].filter((scope) => !held(role).has(scope))
      t.same(
        gained,
        expectedModuleGrants.filter(([m, r]) => m === module && r === role).map(([, , scope]) => scope),
        `${module} for ${role}`,
      )
    }
  }
  t.same(
    roles.filter((role) => modulesMatter([role])),
    ['agency_administrator'],
  )
  const tokenScopes = ['agency:read']
  const granted = effectiveScopes({ tokenScopes, roles: ['agency_administrator'], modules: ['billing', 'dea'], byAgent: false })
  t.same([...granted], ['agency:read'], 'a module adds nothing that the token does not list')
})

t.test('agents stay within four scopes, whoever delegates', async (t) => {
  t.same(sorted(agentScopes), sorted(expectedAgentScopes))
  for (const role of roles) {
    const expected = expectedAgentScopes.filter((scope) => expectedHolders[scope]!.includes(role))
    t.same(sorted(held(role, [], true)), sorted(expected), role)
  }
})

t.test('conditions are data beside the scope', async (t) => {
  const found = roles.flatMap((role) =>
    role === 'founder' ? [] : grantsOf(role).flatMap(({ scope, condition }) => (condition === undefined ? [] : [[role, scope, condition]])),
  )
  t.same(sorted(found.map(String)), sorted(expectedConditions.map(String)))
})

t.test('the printed table has a row per role, conditions in parentheses', async (t) => {
  const table = permissionTable()
  t.same(
    table.map((row) => row.role),
    expectedRoles,
  )
  const row = (role: string) => table.find((one) => one.role === role)!
  t.same(row('peer_reviewer'), {
    role: 'peer_reviewer',
    source: 'FusionEMS part 2',
    scopes: ['peer_review:read', 'peer_review:write', 'clinical:read (peer_review_context)'],
  })
  t.same(row('ai_agent').scopes, [])
  t.equal(row('founder').scopes.length, 52 - 7)
  t.equal(row('billing_operations').source, 'FusionEMS part 5')
})

t.test("the founder's own list is the matrix's, word for word", async (t) => {
  const listed = permissions.founder.listed.map((grant) => grant.scope).join(' ')
  t.equal(
    listed,
    'founder:read founder:write founder:admin billing:execute billing:governance collections:governance qa:governance ' +
      'reports:cross_agency analytics:cross_agency dea:view dea:edit cms:view cms:edit',
  )
})

t.test('the demo agencies and personas are those of the design', async (t) => {
  t.same(
    demoAgencies.map(({ name, modules }) => [name, modules]),
    [
      ['Riverside', ['billing', 'dea']],
      ['Lakeside', []],
    ],
  )
  const agencyName = (persona: Persona) => demoAgencies.find((agency) => agency.id === persona.agencyId)!.name
  const carries = (persona: Persona) => (['agent', 'patientId', 'providerId'] as const).filter((field) => persona[field] !== undefined)
  t.same(
    personas.map((persona) => [persona.persona, agencyName(persona), persona.roles.join(' '), carries(persona)]),
    expectedPersonas,
  )
  const ids = personas.flatMap(({ sub, agencyId, patientId, providerId }) => [sub, agencyId, patientId ?? sub, providerId ?? sub])
  t.ok([...ids, riverside.id, lakeside.id].every(isUuid))
})

t.test('personas are distinct people, but for agents, who are their delegators', async (t) => {
  const people = personas.filter((persona) => persona.agent === undefined)
  t.equal(new Set(people.map((persona) => persona.sub)).size, people.length)
  t.equal(personaNamed('ai-agent')!.sub, personaNamed('clinician')!.sub)
  t.equal(personaNamed('ai-agent-patient')!.sub, personaNamed('patient-ana')!.sub)
  t.equal(personaNamed('ai-agent-patient')!.patientId, personaNamed('patient-ana')!.patientId)
  t.equal(personaNamed('nobody'), undefined)
  for (const persona of personas) {
    t.same(sorted(persona.scopes), sorted(new Set(persona.roles.flatMap((role) => [...held(role, ['billing', 'dea'])]))), persona.persona)
  }
})
