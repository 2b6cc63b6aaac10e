import t from 'tap'
import { contract } from '../../config/contract.ts'
import { everyScope, roles } from '../../config/permissions.ts'
import { lakeside, personaNamed } from '../../config/personas.ts'
import { newId } from '../../domain/shared/ids.ts'
import { Refusal } from '../../domain/shared/refusal.ts'
import { contexts } from '../../plugins/contexts.ts'
import { setModules } from '../../plugins/host/agencies.ts'
import { defineContext } from '../../plugins/host/define-context.ts'
import { checkAccess } from '../../plugins/host/identity/check-access.ts'
import { readClaims } from '../../plugins/host/identity/claims.ts'
import { principalOf } from '../../plugins/host/identity/principal-of.ts'
import { operation, type AnyOperation } from '../../routes/shared/operation.ts'
import { expectedCallers, expectedOperations, expectedWithoutScopes, type Caller } from '../fixtures/operation-expectations.ts'
import { appointmentOf, importResources } from '../fixtures/appointments.ts'
import { cmsBody, deaBody } from '../fixtures/dea-cms.ts'
import { formOf, pdfFile } from '../fixtures/files.ts'
import { completeProfile, fifteenPercent } from '../fixtures/providers.ts'
import { startHost } from '../helper.ts'

const ana = personaNamed('patient-ana')!
const patientId = ana.patientId!
/** An account that is there, and whose own token is tried as well. */
let providerId = personaNamed('provider-self')!.providerId!

// What later contexts will open with an agency's modules, here so that the modules can be seen at work.
const ofModule = (name: string, scope: string) =>
  operation({
    name,
    summary: name,
    method: 'GET',
    path: `/${name}`,
    effect: 'read',
    audience: ['staff'],
    scopes: [scope],
    audit: 'refusals',
    reply: { status: 204, schema: null },
  })
const moduleReads = [ofModule('cmsProbe', 'cms:view'), ofModule('deaProbe', 'dea:view')] as const
const probe = defineContext({
  manifest: {
    name: 'probe',
    step: null,
    audience: ['staff'],
    effects: ['read'],
    killSwitches: [],
    capabilities: [],
    tables: [],
    upstreamHosts: [],
  },
  setup: (scope) => moduleReads.forEach((read) => scope.serve(read, { answer: () => ({ body: undefined as never }) })),
})
const approval = {
  name: 'probe',
  step: null,
  clause: 'none',
  effects: ['read'],
  audience: ['staff'],
  capabilities: [],
  killSwitches: [],
  tables: [],
  upstreamHosts: [],
}

const host = await startHost(t, {
  contexts: [...contexts, probe],
  contract: { ...contract, approvals: [...contract.approvals, approval] },
})
const operations = new Map<string, AnyOperation>(
  host.loaded.operations.filter(({ context }) => context !== 'probe').map(({ operation: declared }) => [declared.name, declared]),
)

const agent = { act: { sub: 'assistant' }, policy_version_id: 'v1' }
const special: Partial<Record<Caller, Record<string, unknown>>> = {
  'agent of clinical_staff': { ...agent, realm_access: { roles: ['clinical_staff'] } },
  'agent of patient': { ...agent, realm_access: { roles: ['patient'] } },
  'agent of founder': { ...agent, realm_access: { roles: ['founder'] } },
  'agent of compliance_officer': { ...agent, realm_access: { roles: ['ai_agent', 'compliance_officer'] } },
  'agent without a policy version': { act: agent.act, realm_access: { roles: ['clinical_staff'] } },
  'patient and clinical_staff': { realm_access: { roles: ['patient', 'clinical_staff'] } },
  'patient and compliance_officer': { realm_access: { roles: ['compliance_officer', 'patient'] } },
  'no known role': { realm_access: { roles: ['admin', 'Founder', 'founder ', 'offline_access'] } },
  'patient without a patient id': { patient_id: undefined, realm_access: { roles: ['patient'] } },
}

