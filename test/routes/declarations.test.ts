import Fastify from 'fastify'
import t from 'tap'
import { listConsultations } from '../../routes/advisor/index.ts'
import { getAppointment, listAppointments } from '../../routes/appointments/index.ts'
import { listClinicalDrafts } from '../../routes/clinical-drafts/index.ts'
import * as consent from '../../routes/consent/index.ts'
import * as messaging from '../../routes/messaging/index.ts'
import { type AnyOperation, idempotencyOf, isMutating, problemsOf } from '../../routes/shared/operation.ts'

const { listConsents, getConsent, getConsentDecision, grantConsent, revokeConsent } = consent
const { listConversations, listMessages, createConversation, sendMessage } = messaging

/** Written by hand from the documents: method, path, effect, audience, scope, switch, key, status. */
const expected: [AnyOperation, string, string, string, string, string, string | undefined, string, number][] = [
  [listConsents, 'GET', '/consents', 'read', 'patient,staff', 'consent:read', undefined, 'none', 200],
  [getConsentDecision, 'GET', '/consents/decision', 'read', 'patient,staff', 'consent:read', undefined, 'none', 200],
  [getConsent, 'GET', '/consents/:consentId', 'read', 'patient,staff', 'consent:read', undefined, 'none', 200],
  [grantConsent, 'POST', '/consents', 'write', 'patient', 'consent:write', 'USE_CONSENT_WRITES', 'required', 201],
  [revokeConsent, 'POST', '/consents/:consentId/revocation', 'write', 'patient', 'consent:write', undefined, 'required', 200],
  [listConversations, 'GET', '/messaging/conversations', 'read', 'patient', 'messaging:read', undefined, 'none', 200],
  [listMessages, 'GET', '/messaging/conversations/:conversationId/messages', 'read', 'patient', 'messaging:read', undefined, 'none', 200],
  [createConversation, 'POST', '/messaging/conversations', 'write', 'patient', 'messaging:write', 'USE_CHAT_WRITES', 'required', 201],
  [
    sendMessage,
    'POST',
    '/messaging/conversations/:conversationId/messages',
    'write',
    'patient',
    'messaging:write',
    'USE_CHAT_WRITES',
    'required',
    201,
  ],
]

t.test('the nine operations are declared as the contract says', async (t) => {
  for (const [o, method, path, effect, audience, scope, killSwitch, key, status] of expected) {
    t.same([o.method, o.path, o.effect, o.audience.join(), o.scopes.join(), o.killSwitch, idempotencyOf(o), o.reply.status],
      [method, path, effect, audience, scope, killSwitch, key, status], o.name) // prettier-ignore
    t.equal(o.audit, 'record', `${o.name}: every attempt is audited`)
    t.equal(isMutating(o), method !== 'GET')
  }
})

t.test('a messaging write can answer the seven codes of 02B and no other', async (t) => {
  const seven = ['CONFLICT', 'CONSENT_REQUIRED', 'FORBIDDEN', 'RATE_LIMITED', 'UNAUTHORIZED', 'UPSTREAM_UNAVAILABLE', 'VALIDATION_FAILED']
  for (const operation of [createConversation, sendMessage]) {
    t.same(problemsOf(operation), seven, operation.name)
    t.equal(operation.closed, true)
    t.equal(operation.maxBody, 32 * 1024)
    t.same(operation.consent, { scope: 'messaging', patient: 'caller' })
  }
  t.same(
    sendMessage.limits?.map(({ policy, per }) => [policy, per]),
    [
      ['messaging', 'user'],
      ['messaging-conversation', { param: 'conversationId' }],
    ],
  )
  t.same(
    createConversation.limits?.map(({ policy, per }) => [policy, per]),
    [['messaging', 'user']],
  )
})

t.test('reads are neither limited, switched off, nor gated by the reader’s own consent', async (t) => {
  for (const read of [listConsents, getConsent, getConsentDecision, listConversations, listMessages])
    t.same([read.killSwitch, read.consent, read.limits], [undefined, undefined, undefined], read.name)
})

t.test('another’s and an absent record answer alike', async (t) => {
  const conversation = {
    table: 'messaging_conversation',
    param: 'conversationId',
    owner: { column: 'patient_id', claim: 'patientId' },
    refusal: 'FORBIDDEN',
  }
  for (const operation of [listMessages, sendMessage]) {
    t.same(operation.ownership, conversation, operation.name)
    t.notOk(problemsOf(operation).includes('NOT_FOUND'), operation.name)
  }
  t.equal(revokeConsent.ownership?.refusal, 'NOT_FOUND')
  t.ok(problemsOf(getConsent).includes('NOT_FOUND'))
})

