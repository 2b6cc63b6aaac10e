import fc from 'fast-check'
import t from 'tap'
import { everyScope, roles } from '../../../config/permissions.ts'
import { platformAgency } from '../../../domain/shared/ids.ts'
import { Refusal } from '../../../domain/shared/refusal.ts'
import { readAgencyScope } from '../../../plugins/host/identity/agency-scope.ts'
import { checkAccess, checkAgreement } from '../../../plugins/host/identity/check-access.ts'
import type { Claims } from '../../../plugins/host/identity/claims.ts'
import { isServiceOnly, principalOf } from '../../../plugins/host/identity/principal-of.ts'
import { createTokenMap } from '../../../plugins/host/identity/token-map.ts'
import { operation, type AgreesWithToken, type Effect, type Operation } from '../../../routes/shared/operation.ts'
import { expectedAgentScopes, expectedHolders, expectedModuleGrants } from '../../fixtures/permission-expectations.ts'

const agency = '01920000-0000-7000-8000-a00000000001'
const otherAgency = '01920000-0000-7000-8000-a00000000002'
const patient = '01920000-0000-7000-8000-c00000000001'
const provider = '01920000-0000-7000-8000-d00000000001'

const claims = (changes: Partial<Claims>): Claims => ({
  sub: 'somebody',
  iat: 1_000,
  exp: 1_900,
  agencyId: agency,
  scopes: everyScope,
  roles: [],
  patientId: null,
  providerId: null,
  agentId: null,
  policyVersionId: null,
  ...changes,
})
const who = (changes: Partial<Claims>) => principalOf(claims(changes), [])
const withRoles = (...held: string[]) => who({ roles: held, patientId: patient, providerId: provider })

const refusalOf = (run: () => unknown): string => {
  try {
    run()
    return 'allowed'
  } catch (error) {
    if (!(error instanceof Refusal)) throw error
    const { code, reason } = error
    return reason === 'default' ? code : `${code}/${reason}`
  }
}

const declared = (changes: Partial<Operation>) =>
  operation({
    name: 'tried',
    summary: 'tried',
    method: 'GET',
    path: '/tried',
    effect: 'read',
    audience: ['patient'],
    scopes: ['messaging:read'],
    audit: 'refusals',
    reply: { status: 200, schema: null },
    ...changes,
  })

t.test('audience: what the roles and ids of a token come down to', async (t) => {
  const table: [roles: string[], ids: Partial<Claims>, audience: string | null, mixed: boolean][] = [
    [['patient'], { patientId: patient }, 'patient', false],
    [['patient'], {}, null, false],
    [['patient', 'offline_access', 'uma_authorization'], { patientId: patient }, 'patient', false],
    [['provider'], { providerId: provider }, 'provider', false],
    [['provider'], {}, null, false],
    [['service'], {}, 'service', false],
    [['clinical_staff'], { providerId: provider }, 'staff', false],
    [['billing_staff', 'qa_reviewer'], {}, 'staff', false],
    [['founder'], {}, 'staff', false],
    [['patient', 'clinical_staff'], { patientId: patient }, 'staff', true],
    [['clinical_staff', 'patient'], {}, 'staff', true],
    [['patient', 'provider'], { patientId: patient, providerId: provider }, 'provider', true],
    [['patient', 'provider'], { patientId: patient }, null, true],
    [['patient', 'service'], { patientId: patient }, 'service', true],
    [['provider', 'clinical_staff'], { providerId: provider }, 'staff', false],
    [['FOUNDER', 'admin', '__proto__', 'constructor'], {}, null, false],
    [[], { patientId: patient, providerId: provider }, null, false],
  ]
  for (const [held, ids, audience, mixed] of table) {
    const principal = who({ roles: held, ...ids })
    t.equal(principal.audience, audience, `${held.join('+')} ${Object.keys(ids).join('+')}`)
    t.equal(principal.mixed, mixed)
    if (audience === null) t.equal(principal.scopes.size, 0, 'no audience, no scopes')
    t.ok(Object.isFrozen(principal) && Object.isFrozen(principal.roles))
  }
})