/** All that a token of the caller can carry: every id, and the scopes given. */
const claimsOf = (caller: Caller, scopes: readonly string[]): Record<string, unknown> => ({
  patient_id: patientId,
  provider_id: providerId,
  scope: scopes.join(' '),
  realm_access: { roles: [caller] },
  ...special[caller],
})
const tokens = new Map<string, string>()
const tokenOf = (caller: Caller, scopes: readonly string[]): string => {
  const name = `${caller}: ${scopes.join(' ')}`
  if (!tokens.has(name)) tokens.set(name, host.token('patient-ana', { claims: claimsOf(caller, scopes) }))
  return tokens.get(name)!
}

const verdictOfData = (declared: AnyOperation, caller: Caller, scopes: readonly string[], modules: readonly string[]): string => {
  // Nobody is asked who they are.
  if (declared.audience.includes('public')) return 'allowed'
  const claims = readClaims({ sub: ana.sub, iat: 1, exp: 901, agency_id: ana.agencyId, ...claimsOf(caller, scopes) })
  try {
    checkAccess(declared, principalOf(claims, modules))
    return 'allowed'
  } catch (error) {
    if (error instanceof Refusal && error.code === 'FORBIDDEN') return 'refused'
    throw error
  }
}

interface Attempt {
  readonly method: 'GET' | 'HEAD' | 'POST' | 'PUT' | 'PATCH' | 'DELETE'
  readonly path: string
  readonly body?: object
  /** A version that never is: who is answered `stale` for it was let through, and changed nothing for the next. */
  readonly never?: '"0"'
  /** A state that never is: who is answered `CONFLICT` was let through. */
  readonly conflicts?: true
  /** A record that never is: who is answered `NOT_FOUND` was let through. */
  readonly absent?: true
  readonly headers?: Readonly<Record<string, string>>
}

// Requests with which nothing is wrong, so that who asks is all that can be refused.
const consents: Record<string, string> = {}
let conversationId = ''
let draftId = ''
const consultations: string[] = []
const draft = { patientId: personaNamed('patient-ben')!.patientId!, type: 'other', title: 'A draft', body: 'A text' }
const records = { dea: '', cms: '' }
const farewell = { reason: 'No longer with the platform.', confirm: true }
const grantable = ['advisor', 'clinical-documentation']
const nowhere = `/admin/providers/${newId()}`
const aDocument = `${nowhere}/documents/${newId()}`
const tus = { 'tus-resumable': '1.0.0', 'upload-offset': '0', 'content-type': 'application/offset+octet-stream' }

/** A form with a file, of a provider that is not there. */
const sentForm = (method: 'POST' | 'PUT', path: string): Attempt => {
  const form = formOf(method === 'PUT' ? {} : { type: 'medical_license', expirationDate: '2099-01-01' }, { content: pdfFile() })
  return { method, path, body: form.payload, headers: form.headers, absent: true }
}

