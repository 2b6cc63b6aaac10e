import t from 'tap'
import { adviceSchema, consultationSchema } from '../../../routes/advisor/schemas.ts'
import { disclaimer } from '../../../domain/advisor/index.ts'
import { passages } from '../../../plugins/contexts/advisor/passages/index.ts'
import { ana, ben, cho, freshKey, openAdvisor, problemOf } from './house.ts'

const advisor = await openAdvisor(t)
const { ask, get, post, consent, draft, rows } = advisor
const question = 'How much intramuscular adrenaline does an adult with anaphylaxis need?'
const revoke = (persona: string, id: string) => post(persona, `/consents/${id}/revocation`, {})

t.beforeEach(() => advisor.clear())

t.test('a clinician asks, and is advised with citations that ask for review', async (t) => {
  const { status, body, headers } = await ask('clinician', { question })
  t.equal(status, 201)
  t.same(Object.keys(body).sort(), ['advice', 'advisory', 'citations', 'disclaimer', 'id', 'policyVersionId', 'requiresReview'])
  t.match(body, { advisory: true, requiresReview: true, policyVersionId: 'dev-1', disclaimer })
  t.equal(headers['location'], `/api/advisor/consultations/${body.id}`)
  t.equal(body.citations[0].passageId, 'anaphylaxis')
  for (const { passageId, title, text } of body.citations) {
    const passage = passages.find(({ id }) => id === passageId)!
    t.same([title, text], [passage.title, passage.text], 'a citation is a passage, word for word')
    t.ok(body.advice.includes(text))
  }
  const read = await get('clinician', `/advisor/consultations/${body.id}`)
  t.equal(read.status, 200)
  t.match(read.body, { ...body, question, patientId: null, draftId: null, review: null })
  const list = await get('clinician', '/advisor/consultations')
  t.match(list.body, { items: [{ id: body.id, question, review: null, requiresReview: true }], nextCursor: null })
  t.notOk('advice' in list.body.items[0])
})

t.test('a question that no passage answers is told so, and cites nothing', async (t) => {
  const { status, body } = await ask('clinician', { question: 'xyzzy plugh 12345 👩🏽‍⚕️ \\ \' " & | ! :* <-> ()' })
  t.equal(status, 201)
  t.same(body.citations, [])
  t.match(body.advice, /no passage/)
})

t.test('what is asked is bounded', async (t) => {
  const bad: [object, string, string][] = [
    [{}, '/question', 'required'],
    [{ question: '' }, '/question', 'minLength'],
    [{ question: '\u200b\u2800x'.slice(0, 2) }, '/question', 'not-blank'],
    [{ question: 'x'.repeat(4_001) }, '/question', 'maxLength'],
    [{ question, patientId: 'ana' }, '/patientId', 'minLength'],
    [{ question, action: 'prescribe' }, '', 'additionalProperties'],
  ]
  for (const [body, pointer, rule] of bad)
    t.match(problemOf(await ask('clinician', body)), { status: 400, code: 'VALIDATION_FAILED', errors: [{ pointer, rule }] }, rule)
  t.match(problemOf(await ask('clinician', { question }, null)), { status: 400, reason: 'idempotency-key' })
  t.equal((await ask('clinician', { question: 'x'.repeat(4_000) })).status, 201)
  t.match(problemOf(await ask('clinician', { question: 'x'.repeat(33_000) })), { status: 413 })
})

t.test('a question about a patient needs consent, now and whenever it is read', async (t) => {
  t.match(problemOf(await ask('clinician', { question, patientId: ana })), { status: 403, code: 'CONSENT_REQUIRED' })
  await consent('patient-ana', ana, 'clinical-documentation')
  t.equal((await ask('clinician', { question, patientId: ana })).body.code, 'CONSENT_REQUIRED', 'another scope is none')
  const given = await consent('patient-ana', ana, 'advisor')
  const { body } = await ask('clinician', { question, patientId: ana })
  const free = await ask('clinician', { question })
  t.match((await get('clinician', `/advisor/consultations/${body.id}`)).body, { patientId: ana })
  t.equal((await get('clinician', '/advisor/consultations')).body.items.length, 2)

  await revoke('patient-ana', given)
  t.match(problemOf(await ask('clinician', { question, patientId: ana })), { status: 403, code: 'CONSENT_REQUIRED' })
  t.match(problemOf(await get('clinician', `/advisor/consultations/${body.id}`)), { status: 403, code: 'CONSENT_REQUIRED' })
  const review = await post('clinician', `/advisor/consultations/${body.id}/review`, { decision: 'accepted' })
  t.match(problemOf(review), { status: 403, code: 'CONSENT_REQUIRED' })
  const left = await get('clinician', '/advisor/consultations?limit=1')
  t.same([left.body.items.map(({ id }: { id: string }) => id), left.body.nextCursor], [[free.body.id], null], 'a list tells nothing of it')
  t.match(problemOf(await ask('clinician', { question, patientId: cho })), { code: 'CONSENT_REQUIRED' }, 'another agency’s patient')
})