t.test('ids of the principal are those that its audience may act by', async (t) => {
  const ids = (...held: string[]) => [withRoles(...held).patientId, withRoles(...held).providerId]
  t.same(ids('patient'), [patient, null])
  t.same(ids('provider'), [null, provider])
  t.same(ids('clinical_staff'), [null, provider])
  t.same(ids('patient', 'clinical_staff'), [null, provider])
  t.same(ids('service'), [null, null])
  t.same(ids('unheard_of'), [null, null])
})

t.test('roles: union among staff, in the order of the matrix; never a scope over own records of another hat', async (t) => {
  const both = withRoles('qa_reviewer', 'billing_staff')
  t.ok(both.scopes.has('cms:view') && both.scopes.has('qa:read'))
  t.equal(both.role, 'qa_reviewer')
  t.same(withRoles('patient', 'founder', 'clinical_staff', 'x').roles, ['founder', 'clinical_staff', 'patient'])
  t.equal(withRoles('x').role, '')
  const billingAndPatient = withRoles('billing_staff', 'patient')
  t.same([...billingAndPatient.scopes].sort(), ['billing:read', 'billing_analytics:read', 'billing_reports:read', 'cms:view'])
})

t.test('a machine is one that is nothing else', async (t) => {
  t.equal(isServiceOnly(claims({ roles: ['service', 'offline_access'] })), true)
  t.equal(isServiceOnly(claims({ roles: ['service', 'patient'] })), false)
  t.equal(isServiceOnly(claims({ roles: ['service'], agentId: 'robot' })), false)
  t.equal(isServiceOnly(claims({ roles: [] })), false)
})

t.test('AI agents: under a role, with a policy version, within four scopes', async (t) => {
  const agent = { agentId: 'robot', policyVersionId: 'v1' }
  const ofClinician = who({ roles: ['clinical_staff'], ...agent })
  t.same(ofClinician.agent, { agentId: 'robot', policyVersionId: 'v1', underRole: 'clinical_staff' })
  t.equal(ofClinician.userId, 'somebody')
  t.same([...ofClinician.scopes].sort(), ['appointments:read', 'consent:read'])
  const named = who({ roles: ['ai_agent', 'clinical_staff'], ...agent })
  t.same([named.role, named.agent!.underRole, [...named.roles]], ['clinical_staff', 'clinical_staff', ['clinical_staff', 'ai_agent']])
  t.equal(who({ roles: ['patient'], patientId: patient, ...agent }).audience, 'patient')
  t.equal(who({ roles: ['patient', 'ai_agent'], patientId: patient, ...agent }).mixed, false)

  const unlawful = [
    who({ roles: ['clinical_staff'], agentId: 'robot' }),
    who({ roles: ['ai_agent', 'clinical_staff'], policyVersionId: 'v1' }),
    who({ roles: ['ai_agent'] }),
    who({ roles: ['ai_agent'], ...agent }),
  ]
  for (const principal of unlawful) {
    t.equal(principal.audience, null)
    t.equal(principal.scopes.size, 0)
    t.ok(principal.agent, 'the AI action log gets its row')
  }
  t.equal(unlawful[0]!.agent!.policyVersionId, '')
  t.equal(unlawful[1]!.agent!.agentId, 'somebody')
})