/** Documents and what is told of them, most of them of a provider that is not there. */
const ofPeople: Readonly<Record<string, () => Attempt>> = {
  listProviderDocuments: () => ({ method: 'GET', path: `/admin/providers/${providerId}/documents` }),
  getProviderDocument: () => ({ method: 'GET', path: aDocument, absent: true }),
  uploadProviderDocument: () => sentForm('POST', `${nowhere}/documents`),
  createDocumentUpload: () => ({ method: 'POST', path: '/admin/uploads', headers: { 'tus-resumable': '1.0.0', 'upload-length': '9' } }),
  getDocumentUploadOffset: () => ({
    method: 'HEAD',
    path: `/admin/uploads/${newId()}`,
    headers: { 'tus-resumable': '1.0.0' },
    absent: true,
  }),
  appendDocumentUpload: () => ({ method: 'PATCH', path: `/admin/uploads/${newId()}`, headers: tus, body: Buffer.from('x'), absent: true }),
  discardDocumentUpload: () => ({
    method: 'DELETE',
    path: `/admin/uploads/${newId()}`,
    headers: { 'tus-resumable': '1.0.0' },
    absent: true,
  }),
  approveProviderDocument: () => ({ method: 'POST', path: `${aDocument}/approval`, body: {}, never: '"0"', absent: true }),
  rejectProviderDocument: () => ({
    method: 'POST',
    path: `${aDocument}/rejection`,
    body: { reason: 'It cannot be read.' },
    never: '"0"',
    absent: true,
  }),
  requestDocumentReupload: () => ({ method: 'POST', path: `${aDocument}/reupload-request`, body: {}, absent: true }),
  accessProviderDocument: () => ({ method: 'POST', path: `${aDocument}/access`, body: {}, absent: true }),
  getProviderDocumentContent: () => ({ method: 'GET', path: `${aDocument}/content`, absent: true }),
  putProviderPhoto: () => sentForm('PUT', `${nowhere}/photo`),
  deleteProviderPhoto: () => ({ method: 'DELETE', path: `${nowhere}/photo`, absent: true }),
  listProviderNotifications: () => ({ method: 'GET', path: `/admin/providers/${providerId}/notifications` }),
  sendProviderNotification: () => ({ method: 'POST', path: `${nowhere}/notifications`, body: { template: 'activation' }, absent: true }),
  listUpcomingReminders: () => ({ method: 'GET', path: '/admin/providers/upcoming-reminders' }),
  listAdminNotifications: () => ({ method: 'GET', path: '/admin/notifications' }),
  readAdminNotification: () => ({ method: 'POST', path: `/admin/notifications/${newId()}/read`, body: {}, absent: true }),
  getOwnProviderProfile: () => ({ method: 'GET', path: '/provider/profile' }),
  listOwnDocuments: () => ({ method: 'GET', path: '/provider/documents' }),
  uploadOwnDocument: () => ({ ...sentForm('POST', '/provider/documents'), conflicts: true }),
  getOwnDocumentContent: () => ({ method: 'GET', path: `/provider/documents/${newId()}/content`, absent: true }),
  listOwnNotifications: () => ({ method: 'GET', path: '/provider/notifications' }),
  readOwnNotification: () => ({ method: 'POST', path: `/provider/notifications/${newId()}/read`, body: {}, absent: true }),
  listFeaturedProviders: () => ({ method: 'GET', path: '/public/providers/featured' }),
  getFeaturedPhoto: () => ({ method: 'GET', path: `/public/providers/${newId()}/photo`, absent: true }),
}