t.test('what asks each record for consent leaves records out, and refuses where it says so alone', async (t) => {
  for (const list of [listClinicalDrafts, listAppointments, getAppointment]) t.ok(problemsOf(list).includes('CONSENT_REQUIRED'), list.name)
  t.notOk(problemsOf(listConsultations).includes('CONSENT_REQUIRED'))
})

t.test('a patient id in query or body is held against the token', async (t) => {
  for (const [operation, place] of [
    [listConsents, 'query'],
    [getConsentDecision, 'query'],
    [grantConsent, 'body'],
    [createConversation, 'body'],
  ] as const)
    t.same(operation.agrees, [{ claim: 'patientId', in: place, field: 'patientId', audiences: ['patient'] }], operation.name)
})

const id = '01920000-0000-7000-8000-c00000000001'
const upper = id.toUpperCase()

/** What each body and query accepts (true) and refuses (false). */
const inputs: [AnyOperation, 'body' | 'query', unknown, boolean][] = [
  [grantConsent, 'body', { patientId: id, scope: 'messaging' }, true],
  [grantConsent, 'body', { patientId: id, scope: 'advisor', expiresAt: '2027-01-01T00:00:00Z' }, true],
  [grantConsent, 'body', { patientId: id, scope: 'advisor', expiresAt: null }, false],
  [grantConsent, 'body', { patientId: id, scope: 'everything' }, false],
  [grantConsent, 'body', { patientId: id }, false],
  [grantConsent, 'body', { patientId: upper, scope: 'messaging' }, false],
  [grantConsent, 'body', { patientId: id, scope: 'messaging', expiresAt: 'tomorrow' }, false],
  [grantConsent, 'body', { patientId: id, scope: 'messaging', status: 'active' }, false],
  [grantConsent, 'body', [], false],
  [revokeConsent, 'body', {}, true],
  [revokeConsent, 'body', { reason: 'x'.repeat(500) }, true],
  [revokeConsent, 'body', { reason: 'x'.repeat(501) }, false],
  [revokeConsent, 'body', { reason: '  ' }, false],
  [revokeConsent, 'body', { reason: 7 }, false],
  [createConversation, 'body', { patientId: id, subject: '🙂'.repeat(200) }, true],
  [createConversation, 'body', { patientId: id, subject: '🙂'.repeat(201) }, false],
  [createConversation, 'body', { patientId: id, subject: '' }, false],
  [createConversation, 'body', { patientId: id, subject: ' \n ' }, false],
  [createConversation, 'body', { patientId: id, subject: 5 }, false],
  [createConversation, 'body', { subject: 'x' }, false],
  [sendMessage, 'body', { body: '🙂'.repeat(4000) }, true],
  [sendMessage, 'body', { body: 'x'.repeat(4001) }, false],
  [sendMessage, 'body', { body: 'x', senderId: 'someone' }, false],
  [sendMessage, 'body', { body: null }, false],
  [sendMessage, 'body', {}, false],
  [listMessages, 'query', {}, true],
  [listMessages, 'query', { cursor: 'MTIz', limit: '100' }, true],
  [listMessages, 'query', { limit: '101' }, false],
  [listMessages, 'query', { limit: '0' }, false],
  [listMessages, 'query', { limit: '1.5' }, false],
  [listMessages, 'query', { cursor: 'a b' }, false],
  [listMessages, 'query', { cursor: '' }, false],
  [listMessages, 'query', { offset: '1' }, false],
  [listConsents, 'query', { patientId: id }, true],
  [listConsents, 'query', { patientId: '1' }, false],
  [getConsentDecision, 'query', { patientId: id, scope: 'messaging' }, true],
  [getConsentDecision, 'query', { patientId: id }, false],
]

t.test('schemas accept what they should and refuse the rest', async (t) => {
  const app = Fastify({ ajv: { customOptions: { removeAdditional: false, coerceTypes: false } } })
  const coercing = Fastify({ ajv: { customOptions: { removeAdditional: false } } })
  t.teardown(() => Promise.all([app.close(), coercing.close()]))
  for (const [o] of expected) {
    app.post(`/${o.name}/body`, { schema: o.body ? { body: o.body } : {} }, async () => 'ok')
    coercing.get(`/${o.name}/query`, { schema: o.query ? { querystring: o.query } : {} }, async () => 'ok')
  }
  for (const [o, place, value, accepted] of inputs) {
    const response =
      place === 'body'
        ? await app.inject({ method: 'POST', url: `/${o.name}/body`, payload: value as object })
        : await coercing.inject({ url: `/${o.name}/query`, query: value as Record<string, string> })
    t.equal(response.statusCode, accepted ? 200 : 400, `${o.name} ${JSON.stringify(value).slice(0, 60)}`)
  }
})