t.test('property: no token exceeds the matrix, its own list, or what an agent may', async () => {
  const scope = fc.oneof(fc.constantFrom(...everyScope), fc.string({ maxLength: 12 }))
  const role = fc.oneof({ weight: 5, arbitrary: fc.constantFrom<string>(...roles) }, { weight: 1, arbitrary: fc.string({ maxLength: 12 }) })
  const token = fc.record({
    scopes: fc.array(scope, { maxLength: 60 }),
    roles: fc.array(role, { maxLength: 6 }),
    patientId: fc.constantFrom(patient, null),
    providerId: fc.constantFrom(provider, null),
    agentId: fc.constantFrom('robot', null),
    policyVersionId: fc.constantFrom('v1', null),
  })
  const modules = fc.subarray(['billing', 'dea', 'other'])
  const allowed = (name: string, held: readonly string[], on: readonly string[]): boolean =>
    (expectedHolders[name] ?? []).some((holder) => held.includes(holder)) ||
    expectedModuleGrants.some(([module, holder, granted]) => granted === name && on.includes(module) && held.includes(holder))
  fc.assert(
    fc.property(token, modules, (given, on) => {
      const principal = principalOf(claims(given), on)
      for (const name of principal.scopes) {
        if (!given.scopes.includes(name) || !allowed(name, given.roles, on)) return false
        if (principal.agent !== null && !expectedAgentScopes.includes(name)) return false
      }
      if (principal.audience === null && principal.scopes.size > 0) return false
      return principal.audience !== 'patient' || principal.roles.every((held) => held === 'patient' || held === 'ai_agent')
    }),
    { numRuns: 2_000 },
  )
})

t.test('access: audience, then one of the scopes', async (t) => {
  const ana = withRoles('patient')
  t.equal(
    refusalOf(() => checkAccess(declared({}), ana)),
    'allowed',
  )
  t.equal(
    refusalOf(() => checkAccess(declared({ scopes: ['dea:view', 'messaging:read'] }), ana)),
    'allowed',
    'one is enough',
  )
  t.equal(
    refusalOf(() => checkAccess(declared({ scopes: [] }), ana)),
    'FORBIDDEN',
    'no scope declared is no scope held',
  )
  t.equal(
    refusalOf(() => checkAccess(declared({ audience: ['staff'] }), ana)),
    'FORBIDDEN',
  )
  t.equal(
    refusalOf(() => checkAccess(declared({ audience: ['staff'], scopes: ['cms:view'] }), withRoles('founder'))),
    'allowed',
  )
  t.equal(
    refusalOf(() => checkAccess(declared({}), withRoles('founder'))),
    'FORBIDDEN',
    'no founder reads messages',
  )
  const bare = who({ roles: ['patient'], patientId: patient, scopes: [] })
  t.equal(
    refusalOf(() => checkAccess(declared({}), bare)),
    'FORBIDDEN',
  )
  t.equal(
    refusalOf(() => checkAccess(declared({ anyScope: true, scopes: [] }), bare)),
    'allowed',
  )
  t.equal(
    refusalOf(() => checkAccess(declared({ anyScope: true, audience: ['patient', 'staff'] }), withRoles('x'))),
    'FORBIDDEN',
  )
  for (const role of roles.filter((one) => one !== 'patient')) {
    t.equal(
      refusalOf(() => checkAccess(declared({ effect: 'write', scopes: ['messaging:write'] }), withRoles(role))),
      'FORBIDDEN',
      role,
    )
  }
})

t.test('access: mixed tokens write nothing that patients write', async (t) => {
  const shared = (effect: Effect) => declared({ effect, audience: ['patient', 'staff'], scopes: ['consent:read'] })
  const mixed = withRoles('patient', 'clinical_staff')
  t.equal(
    refusalOf(() => checkAccess(shared('read'), mixed)),
    'allowed',
  )
  t.equal(
    refusalOf(() => checkAccess(shared('write'), mixed)),
    'FORBIDDEN',
  )
  t.equal(
    refusalOf(() => checkAccess(shared('write'), withRoles('clinical_staff'))),
    'allowed',
  )
  t.equal(
    refusalOf(() => checkAccess(declared({ effect: 'write', scopes: ['consent:write'] }), mixed)),
    'FORBIDDEN',
  )
  t.equal(
    refusalOf(() => checkAccess(declared({ scopes: ['consent:read'] }), withRoles('patient', 'provider'))),
    'FORBIDDEN',
  )
})