const attempts: Readonly<Record<string, () => Attempt>> = {
  ...ofPeople,
  getMe: () => ({ method: 'GET', path: '/me' }),
  getDeaPortal: () => ({ method: 'GET', path: '/portals/dea' }),
  getCmsPortal: () => ({ method: 'GET', path: '/portals/cms' }),
  listClinicalDrafts: () => ({ method: 'GET', path: '/clinical-drafts' }),
  createClinicalDraft: () => ({ method: 'POST', path: '/clinical-drafts', body: draft }),
  getClinicalDraft: () => ({ method: 'GET', path: `/clinical-drafts/${draftId}` }),
  editClinicalDraft: () => ({ method: 'PUT', path: `/clinical-drafts/${draftId}`, body: draft, never: '"0"' }),
  discardClinicalDraft: () => ({ method: 'DELETE', path: `/clinical-drafts/${draftId}`, never: '"0"' }),
  listClinicalDraftRevisions: () => ({ method: 'GET', path: `/clinical-drafts/${draftId}/revisions` }),
  listAuditEvents: () => ({ method: 'GET', path: '/audit/events?limit=1' }),
  exportAuditEvents: () => ({ method: 'GET', path: '/audit/events/export?to=2020-01-01T00:00:00Z' }),
  listAiActions: () => ({ method: 'GET', path: '/audit/ai-actions' }),
  verifyAuditTrail: () => ({ method: 'GET', path: '/audit/verification' }),
  listConsents: () => ({ method: 'GET', path: '/consents' }),
  getConsent: () => ({ method: 'GET', path: `/consents/${consents['messaging']}` }),
  getConsentDecision: () => ({ method: 'GET', path: `/consents/decision?patientId=${patientId}&scope=messaging` }),
  grantConsent: () => ({ method: 'POST', path: '/consents', body: { patientId, scope: grantable[0]! } }),
  revokeConsent: () => ({ method: 'POST', path: `/consents/${consents['appointments']}/revocation`, body: {} }),
  listAppointments: () => ({ method: 'GET', path: '/appointments' }),
  getAppointment: () => ({ method: 'GET', path: '/appointments/tried' }),
  createConsultation: () => ({ method: 'POST', path: '/advisor/consultations', body: { question: 'What helps in croup?' } }),
  listConsultations: () => ({ method: 'GET', path: '/advisor/consultations' }),
  getConsultation: () => ({ method: 'GET', path: `/advisor/consultations/${consultations[0]}` }),
  // Once each: every attempt has one of its own.
  reviewConsultation: () => ({
    method: 'POST',
    path: `/advisor/consultations/${consultations.pop()}/review`,
    body: { decision: 'dismissed' },
  }),
  listConversations: () => ({ method: 'GET', path: '/messaging/conversations' }),
  listMessages: () => ({ method: 'GET', path: `/messaging/conversations/${conversationId}/messages` }),
  createConversation: () => ({ method: 'POST', path: '/messaging/conversations', body: { patientId, subject: 'A question' } }),
  listDeaMetadata: () => ({ method: 'GET', path: '/dea/metadata' }),
  getDeaMetadata: () => ({ method: 'GET', path: `/dea/metadata/${records.dea}` }),
  listDeaExpirationAlerts: () => ({ method: 'GET', path: '/dea/expiration-alerts' }),
  listDeaAuditLog: () => ({ method: 'GET', path: '/dea/audit-log?limit=1' }),
  createDeaMetadata: () => ({ method: 'POST', path: '/dea/metadata', body: deaBody() }),
  replaceDeaMetadata: () => ({ method: 'PUT', path: `/dea/metadata/${records.dea}`, body: deaBody(), never: '"0"' }),
  deleteDeaMetadata: () => ({ method: 'DELETE', path: `/dea/metadata/${records.dea}`, never: '"0"' }),
  addDeaComplianceNote: () => ({ method: 'POST', path: '/dea/compliance-note', body: { metadataId: records.dea, note: 'A note' } }),
  listCmsMetadata: () => ({ method: 'GET', path: '/cms/metadata' }),
  getCmsMetadata: () => ({ method: 'GET', path: `/cms/metadata/${records.cms}` }),
  checkCmsReadiness: () => ({ method: 'GET', path: '/cms/readiness-check' }),
  listCmsAuditLog: () => ({ method: 'GET', path: '/cms/audit-log?limit=1' }),
  createCmsMetadata: () => ({ method: 'POST', path: '/cms/metadata', body: cmsBody() }),
  replaceCmsMetadata: () => ({ method: 'PUT', path: `/cms/metadata/${records.cms}`, body: cmsBody(), never: '"0"' }),
  deleteCmsMetadata: () => ({ method: 'DELETE', path: `/cms/metadata/${records.cms}`, never: '"0"' }),
  addCmsComplianceNote: () => ({ method: 'POST', path: '/cms/compliance-note', body: { metadataId: records.cms, note: 'A note' } }),
  sendMessage: () => ({ method: 'POST', path: `/messaging/conversations/${conversationId}/messages`, body: { body: 'A message' } }),
  createProvider: () => ({ method: 'POST', path: '/admin/providers', body: {} }),
  listProviders: () => ({ method: 'GET', path: '/admin/providers' }),
  getProviderStats: () => ({ method: 'GET', path: '/admin/providers/stats' }),
  getProvider: () => ({ method: 'GET', path: `/admin/providers/${providerId}` }),
  editProvider: () => ({ method: 'PATCH', path: `/admin/providers/${providerId}`, body: {}, never: '"0"' }),
  setCommission: () => ({ method: 'PUT', path: `/admin/providers/${providerId}/commission`, body: fifteenPercent, never: '"0"' }),
  quoteCommission: () => ({ method: 'GET', path: `/admin/providers/${providerId}/commission/quote?amount=1` }),
  activateProvider: () => ({ method: 'POST', path: `/admin/providers/${providerId}/activation`, body: { confirm: true }, never: '"0"' }),
  suspendProvider: () => ({ method: 'POST', path: `/admin/providers/${providerId}/suspension`, body: farewell, never: '"0"' }),
  deactivateProvider: () => ({ method: 'POST', path: `/admin/providers/${providerId}/deactivation`, body: farewell, never: '"0"' }),
  reactivateProvider: () => ({
    method: 'POST',
    path: `/admin/providers/${providerId}/reactivation`,
    body: { confirm: true },
    never: '"0"',
  }),
  withdrawTransition: () => ({ method: 'DELETE', path: `/admin/providers/${providerId}/scheduled-transition`, never: '"0"' }),
  setFeatured: () => ({ method: 'PUT', path: `/admin/providers/${providerId}/featured`, body: { featured: true }, never: '"0"' }),
  previewDeactivation: () => ({ method: 'GET', path: `/admin/providers/${providerId}/deactivation-preview` }),
  listStatusHistory: () => ({ method: 'GET', path: `/admin/providers/${providerId}/status-history` }),
  listProviderActivity: () => ({ method: 'GET', path: `/admin/providers/${providerId}/activity?limit=1` }),
  getProviderSettings: () => ({ method: 'GET', path: '/admin/settings' }),
  setProviderSettings: () => ({
    method: 'PUT',
    path: '/admin/settings',
    body: { uploadLimitBytes: 10_485_760, supportContact: '', reminderRecipients: [] },
    never: '"0"',
  }),
  getProviderPreferences: () => ({ method: 'GET', path: '/admin/preferences' }),
  setProviderPreferences: () => ({ method: 'PUT', path: '/admin/preferences', body: { pageSize: 50 } }),
  reportProcedureCount: () => ({ method: 'PUT', path: `/procedure-counts/${providerId}/2020-01`, body: { count: 1 } }),
  listBookingEvents: () => ({ method: 'GET', path: '/admin/booking-events' }),
  confirmOwnEmail: () => ({ method: 'POST', path: '/provider/email-confirmation', body: { code: 'x'.repeat(24) }, conflicts: true }),
}

