import t from 'tap'
import { flags as declaredFlags } from '../../../config/flags.ts'
import { lakeside, personaNamed, personas, riverside } from '../../../config/personas.ts'
import { cmsDisclaimer, deaDisclaimer } from '../../../domain/shell/index.ts'
import { setModules } from '../../../plugins/host/agencies.ts'
import { type Answer, openPortal, problemOf } from '../portal.ts'

const portal = await openPortal(t)
const { host } = portal
const me = async (persona: string): Promise<any> => (await portal.get(persona, '/me')).body
const visible = ({ navigation }: { navigation: { id: string; visible: boolean }[] }): string[] =>
  navigation.filter((entry) => entry.visible).map(({ id }) => id)
const forbidden = { status: 403, code: 'FORBIDDEN' }

t.test('a clinician is told who they are here and what they may do', async (t) => {
  const answer = await portal.get('clinician', '/me')
  t.equal(answer.status, 200, answer.text)
  const persona = personaNamed('clinician')!
  t.match(answer.body, {
    identity: { sub: persona.sub, audience: 'staff', patientId: null, providerId: persona.providerId },
    roles: ['clinical_staff'],
    agency: { id: riverside.id, name: 'Riverside', modules: ['billing', 'dea'] },
    session: { expiresAt: /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.000Z$/ },
  })
  t.same([...answer.body.scopes].sort(), [...persona.scopes].sort())
  t.same(Object.keys(answer.body).sort(), ['agency', 'flags', 'identity', 'navigation', 'roles', 'scopes', 'session'])
  const left = Date.parse(answer.body.session.expiresAt) - Date.now()
  t.ok(left > 0 && left <= 15 * 60_000, 'the session is the token’s')
  for (const entry of answer.body.navigation) t.same(Object.keys(entry), ['id', 'title', 'href', 'visible'])
})

t.test('every caller that is somebody is answered, each with their own', async (t) => {
  const audiences: Record<string, string> = { 'patient-ana': 'patient', 'provider-self': 'provider', 'service-procedures': 'service', founder: 'staff' }
  for (const [persona, audience] of Object.entries(audiences)) t.equal((await me(persona)).identity.audience, audience, persona)
  for (const { persona, sub, agencyId, agent } of personas) {
    const answer = await portal.get(persona, '/me')
    if (agent) t.match(problemOf(answer), forbidden, `${persona}: an agent has no session of its own`)
    else t.match(answer, { status: 200, body: { identity: { sub }, agency: { id: agencyId } } }, persona)
  }
  t.equal((await me('patient-ana')).identity.patientId, personaNamed('patient-ana')!.patientId)
  t.match(problemOf(await portal.get(null, '/me')), { status: 401, code: 'UNAUTHORIZED' })
  const nobody = host.token('clinician', { claims: { realm_access: { roles: ['admin'] } } })
  t.equal((await host.call('GET', '/api/me', { token: nobody })).statusCode, 403, 'no known role')
  const scopeless = host.token('clinician', { claims: { scope: '' } })
  const answer = await host.call('GET', '/api/me', { token: scopeless })
  t.same([answer.statusCode, answer.json().scopes, visible(answer.json())], [200, [], []], 'no scope opens nothing, and is told so')
  const strange = host.token('clinician', { claims: { agency_id: '01920000-0000-7000-8000-afffffffffff' } })
  t.equal((await host.call('GET', '/api/me', { token: strange })).statusCode, 403, 'an agency that nobody added')
}) // prettier-ignore

t.test('effective scopes are the token’s within the matrix', async (t) => {
  const greedy = host.token('clinician', { claims: { scope: 'founder:admin audit:read drafts:write messaging:write' } })
  t.same((await host.call('GET', '/api/me', { token: greedy })).json().scopes, ['drafts:write'])
})