t.test('an expired consent permits nothing', async (t) => {
  const expiresAt = new Date(advisor.host.clock.now() + 5_000).toISOString()
  await consent('patient-ana', ana, 'advisor', { expiresAt })
  const { status, body } = await ask('clinician', { question, patientId: ana })
  t.equal(status, 201)
  advisor.host.clock.advance(5_000)
  t.equal((await ask('clinician', { question, patientId: ana })).body.code, 'CONSENT_REQUIRED')
  t.equal((await get('clinician', `/advisor/consultations/${body.id}`)).body.code, 'CONSENT_REQUIRED')
})

t.test('a draft is the caller’s own, implies its patient, and needs both consents', async (t) => {
  const documented = await consent('patient-ana', ana, 'clinical-documentation')
  const draftId = await draft('clinician', ana)
  t.equal((await ask('clinician', { question, draftId })).body.code, 'CONSENT_REQUIRED', 'advisor is missing')
  await consent('patient-ana', ana, 'advisor')
  const { status, body } = await ask('clinician', { question, draftId })
  t.equal(status, 201)
  t.match((await get('clinician', `/advisor/consultations/${body.id}`)).body, { patientId: ana, draftId })
  t.equal((await ask('clinician', { question, draftId, patientId: ana })).status, 201)
  t.match(problemOf(await ask('clinician', { question, draftId, patientId: ben })), {
    status: 400, code: 'VALIDATION_FAILED', errors: [{ pointer: '/draftId', rule: 'same-patient' }],
  }) // prettier-ignore
  const absent = problemOf(await ask('clinician', { question, draftId: freshKey() }))
  t.match(absent, { status: 404, code: 'NOT_FOUND' })
  t.same(problemOf(await ask('clinician-2', { question, draftId })), absent, 'a colleague’s and an absent draft answer alike')

  await revoke('patient-ana', documented)
  t.equal((await ask('clinician', { question, draftId })).body.code, 'CONSENT_REQUIRED')
  t.equal((await get('clinician', `/advisor/consultations/${body.id}`)).body.code, 'CONSENT_REQUIRED')
  t.same((await get('clinician', '/advisor/consultations')).body.items, [])
})

t.test('nobody but a clinician asks, and nobody but the one who asked reads or reviews', async (t) => {
  const { body } = await ask('clinician', { question })
  for (const persona of [
    'patient-ana',
    'ai-agent',
    'ai-agent-patient',
    'agency-admin',
    'qa-reviewer',
    'provider-self',
    'service-procedures',
  ])
    t.match(problemOf(await ask(persona, { question })), { status: 403, code: 'FORBIDDEN' }, persona)
  const path = `/advisor/consultations/${body.id}`
  const absent = `/advisor/consultations/${freshKey()}`
  t.match(problemOf(await get('clinician-2', path)), { status: 404, code: 'NOT_FOUND' })
  t.same(problemOf(await get('clinician-2', path)), problemOf(await get('clinician-2', absent)))
  t.same((await get('clinician-2', '/advisor/consultations')).body.items, [])
  const review = { decision: 'accepted' }
  t.same(problemOf(await post('clinician-2', `${path}/review`, review)), problemOf(await post('clinician-2', `${absent}/review`, review)))
  const elsewhere = advisor.host.token('clinician', { claims: { agency_id: '01920000-0000-7000-8000-a00000000002' } })
  t.equal((await advisor.host.call('GET', `/api${path}`, { token: elsewhere })).statusCode, 404, 'the same person in another agency')
  for (const persona of ['ai-agent', 'patient-ana'])
    t.match(problemOf(await get(persona, path)), { status: 403, code: 'FORBIDDEN' }, persona)
  t.same(await rows('select from advisor_review'), [])
})

