import t from 'tap'
import { newId } from '../../../domain/shared/ids.ts'
import { personaNamed } from '../../../config/personas.ts'
import { type Answer, openPortal, problemOf } from '../portal.ts'

const portal = await openPortal(t)
const ana = personaNamed('patient-ana')!.patientId!
const ben = personaNamed('patient-ben')!.patientId!
const cho = personaNamed('patient-cho')!.patientId!
const minute = 60_000

const grant = (persona: string, patientId: string, scope: string, more: object = {}, key?: string | null): Promise<Answer> =>
  portal.post(persona, '/consents', { patientId, scope, ...more }, key === undefined ? {} : { key })
const revoke = (persona: string, id: string, body?: object, key?: string): Promise<Answer> =>
  portal.post(persona, `/consents/${id}/revocation`, body, key === undefined ? {} : { key })
const decision = async (persona: string, patientId: string, scope: string) =>
  (await portal.get(persona, `/consents/decision?patientId=${patientId}&scope=${scope}`)).body

t.beforeEach(async () => {
  await portal.rows('delete from consent_record')
  await portal.pass(2 * minute)
})

t.test('a patient grants consent, reads it and withdraws it', async (t) => {
  const granted = await grant('patient-ana', ana, 'messaging')
  t.equal(granted.status, 201, granted.text)
  const { id } = granted.body
  const at = new Date(portal.now()).toISOString()
  const expected = {
    id,
    agencyId: personaNamed('patient-ana')!.agencyId,
    patientId: ana,
    scope: 'messaging',
    status: 'active',
    grantedAt: at,
  }
  t.same(granted.body, { ...expected, expiresAt: null, revokedAt: null, reason: null })
  t.equal(granted.headers.location, `/api/consents/${id}`)
  t.same((await portal.get('patient-ana', `/consents/${id}`)).body, granted.body)
  t.same((await portal.get('patient-ana', '/consents')).body, { items: [granted.body], nextCursor: null })
  t.same(await decision('patient-ana', ana, 'messaging'), { decision: 'permit', consentId: id, evaluatedAt: at })
  t.same(await decision('patient-ana', ana, 'advisor'), { decision: 'deny', consentId: null, evaluatedAt: at })

  await portal.pass(minute)
  const revoked = await revoke('patient-ana', id, { reason: 'I am moving away' })
  t.equal(revoked.status, 200, revoked.text)
  const revokedAt = new Date(portal.now()).toISOString()
  t.same(revoked.body, { ...granted.body, status: 'inactive', revokedAt, reason: 'I am moving away' })
  t.equal((await decision('patient-ana', ana, 'messaging')).decision, 'deny', 'from the next request on')

  await portal.pass(minute)
  const again = await revoke('patient-ana', id, { reason: 'once more' })
  t.same([again.status, again.body], [200, revoked.body], 'twice answers alike')
  const bare = await revoke('patient-ana', id)
  t.same([bare.status, bare.body], [200, revoked.body], 'without a body too')
  t.equal((await grant('patient-ana', ana, 'messaging')).status, 201, 'and it can be granted anew')
  t.equal((await portal.get('patient-ana', '/consents')).body.items.length, 2)
})

t.test('a second active consent of one scope is a conflict; another scope is not', async (t) => {
  const first = await grant('patient-ana', ana, 'messaging')
  const key = newId()
  t.match(problemOf(await grant('patient-ana', ana, 'messaging', {}, key)), { status: 409, code: 'CONFLICT', reason: 'duplicate' })
  for (const scope of ['clinical-documentation', 'appointments', 'advisor'])
    t.equal((await grant('patient-ana', ana, scope)).status, 201, scope)
  t.equal((await grant('patient-ben', ben, 'messaging')).status, 201, 'another patient')
  await revoke('patient-ana', first.body.id)
  t.equal((await grant('patient-ana', ana, 'messaging', {}, key)).status, 201, 'a refused key can be used again')
})

t.test('an expired consent permits nothing and is not in the way', async (t) => {
  const expiresAt = new Date(portal.now() + minute).toISOString()
  const granted = await grant('patient-ana', ana, 'messaging', { expiresAt })
  t.equal(granted.body.expiresAt, expiresAt)
  await portal.pass(minute - 1)
  t.equal((await decision('patient-ana', ana, 'messaging')).consentId, granted.body.id)
  await portal.pass(1)
  t.equal((await decision('patient-ana', ana, 'messaging')).decision, 'deny')
  t.equal((await portal.get('patient-ana', `/consents/${granted.body.id}`)).body.status, 'inactive')
  const withdrawn = await revoke('patient-ana', granted.body.id)
  t.same([withdrawn.status, withdrawn.body.status, withdrawn.body.revokedAt], [200, 'inactive', null], 'it is over already')
  const next = await grant('patient-ana', ana, 'messaging', { expiresAt: new Date(portal.now() + 1).toISOString().replace('Z', '+00:00') })
  t.equal(next.status, 201, next.text)
})