/** Written by hand from FusionEMS part 5 and the design, section 9: who sees the DEA button, the CMS button. */
const buttons: Record<string, [boolean, boolean]> = {
  founder: [true, true],
  'agency-admin': [true, true],
  'agency-admin-lakeside': [false, false],
  'compliance-officer': [true, true],
  'compliance-officer-lakeside': [true, true],
  'controlled-substance-officer': [true, false],
  'billing-admin': [false, true],
  'billing-staff': [false, true],
}

t.test('the buttons are shown by the rules, and whoever sees one may open its page', async (t) => {
  for (const { persona } of personas.filter((one) => !one.agent)) {
    const wanted = buttons[persona] ?? [false, false]
    const seen = visible(await me(persona))
    t.same([seen.includes('dea'), seen.includes('cms')], wanted, `${persona} sees`)
    const opened = [await portal.get(persona, '/portals/dea'), await portal.get(persona, '/portals/cms')]
    t.same(opened.map(({ status }) => status), wanted.map((may) => (may ? 200 : 403)), `${persona} opens`)
  }
  for (const persona of ['ai-agent', 'ai-agent-patient']) t.match(problemOf(await portal.get(persona, '/portals/dea')), forbidden, persona)
  const edits = host.token('compliance-officer', { claims: { scope: 'dea:edit' } })
  t.equal((await host.call('GET', '/api/portals/dea', { token: edits })).statusCode, 200, 'either scope of the button')
  t.equal((await host.call('GET', '/api/portals/cms', { token: edits })).statusCode, 403)
  const roleOnly = host.token('compliance-officer', { claims: { scope: 'audit:read' } })
  t.same(visible((await host.call('GET', '/api/me', { token: roleOnly })).json()), ['audit'], 'the role alone is not enough')
}) // prettier-ignore

t.test('what is visible leads somewhere, and what does not is not visible', async (t) => {
  for (const { persona } of personas.filter((one) => !one.agent)) {
    const { navigation } = await me(persona)
    for (const { href, visible: shown, id } of navigation) {
      const { statusCode } = await host.call('GET', href, { as: persona })
      // No account of the persona's is kept here: the page is there, and says so.
      const found = id === 'profile' ? 404 : 200
      if (shown) t.equal(statusCode, found, `${persona} sees ${id}`)
      else t.ok(statusCode === 403 || statusCode === 404, `${persona} does not see ${id}: ${statusCode}`)
    }
  }
  t.strictSame(visible(await me('patient-ana')).filter((id) => ['consents', 'messages', 'clinical-drafts'].includes(id)), ['consents', 'messages'])
  t.ok(visible(await me('clinician')).includes('clinical-drafts'))
}) // prettier-ignore

t.test('an agency’s modules are told as they are, and open and close its administrator’s buttons', async (t) => {
  const token = host.token('agency-admin-lakeside')
  const get = (path: string) => host.call('GET', `/api${path}`, { token })
  t.same((await get('/me')).json().agency.modules, [])
  await setModules(host.database.ownerUrl, lakeside.id, ['dea'])
  await portal.pass(10_001)
  const open = (await get('/me')).json()
  t.same([open.agency.modules, open.scopes.includes('dea:view'), visible(open).includes('dea')], [['dea'], true, true])
  t.equal((await get('/portals/dea')).statusCode, 200)
  await setModules(host.database.ownerUrl, lakeside.id, [])
  t.equal((await get('/portals/dea')).statusCode, 403, 'at once, though the token’s scopes are still remembered')
  t.notOk(visible((await get('/me')).json()).includes('dea'))
})