t.test('access: agents read, with a scope, and nothing of messaging', async (t) => {
  const agent = { agentId: 'robot', policyVersionId: 'v1' }
  const ofAna = who({ roles: ['patient'], patientId: patient, ...agent })
  t.equal(
    refusalOf(() => checkAccess(declared({ scopes: ['consent:read'] }), ofAna)),
    'allowed',
  )
  t.equal(
    refusalOf(() => checkAccess(declared({ scopes: ['consent:read'], effect: 'write' }), ofAna)),
    'FORBIDDEN',
  )
  t.equal(
    refusalOf(() => checkAccess(declared({}), ofAna)),
    'FORBIDDEN',
    'messaging reads included',
  )
  t.equal(
    refusalOf(() => checkAccess(declared({ anyScope: true }), ofAna)),
    'FORBIDDEN',
    'what needs no scope is not for agents',
  )
  const officer = who({ roles: ['compliance_officer'], ...agent })
  for (const effect of ['draft', 'advise', 'write', 'admin'] as const) {
    t.equal(
      refusalOf(() => checkAccess(declared({ audience: ['staff'], scopes: ['dea:view'], effect }), officer)),
      'FORBIDDEN',
      effect,
    )
  }
  t.equal(
    refusalOf(() => checkAccess(declared({ audience: ['staff'], scopes: ['dea:view'] }), officer)),
    'allowed',
  )
  t.equal(
    refusalOf(() => checkAccess(declared({ audience: ['staff'], scopes: ['dea:edit'] }), officer)),
    'FORBIDDEN',
  )
})

t.test('agreement: an id of the request never widens the token', async (t) => {
  type Part = AgreesWithToken['in']
  const rule = (part: Part): AgreesWithToken => ({ claim: 'patientId', in: part, field: 'patientId', audiences: ['patient'] })
  const rules = (...where: Part[]) => declared({ agrees: where.map(rule) })
  const ana = withRoles('patient')
  const parts = { params: {}, query: Object.create(null) as object, body: {} as unknown }
  const tried = (body: unknown, principal = ana) => refusalOf(() => checkAgreement(rules('body'), principal, { ...parts, body }))
  t.equal(tried({ patientId: patient }), 'allowed')
  t.equal(tried({}), 'allowed', 'the schema says whether it is required')
  for (const other of [patient.toUpperCase(), `${patient} `, '', 1, null, [patient], { patientId: patient }, provider]) {
    t.equal(tried({ patientId: other }), 'FORBIDDEN', JSON.stringify(other))
  }
  for (const body of [null, undefined, 'text', 7, [patient]]) t.equal(tried(body), 'allowed', 'no member, no contradiction')
  t.equal(tried(JSON.parse(`{"__proto__":{"patientId":"${provider}"}}`)), 'allowed')
  t.equal(tried({ patientId: provider }, withRoles('clinical_staff')), 'allowed', 'other audiences are not compared')
  t.equal(
    refusalOf(() => checkAgreement(declared({}), ana, parts)),
    'allowed',
  )
  t.equal(
    refusalOf(() => checkAgreement(rules('params', 'query'), ana, { ...parts, query: { patientId: provider } })),
    'FORBIDDEN',
  )
  t.equal(
    refusalOf(() => checkAgreement(rules('params'), ana, { ...parts, params: { patientId: provider } })),
    'FORBIDDEN',
  )
})