t.test('a bad request is refused by pointer and rule, and stores nothing', async (t) => {
  const past = new Date(portal.now()).toISOString()
  const bad: [object, { pointer: string; rule: string }][] = [
    [
      { patientId: ana, scope: 'messaging', expiresAt: past },
      { pointer: '/expiresAt', rule: 'future' },
    ],
    [
      { patientId: ana, scope: 'messaging', expiresAt: '2030-02-30T00:00:00Z' },
      { pointer: '/expiresAt', rule: 'format:date-time' },
    ],
    [
      { patientId: ana, scope: 'messaging', expiresAt: '2030-02-28T23:59:60Z' },
      { pointer: '/expiresAt', rule: 'date-time' },
    ],
    [
      { patientId: ana, scope: 'everything' },
      { pointer: '/scope', rule: 'enum' },
    ],
    [{ patientId: ana }, { pointer: '/scope', rule: 'required' }],
    [
      { patientId: ana, scope: 'messaging', status: 'active' },
      { pointer: '', rule: 'additionalProperties' },
    ],
  ]
  for (const [body, error] of bad)
    t.match(
      problemOf(await portal.post('patient-ana', '/consents', body)),
      { status: 400, code: 'VALIDATION_FAILED', errors: [error] },
      JSON.stringify(body),
    )
  t.match(problemOf(await grant('patient-ana', ana, 'messaging', {}, null)), { status: 400, reason: 'idempotency-key' })
  const { body } = await grant('patient-ana', ana, 'messaging')
  for (const reason of ['', ' ', '\u200b', 'x'.repeat(501), 5])
    t.match(problemOf(await revoke('patient-ana', body.id, { reason })), { status: 400, errors: [{ pointer: '/reason' }] })
  t.equal((await portal.rows("select from consent_record where status = 'active'")).length, 1)
  for (const path of [
    '/consents?limit=0',
    '/consents?cursor=AAAA',
    '/consents?patientId=1',
    '/consents?page=2',
    '/consents/decision',
    '/consents/1',
  ])
    t.match(problemOf(await portal.get('clinician', path)), { status: 400, code: 'VALIDATION_FAILED' }, path)
})

t.test('ids that the token contradicts are refused before anything is looked up', async (t) => {
  const refused = { status: 403, code: 'FORBIDDEN' }
  t.match(problemOf(await grant('patient-ana', ben, 'messaging')), refused)
  t.match(problemOf(await portal.get('patient-ana', `/consents?patientId=${ben}`)), refused)
  t.match(problemOf(await portal.get('patient-ana', `/consents/decision?patientId=${ben}&scope=messaging`)), refused)
})

t.test('another’s, another agency’s and no consent answer alike', async (t) => {
  const anas = (await grant('patient-ana', ana, 'messaging')).body.id
  const chos = (await grant('patient-cho', cho, 'messaging')).body.id
  const absent = newId()
  const read = problemOf(await portal.get('patient-ben', `/consents/${absent}`))
  t.match(read, { status: 404, code: 'NOT_FOUND' })
  for (const id of [anas, chos]) t.same(problemOf(await portal.get('patient-ben', `/consents/${id}`)), read)
  const withdrawal = problemOf(await revoke('patient-ben', absent))
  t.match(withdrawal, { status: 404, code: 'NOT_FOUND' })
  for (const id of [anas, chos]) t.same(problemOf(await revoke('patient-ben', id)), withdrawal)
  t.same((await portal.get('patient-ben', '/consents')).body.items, [])
  t.equal((await portal.rows("select from consent_record where status = 'active'")).length, 2, 'and nothing was withdrawn')
})

t.test('clinicians see those of their agency, and only see', async (t) => {
  const anas = (await grant('patient-ana', ana, 'messaging')).body
  const bens = (await grant('patient-ben', ben, 'advisor')).body
  const chos = (await grant('patient-cho', cho, 'messaging')).body
  const idsOf = (answer: Answer): string[] => answer.body.items.map(({ id }: { id: string }) => id)
  t.same(idsOf(await portal.get('clinician', '/consents')), [bens.id, anas.id], 'newest first')
  t.same(idsOf(await portal.get('clinician', `/consents?patientId=${ana}`)), [anas.id])
  t.same(idsOf(await portal.get('clinician', `/consents?patientId=${cho}`)), [], 'another agency’s patient')
  t.same((await portal.get('clinician', `/consents/${anas.id}`)).body, anas)
  t.equal((await portal.get('clinician', `/consents/${chos.id}`)).status, 404)
  t.match(await decision('clinician', ana, 'messaging'), { decision: 'permit', consentId: anas.id })
  t.match(await decision('clinician', cho, 'messaging'), { decision: 'deny', consentId: null })
  t.match(problemOf(await grant('clinician', ana, 'appointments')), { status: 403, code: 'FORBIDDEN' })
  t.match(problemOf(await revoke('clinician', anas.id)), { status: 403, code: 'FORBIDDEN' })
})