t.test('flags are those of operations that are open to the caller, as they are for this caller', async (t) => {
  const flagsOf = async (persona: string): Promise<Record<string, boolean>> => (await me(persona)).flags
  t.match(await flagsOf('patient-ana'), { USE_CHAT_WRITES: true, USE_CONSENT_WRITES: true })
  t.notOk('USE_CLINICAL_DRAFTS' in (await flagsOf('patient-ana')))
  t.match(await flagsOf('clinician'), { USE_CLINICAL_DRAFTS: true })
  for (const name of ['USE_CHAT_WRITES', 'USE_CONSENT_WRITES', 'USE_DEA_PORTAL']) t.notOk(name in (await flagsOf('clinician')), name)
  t.match(await flagsOf('compliance-officer'), { USE_DEA_PORTAL: true, USE_CMS_PORTAL: true })
  t.same(await flagsOf('peer-reviewer'), {})
  for (const name of Object.keys(await flagsOf('founder'))) t.ok(declaredFlags.some((flag) => flag.name === name), name) // prettier-ignore
  await portal.flip('USE_CLINICAL_DRAFTS', false)
  t.equal((await flagsOf('clinician'))['USE_CLINICAL_DRAFTS'], false)
  const forOne = { enabled: true, strategies: [{ name: 'userWithId', parameters: { userIds: personaNamed('clinician')!.sub } }] }
  await host.flip('USE_CLINICAL_DRAFTS', forOne)
  t.same([(await flagsOf('clinician'))['USE_CLINICAL_DRAFTS'], (await flagsOf('clinician-2'))['USE_CLINICAL_DRAFTS']], [true, false])
  await portal.flip('USE_CLINICAL_DRAFTS', true)
})

const landing = async (persona: string, which: 'dea' | 'cms'): Promise<Answer> => portal.get(persona, `/portals/${which}`)

t.test('the landing pages carry the notice word for word, with its version, and safe links', async (t) => {
  t.same((await landing('compliance-officer', 'dea')).body, {
    id: 'dea',
    title: 'DEA Portal',
    disclaimer: { version: deaDisclaimer.version, text: deaDisclaimer.text },
    links: [{ title: 'DEA.gov', href: 'https://www.dea.gov/', rel: 'noopener noreferrer' }],
  })
  t.same((await landing('billing-staff', 'cms')).body, {
    id: 'cms',
    title: 'CMS Portal',
    disclaimer: { version: cmsDisclaimer.version, text: cmsDisclaimer.text },
    links: [
      { title: 'PECOS', href: 'https://pecos.cms.hhs.gov/', rel: 'noopener noreferrer' },
      { title: 'NPPES', href: 'https://nppes.cms.hhs.gov/', rel: 'noopener noreferrer' },
    ],
  })
  for (const part of [
    'does NOT store DEA credentials, passwords, or MFA secrets',
    'All actions are logged for audit and compliance purposes',
  ])
    t.ok(deaDisclaimer.text.includes(part))
})

t.test('each look at a landing page is logged, as its notice says, and refused looks too', async (t) => {
  const looks = [await landing('compliance-officer', 'dea'), await landing('clinician', 'dea')]
  const rows = await portal.rows(
    'select action, outcome, entity_type from audit_event where request_id = any ($1) order by outcome desc',
    looks.map(({ headers }) => headers['x-request-id']),
  )
  t.same(rows, [
    { action: 'getDeaPortal', outcome: 'success', entity_type: 'portal' },
    { action: 'getDeaPortal', outcome: 'FORBIDDEN', entity_type: 'portal' },
  ])
})

t.test('a portal’s switch closes its page, and no other', async (t) => {
  await portal.flip('USE_DEA_PORTAL', false)
  t.match(problemOf(await landing('compliance-officer', 'dea')), { status: 503, code: 'UPSTREAM_UNAVAILABLE', reason: 'disabled' })
  t.match(await me('compliance-officer'), { flags: { USE_DEA_PORTAL: false, USE_CMS_PORTAL: true } })
  t.equal((await landing('compliance-officer', 'cms')).status, 200)
  await portal.flip('USE_DEA_PORTAL', true)
  t.equal((await landing('compliance-officer', 'dea')).status, 200)
})

t.test('a founder who enters another agency is told of that one', async (t) => {
  const headers = { 'x-agency': lakeside.id, 'x-access-reason': 'Looking into a report of the agency' }
  t.match((await portal.get('founder', '/me', headers)).body.agency, { id: lakeside.id, name: 'Lakeside' })
  t.match(problemOf(await portal.get('clinician', '/me', headers)), forbidden)
})