t.test('X-Agency: a founder enters an agency with a reason; nobody else does', async (t) => {
  const founder = withRoles('founder')
  const reason = 'Checking a reported outage'
  const enter = (agencyId: string, why: string | undefined = reason, effect: Effect = 'read') =>
    readAgencyScope(founder, { 'x-agency': agencyId, 'x-access-reason': why }, effect)
  const scope = (agencyId: string | null) => ({ agencyId, bypass: true, accessReason: reason })
  t.same(readAgencyScope(founder, { 'x-access-reason': reason }, 'write'), { agencyId: agency, bypass: false, accessReason: null })
  t.same(enter(otherAgency), scope(otherAgency))
  t.same(enter(otherAgency.toUpperCase(), reason, 'write'), scope(otherAgency))
  t.same(enter(agency), scope(agency), 'their own counts as entering, too')
  t.same(enter('*'), scope(null))
  for (const effect of ['write', 'draft', 'advise', 'admin'] as const)
    t.equal(
      refusalOf(() => enter('*', reason, effect)),
      'FORBIDDEN',
    )
  t.same(enter(platformAgency), scope(platformAgency), "the platform's own events can be read")
  t.equal(
    refusalOf(() => enter(platformAgency, reason, 'write')),
    'VALIDATION_FAILED',
  )
  for (const odd of ['', 'Riverside', `${agency}, ${otherAgency}`, '**'])
    t.equal(
      refusalOf(() => enter(odd)),
      'VALIDATION_FAILED',
      odd,
    )
  t.equal(
    refusalOf(() => readAgencyScope(founder, { 'x-agency': [agency, '*'], 'x-access-reason': reason }, 'read')),
    'VALIDATION_FAILED',
  )

  const agent = { agentId: 'robot', policyVersionId: 'v1' }
  const staffOrNot = roles.filter((role) => role !== 'founder').map((role) => withRoles(role))
  const others = [...staffOrNot, who({ roles: ['founder'], ...agent }), withRoles()]
  for (const other of others) {
    t.equal(
      refusalOf(() => readAgencyScope(other, { 'x-agency': agency, 'x-access-reason': reason }, 'read')),
      'FORBIDDEN',
      other.role,
    )
    t.equal(readAgencyScope(other, {}, 'write').agencyId, agency)
  }
})

t.test('X-Access-Reason: 20 to 500 characters that a reader of the audit can read', async (t) => {
  const founder = withRoles('founder')
  const why = (reason: string | string[] | undefined) =>
    readAgencyScope(founder, { 'x-agency': agency, 'x-access-reason': reason }, 'read').accessReason
  const refused = 'VALIDATION_FAILED/access-reason'
  for (const bad of [undefined, '', 'x'.repeat(19), `  ${'x'.repeat(19)}  `, 'x'.repeat(501), ['x'.repeat(30), 'y']]) {
    t.equal(
      refusalOf(() => why(bad)),
      refused,
      String(bad).length.toString(),
    )
  }
  for (const control of ['\n', '\t', '\0', '\x1b', '\x7f', '\x85'])
    t.equal(
      refusalOf(() => why(`${'x'.repeat(20)}${control}y`)),
      refused,
    )
  const sent = (text: string) => Buffer.from(text, 'utf8').toString('latin1')
  t.equal(
    refusalOf(() => why(sent(`${'x'.repeat(20)}\u202egnp`))),
    refused,
    'text that turns around',
  )
  t.equal(why('x'.repeat(20)), 'x'.repeat(20))
  t.equal(why(sent('é'.repeat(500))), 'é'.repeat(500), 'characters are counted, not bytes')
  t.equal(why(sent('Ärztliche Überprüfung, Störung 7')), 'Ärztliche Überprüfung, Störung 7')
  t.equal(why('caf\xe9 outage, checking logs'), 'café outage, checking logs', 'Latin-1 as it is')
})

t.test('the token map is bounded, keeps what is used, and never answers for another token', async (t) => {
  const map = createTokenMap<number>(10_000)
  const header = (number: number) => `Bearer h.${'p'.repeat(50)}${number}.${String(number).padStart(20, '0')}`
  const put = (number: number) => map.set({ authorization: header(number), value: number, untilMs: 1 })
  let most = 0
  put(-1)
  for (let number = 0; number < 30_000; number++) {
    put(number)
    if (number % 1_000 === 0) t.equal(map.get(header(-1))?.value, -1, 'in use, so it stays')
    most = Math.max(most, map.size)
  }
  t.ok(most <= 10_000, `at most ${most}`)
  t.equal(map.get(header(29_999))?.value, 29_999)
  t.equal(map.get(header(0)), undefined)
  t.equal(map.get(`X${header(29_999)}`), undefined, 'the same tail is not the same token')
  t.equal(map.get(header(29_999).replace('pp', 'qq')), undefined)
  map.clear()
  t.equal(map.size, 0)
})