t.test('a review is recorded once', async (t) => {
  const { body } = await ask('clinician', { question })
  const path = `/advisor/consultations/${body.id}/review`
  const bad: [object, string][] = [
    [{}, '/decision'],
    [{ decision: 'executed' }, '/decision'],
    [{ decision: 'accepted', note: ' ' }, '/note'],
    [{ decision: 'accepted', note: 'x'.repeat(2_001) }, '/note'],
  ]
  for (const [review, pointer] of bad) t.match(problemOf(await post('clinician', path, review)), { status: 400, errors: [{ pointer }] })
  const key = freshKey()
  const first = await post('clinician', path, { decision: 'dismissed', note: 'canary-note' }, key)
  t.equal(first.status, 200, first.text)
  t.match(first.body, { consultationId: body.id, decision: 'dismissed', note: 'canary-note' })
  const again = await post('clinician', path, { decision: 'dismissed', note: 'canary-note' }, key)
  t.same([again.text, again.headers['idempotent-replayed']], [first.text, 'true'])
  t.match(problemOf(await post('clinician', path, { decision: 'accepted' })), { status: 409, code: 'CONFLICT' })
  t.same((await get('clinician', `/advisor/consultations/${body.id}`)).body.review, first.body)
  const other = await ask('clinician', { question })
  const answers = await Promise.all(
    Array.from({ length: 6 }, () => post('clinician', `/advisor/consultations/${other.body.id}/review`, { decision: 'accepted' })),
  )
  t.same(answers.map(({ status }) => status).sort(), [200, 409, 409, 409, 409, 409])
})

t.test('the switch stops questions at once, and neither reading nor reviewing', async (t) => {
  const { body } = await ask('clinician', { question })
  await advisor.host.flip('USE_MEDICAL_ADVISOR', false)
  t.match(problemOf(await ask('clinician', { question })), { status: 503, code: 'UPSTREAM_UNAVAILABLE', reason: 'disabled' })
  t.equal((await get('clinician', `/advisor/consultations/${body.id}`)).status, 200)
  t.equal((await post('clinician', `/advisor/consultations/${body.id}/review`, { decision: 'accepted' })).status, 200)
  await advisor.host.flip('USE_MEDICAL_ADVISOR', true)
  t.equal((await ask('clinician', { question })).status, 201)
})

t.test('a key is done once, and a replay passes every gate again', async (t) => {
  const key = freshKey()
  const given = await consent('patient-ana', ana, 'advisor')
  const first = await ask('clinician', { question, patientId: ana }, key)
  const second = await ask('clinician', { question, patientId: ana }, key)
  t.same([second.status, second.text, second.headers['idempotent-replayed']], [201, first.text, 'true'])
  t.match(problemOf(await ask('clinician', { question: 'Another?', patientId: ana }, key)), { status: 422, reason: 'key-reused' })
  await revoke('patient-ana', given)
  t.equal((await ask('clinician', { question, patientId: ana }, key)).body.code, 'CONSENT_REQUIRED')
  const one = freshKey()
  const answers = await Promise.all(Array.from({ length: 8 }, () => ask('clinician', { question }, one)))
  t.equal(new Set(answers.filter(({ status }) => status === 201).map(({ text }) => text)).size, 1, 'at once, one consultation')
  t.ok(answers.every(({ status, body }) => status === 201 || body.reason === 'in-flight'))
  t.equal((await rows('select from advisor_consultation')).length, 2)
})