/** Who may do what, written from the matrix by hand: read, grant. */
const may: Record<string, [number, number]> = {
  'patient-ana': [200, 201],
  clinician: [200, 403],
  founder: [200, 403],
  'ai-agent': [200, 403],
  'ai-agent-patient': [200, 403],
  'agency-admin': [403, 403],
  'qa-reviewer': [403, 403],
  'peer-reviewer': [403, 403],
  'billing-staff': [403, 403],
  'billing-admin': [403, 403],
  'compliance-officer': [403, 403],
  'controlled-substance-officer': [403, 403],
  'provider-admin': [403, 403],
  'document-verifier': [403, 403],
  'provider-self': [403, 403],
  'service-procedures': [403, 403],
}

t.test('each persona may do what the matrix says', async (t) => {
  for (const [persona, [reads, writes]] of Object.entries(may)) {
    t.equal((await portal.get(persona, '/consents')).status, reads, `${persona} reads`)
    t.equal((await grant(persona, ana, 'messaging')).status, writes, `${persona} grants`)
  }
  t.match(problemOf(await portal.get(null, '/consents')), { status: 401, code: 'UNAUTHORIZED' })
})

t.test('a founder reads across agencies with a reason, reasons of patients included', async (t) => {
  const { id } = (await grant('patient-ana', ana, 'messaging')).body
  await revoke('patient-ana', id, { reason: 'across' })
  const chos = (await grant('patient-cho', cho, 'messaging')).body
  const bypass = { 'x-agency': '*', 'x-access-reason': 'Yearly review of consents across agencies' }
  const { body, status, text } = await portal.get('founder', '/consents', bypass)
  t.equal(status, 200, text)
  t.same(
    body.items.map((item: any) => [item.agencyId, item.reason]).sort(),
    [
      [chos.agencyId, null],
      [personaNamed('founder')!.agencyId, 'across'],
    ].sort(),
  )
  t.equal((await portal.get('founder', `/consents/${chos.id}`, bypass)).status, 200)
  t.equal((await portal.get('founder', `/consents/${chos.id}`)).status, 404, 'without the header like anyone')
})

t.test('the switch stops grants at once, and never a withdrawal or a read', async (t) => {
  const { id } = (await grant('patient-ana', ana, 'messaging')).body
  await portal.flip('USE_CONSENT_WRITES', false)
  t.match(problemOf(await grant('patient-ana', ana, 'advisor')), { status: 503, code: 'UPSTREAM_UNAVAILABLE', reason: 'disabled' })
  t.equal((await portal.get('patient-ana', `/consents/${id}`)).status, 200)
  t.equal((await revoke('patient-ana', id)).status, 200)
  await portal.flip('USE_CONSENT_WRITES', true)
  t.equal((await grant('patient-ana', ana, 'advisor')).status, 201)
})

t.test('a key is done once', async (t) => {
  const key = newId()
  const first = await grant('patient-ana', ana, 'messaging', {}, key)
  t.equal(first.headers['idempotent-replayed'], undefined)
  await portal.pass(minute)
  const second = await grant('patient-ana', ana, 'messaging', {}, `"${key}"`)
  t.same([second.status, second.text, second.headers['idempotent-replayed']], [201, first.text, 'true'], 'byte for byte, quoted or bare')
  t.equal(second.headers.location, first.headers.location)
  t.match(problemOf(await grant('patient-ana', ana, 'advisor', {}, key)), { status: 422, code: 'CONFLICT', reason: 'key-reused' })
  const withdrawn = await revoke('patient-ana', first.body.id, { reason: 'a' }, key)
  t.equal(withdrawn.status, 200, 'a key belongs to its operation')
  const replayed = await revoke('patient-ana', first.body.id, { reason: 'a' }, key)
  t.same([replayed.text, replayed.headers['idempotent-replayed']], [withdrawn.text, 'true'])
  t.match(problemOf(await revoke('patient-ana', first.body.id, { reason: 'b' }, key)), {
    status: 422,
    code: 'CONFLICT',
    reason: 'key-reused',
  })
  t.equal((await grant('patient-ben', ben, 'messaging', {}, key)).status, 201, 'and to its user')
})