/** `allowed` where it went through to the end, `refused` where the caller was refused; anything else as it was. */
const verdictOfHost = async (name: string, token: string): Promise<string> => {
  const { method, path, body, never, conflicts, absent, headers: more } = attempts[name]!()
  const headers: Record<string, string> = { ...more, ...(never === undefined ? {} : { 'if-match': never }) }
  const { statusCode, body: text } = await host.call(method, `/api${path}`, { token, body, headers })
  if (name === 'grantConsent' && statusCode === 201) grantable.shift()
  if (statusCode === 200 || statusCode === 201 || (never && statusCode === 412) || (conflicts && statusCode === 409)) return 'allowed'
  if (absent && statusCode === 404) return 'allowed'
  // What HEAD is answered has no body to look at.
  return statusCode === 403 && (method === 'HEAD' || JSON.parse(text).code === 'FORBIDDEN') ? 'refused' : `${statusCode} ${text}`
}

const expected = (name: string, caller: Caller): string => (expectedOperations[name]!.allowed.includes(caller) ? 'allowed' : 'refused')

/** An agency's administrator sees nothing of a module that is off. */
const expectedUnder =
  (modules: readonly string[]): typeof expected =>
  (name, caller) => {
    const { module } = expectedOperations[name]!
    return caller === 'agency_administrator' && module !== undefined && !modules.includes(module) ? 'refused' : expected(name, caller)
  }