t.test('each consultation is an AI action under a policy, and its words are sealed', async (t) => {
  await consent('patient-ana', ana, 'advisor')
  const asked = 'canary-question about anaphylaxis'
  const { body } = await ask('clinician', { question: asked, patientId: ana })
  await post('clinician', `/advisor/consultations/${body.id}/review`, { decision: 'accepted', note: 'canary-note' })
  const actions = await rows('select * from audit_ai_action where entity_id = $1', body.id)
  t.equal(actions.length, 1, 'the review is the human’s')
  t.match(actions[0], {
    executed_by: 'AI Agent under clinical_staff authority', agent_id: 'medical-advisor', policy_version_id: 'dev-1', action: 'createConsultation',
    outcome: 'success', patient_id: ana,
  }) // prettier-ignore
  t.ok(actions[0].user_id, 'whoever asked')
  const [row] = await rows('select c::text as text, c.audit_id from advisor_consultation c where id = $1', body.id)
  const [review] = await rows('select r::text as text from advisor_review r')
  for (const word of ['canary', 'anaphylaxis', 'adrenaline']) {
    const hex = Buffer.from(word).toString('hex')
    t.notOk(row.text.includes(word) || row.text.includes(hex) || review.text.includes(word) || review.text.includes(hex), word)
    t.notOk(advisor.host.lines.join('').toLowerCase().includes(word), 'and not in the log')
  }
  t.equal((await rows('select from audit_event where id = $1 and outcome = $2', row.audit_id, 'success')).length, 1)
  const listed = await get('compliance-officer', '/audit/ai-actions')
  t.match(listed.body.items[0], { executedBy: 'AI Agent under clinical_staff authority', action: 'createConsultation' })
})

t.test('refused attempts are audited, and are nobody’s AI action', async (t) => {
  const before = (await rows('select count(*)::int as n from audit_ai_action'))[0].n
  await ask('clinician', { question, patientId: ana })
  const [last] = await rows("select * from audit_event where action = 'createConsultation' order by at desc, id desc limit 1")
  t.match(last, { outcome: 'CONSENT_REQUIRED', patient_id: ana, agent_id: null })
  t.equal((await rows('select count(*)::int as n from audit_ai_action'))[0].n, before)
})

t.test('a list is paged by cursor', async (t) => {
  const given = await consent('patient-ana', ana, 'advisor')
  for (const patientId of [ana, undefined, ana]) await ask('clinician', { question, patientId })
  const before = await get('clinician', '/advisor/consultations?limit=1')
  await revoke('patient-ana', given)
  const [read] = (await get('compliance-officer', '/audit/events?action=listConsultations')).body.items
  t.same([read.patientId, read.payload], [null, { query: { limit: 1 }, patientIds: [ana] }], 'the audit says whose were read')
  const rest = await get('clinician', `/advisor/consultations?limit=1&cursor=${before.body.nextCursor}`)
  t.same(
    [rest.body.items.length, rest.body.items[0].patientId, rest.body.nextCursor],
    [1, null, null],
    'consent is asked again on every page',
  )
  await advisor.clear()
  const ids: string[] = []
  for (let n = 0; n < 5; n++) ids.unshift((await ask('clinician', { question })).body.id)
  const first = await get('clinician', '/advisor/consultations?limit=3')
  const second = await get('clinician', `/advisor/consultations?limit=3&cursor=${first.body.nextCursor}`)
  t.same(
    [...first.body.items, ...second.body.items].map(({ id }: { id: string }) => id),
    ids,
  )
  t.equal(second.body.nextCursor, null)
})

interface Schema {
  readonly properties?: Readonly<Record<string, Schema>>
  readonly items?: Schema
  readonly anyOf?: readonly Schema[]
  readonly additionalProperties?: unknown
  readonly format?: string
}
const namesIn = (schema: Schema): string[] => [
  ...Object.entries(schema.properties ?? {}).flatMap(([name, part]) => [name, ...namesIn(part)]),
  ...(schema.items ? namesIn(schema.items) : []),
  ...(schema.anyOf ?? []).flatMap(namesIn),
]

t.test('there is no field in which an action could stand', async (t) => {
  const advised = [
    'advice',
    'advisory',
    'citations',
    'disclaimer',
    'id',
    'passageId',
    'policyVersionId',
    'requiresReview',
    'source',
    'text',
    'title',
  ]
  t.same(namesIn(adviceSchema as Schema).sort(), advised)
  const read = ['consultationId', 'createdAt', 'decision', 'draftId', 'note', 'patientId', 'question', 'review', 'reviewedAt', 'reviewedBy']
  t.same(namesIn(consultationSchema as Schema).sort(), [...advised, ...read].sort())
  const walk = (schema: Schema): void => {
    if (schema.properties) t.equal(schema.additionalProperties, false)
    t.not(schema.format, 'uri', 'and nothing to follow')
    for (const part of [...Object.values(schema.properties ?? {}), ...(schema.items ? [schema.items] : []), ...(schema.anyOf ?? [])])
      walk(part)
  }
  walk(adviceSchema as Schema)
  walk(consultationSchema as Schema)
})