t.test('grants at once make one consent', async (t) => {
  const keys = Array.from({ length: 12 }, () => newId())
  const answers = await Promise.all(keys.map((key) => grant('patient-ana', ana, 'messaging', {}, key)))
  t.same(answers.map(({ status }) => status).sort(), [201, ...Array.from({ length: 11 }, () => 409)])
  const one = newId()
  const same = await Promise.all(Array.from({ length: 12 }, () => grant('patient-ana', ana, 'advisor', {}, one)))
  t.equal(new Set(same.filter(({ status }) => status === 201).map(({ text }) => text)).size, 1)
  t.ok(same.every(({ status, body }) => status === 201 || body.reason === 'in-flight'))
  t.equal((await portal.rows('select from consent_record')).length, 2)
})

t.test('withdrawals at once make one revocation', async (t) => {
  const { id } = (await grant('patient-ana', ana, 'messaging')).body
  const answers = await Promise.all(Array.from({ length: 10 }, (_, n) => revoke('patient-ana', id, { reason: `reason ${n}` })))
  t.same([...new Set(answers.map(({ status }) => status))], [200])
  t.equal(new Set(answers.map(({ text }) => text)).size, 1, 'and all are told the same')
})

t.test('a token of patient and staff roles together, or without the scope, writes nothing', async (t) => {
  const patient = personaNamed('patient-ana')!
  const tokens = {
    mixed: portal.host.token('patient-ana', { claims: { realm_access: { roles: ['patient', 'clinical_staff'] } } }),
    narrow: portal.host.token('patient-ana', { claims: { scope: 'consent:read messaging:read' } }),
    nobody: portal.host.token('patient-ana', { claims: { patient_id: undefined } }),
  }
  for (const [name, token] of Object.entries(tokens)) {
    const body = { patientId: patient.patientId, scope: 'messaging' }
    t.equal((await portal.host.call('POST', '/api/consents', { token, body })).statusCode, 403, name)
  }
  t.same(await portal.rows('select from consent_record'), [])
})

t.test('the reason is sealed at rest, and each row names its audit rows', async (t) => {
  const { id } = (await grant('patient-ana', ana, 'messaging')).body
  await revoke('patient-ana', id, { reason: 'canary-reason' })
  const [row] = await portal.rows('select c::text as text, c.audit_id, c.revoked_audit_id, c.reason from consent_record c')
  t.notOk(row.text.includes('canary-reason') || row.text.includes(Buffer.from('canary-reason').toString('hex')))
  t.ok(row.reason.length > 'canary-reason'.length)
  const audit = await portal.rows('select id, action, outcome, entity_id, patient_id from audit_event where id = any($1)', [
    row.audit_id,
    row.revoked_audit_id,
  ])
  t.same(audit.map(({ action, outcome, entity_id, patient_id }) => [action, outcome, entity_id, patient_id]).sort(), [
    ['grantConsent', 'success', id, ana],
    ['revokeConsent', 'success', id, ana],
  ])
  t.notOk(portal.lines.join('').includes('canary-reason'), 'and not in the log')
})

t.test('every attempt is audited with its outcome', async (t) => {
  const before = (await portal.rows('select count(*)::int as n from audit_event'))[0].n
  await grant('patient-ana', ana, 'messaging')
  await grant('patient-ana', ana, 'messaging')
  await grant('patient-ana', ben, 'messaging')
  await grant('clinician', ana, 'messaging')
  await portal.get('clinician', `/consents?patientId=${ana}`)
  const rows = await portal.rows('select action, outcome, reason, role, patient_id from audit_event order by at, id')
  t.same(
    rows.slice(before).map((row) => [row.action, row.outcome, row.role]),
    [
      ['grantConsent', 'success', 'patient'],
      ['grantConsent', 'CONFLICT', 'patient'],
      ['grantConsent', 'FORBIDDEN', 'patient'],
      ['grantConsent', 'FORBIDDEN', 'clinical_staff'],
      ['listConsents', 'success', 'clinical_staff'],
    ],
  )
  t.equal(rows.at(-1).patient_id, ana)
})

t.test('a list is paged by cursor while others are added', async (t) => {
  const scopes = ['messaging', 'advisor', 'appointments']
  const granted: string[] = []
  for (const scope of scopes) {
    for (let n = 0; n < 3; n++) {
      const { body } = await grant('patient-ana', ana, scope)
      granted.push(body.id)
      await revoke('patient-ana', body.id)
    }
  }
  const seen: string[] = []
  let cursor: string | null = ''
  while (cursor !== null) {
    const { body } = await portal.get('clinician', `/consents?patientId=${ana}&limit=2${cursor && `&cursor=${cursor}`}`)
    seen.push(...body.items.map(({ id }: { id: string }) => id))
    cursor = body.nextCursor
    const more = await grant('patient-ana', ana, 'clinical-documentation')
    await revoke('patient-ana', more.body.id)
  }
  t.same(seen, granted.toReversed())
})