/** A token that lists no scope opens what asks for none. */
const expectedBare: typeof expected = (name, caller) => (expectedWithoutScopes.includes(name) ? expected(name, caller) : 'refused')

/** One line for each caller that is not treated as the table says. */
const disagreements = async (
  verdict: (name: string, caller: Caller) => string | Promise<string>,
  wanted: typeof expected = expected,
): Promise<string[]> => {
  const found: string[] = []
  for (const name of operations.keys()) {
    const compare = async (caller: Caller): Promise<void> => {
      const given = await verdict(name, caller)
      if (given !== wanted(name, caller)) found.push(`${name} by ${caller}: ${given}, and the documents say ${wanted(name, caller)}`)
    }
    await Promise.all(expectedCallers.map(compare))
  }
  return found
}

t.before(async () => {
  const begun = await host.call('POST', '/api/admin/providers', {
    as: 'provider-admin',
    body: { ...completeProfile, commission: fifteenPercent },
  })
  providerId = begun.json().id
  for (const scope of ['messaging', 'appointments']) {
    const granted = await host.call('POST', '/api/consents', { as: 'patient-ana', body: { patientId, scope } })
    consents[scope] = granted.json().id
  }
  // Revoking what is revoked answers alike, so that it can be tried as often as need be; another one permits.
  await host.call('POST', `/api/consents/${consents['appointments']}/revocation`, { as: 'patient-ana' })
  await host.call('POST', '/api/consents', { as: 'patient-ana', body: { patientId, scope: 'appointments' } })
  await importResources(host, [appointmentOf({ id: 'tried', patientId, providerId, start: '2026-01-01T09:00:00Z' })])
  await host.call('POST', '/api/consents', { as: 'patient-ben', body: { patientId: draft.patientId, scope: 'clinical-documentation' } })
  const started = await host.call('POST', '/api/clinical-drafts', { token: tokenOf('clinical_staff', everyScope), body: draft })
  draftId = started.json().id
  for (let n = 0; n < 3 * expectedCallers.length; n++) {
    const body = { question: 'What helps in croup?' }
    const asked = await host.call('POST', '/api/advisor/consultations', { token: tokenOf('clinical_staff', everyScope), body })
    consultations.push(asked.json().id)
  }
  for (const [kind, body] of [
    ['dea', deaBody()],
    ['cms', cmsBody()],
  ] as const)
    records[kind] = (await host.call('POST', `/api/${kind}/metadata`, { as: 'compliance-officer', body })).json().id
  const opened = await host.call('POST', '/api/messaging/conversations', { as: 'patient-ana', body: { patientId, subject: 'Mine' } })
  conversationId = opened.json().id
})

t.test('the table written by hand knows every operation of the service, and every role', async (t) => {
  t.same([...operations.keys()].sort(), Object.keys(expectedOperations).sort(), 'an operation that is added is added to the table')
  t.same(Object.keys(attempts).sort(), Object.keys(expectedOperations).sort(), 'and tried')
  t.same(expectedCallers.slice(0, 18), [...roles])
  const anyScope = [...operations.values()].filter((declared) => declared.anyScope === true || declared.audience.includes('public'))
  t.same(
    anyScope.map(({ name }) => name),
    expectedWithoutScopes,
  )
  for (const [name, { scopes }] of operations) {
    const { scope, or } = expectedOperations[name]!
    t.same(scopes, [scope, or].filter(Boolean), `${name} asks for its scope and no other`)
  }
})

t.test('every caller against every operation, from the declarations and the matrix', async (t) => {
  for (const modules of [[], ['billing', 'dea']]) {
    t.same(
      await disagreements((name, caller) => verdictOfData(operations.get(name)!, caller, everyScope, modules), expectedUnder(modules)),
      [],
      `modules ${modules.join()}`,
    )
  }
  const none = await disagreements((name, caller) => verdictOfData(operations.get(name)!, caller, [], ['billing', 'dea']), expectedBare)
  t.same(none, [], 'a token that lists no scope opens nothing')
})

t.test('every caller against every operation, over HTTP', async (t) => {
  t.same(await disagreements((name, caller) => verdictOfHost(name, tokenOf(caller, everyScope))), [], 'with every scope there is')
  t.same(await disagreements((name, caller) => verdictOfHost(name, tokenOf(caller, [])), expectedBare), [], 'with none')
})

t.test('a token that lists less than the matrix allows opens less', async (t) => {
  const found: string[] = []
  for (const [name, { scope, or, allowed }] of Object.entries(expectedOperations)) {
    if (scope === null) continue
    const others = everyScope.filter((one) => one !== scope && one !== or)
    const compare = async (caller: Caller): Promise<void> => {
      if ((await verdictOfHost(name, tokenOf(caller, others))) !== 'refused')
        found.push(`${name} by ${caller}: everything but ${scope} is enough`)
      if ((await verdictOfHost(name, tokenOf(caller, [scope]))) !== 'allowed') found.push(`${name} by ${caller}: ${scope} is not enough`)
    }
    await Promise.all(allowed.map(compare))
  }
  t.same(found, [])
  t.equal(
    await verdictOfHost('listConsents', tokenOf('patient', ['consent:readall', 'consent:*', '*', 'CONSENT:READ'])),
    'refused',
    'a scope is a whole name',
  )
  t.equal(
    await verdictOfHost('listAuditEvents', tokenOf('patient', ['audit:read', 'founder:admin'])),
    'refused',
    'more than the matrix allows is nothing',
  )
})

t.test('an agency’s modules open one scope each, for its administrator alone', async (t) => {
  const reads = async (persona: string, claims: Record<string, unknown> = {}): Promise<number[]> => {
    const token = host.token(persona, { claims: { scope: everyScope.join(' '), ...claims } })
    const answers = await Promise.all(moduleReads.map(({ path }) => host.call('GET', `/api${path}`, { token })))
    return answers.map(({ statusCode }) => statusCode)
  }
  t.same(await reads('agency-admin'), [204, 204], 'Riverside has both')
  t.same(await reads('agency-admin', { scope: 'dea:view agency:read' }), [403, 204], 'a token that does not list the scope gains none')
  t.same(await reads('agency-admin-lakeside'), [403, 403], 'Lakeside has neither')
  t.same(await reads('agency-admin', { agency_id: lakeside.id }), [403, 403], 'the agency of the token decides')
  const others = roles.filter((role) => role !== 'agency_administrator')
  const holders: Record<string, number[]> = {
    founder: [204, 204],
    compliance_officer: [204, 204],
    billing_staff: [204, 403],
    billing_administrator: [204, 403],
    billing_operations: [204, 403],
    controlled_substance_officer: [403, 204],
  }
  for (const role of others)
    t.same(await reads('clinician', { realm_access: { roles: [role] }, patient_id: patientId }), holders[role] ?? [403, 403], role)
  t.same(await reads('agency-admin', { ...agent }), [204, 204], 'an agent under the administrator: both are among its four scopes')

  t.equal(await setModules(host.database.ownerUrl, lakeside.id, ['billing']), true)
  host.clock.advance(10_001)
  t.same(await reads('agency-admin-lakeside'), [204, 403], 'a module that is switched on is seen within ten seconds')
  t.equal(await setModules(host.database.ownerUrl, lakeside.id, []), true)
  host.clock.advance(10_001)
  t.same(await reads('agency-admin-lakeside'), [403, 403], 'and so is one that is switched off')
})
