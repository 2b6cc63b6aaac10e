import t from 'tap'
import { newId } from '../../../domain/shared/ids.ts'
import { personaNamed } from '../../../config/personas.ts'
import { type Answer, openPortal, problemOf } from '../portal.ts'

const portal = await openPortal(t, { MESSAGING_LIMITS: 'user=30/60s,burst=10/10s,conversation=20/60s' })
const ana = personaNamed('patient-ana')!.patientId!
const ben = personaNamed('patient-ben')!.patientId!
const cho = personaNamed('patient-cho')!.patientId!
const minute = 60_000

const open = (persona: string | null, patientId: string, subject: unknown = 'My knee', key?: string | null): Promise<Answer> =>
  portal.post(persona, '/messaging/conversations', { patientId, subject }, key === undefined ? {} : { key })
const send = (persona: string | null, conversationId: string, body: unknown = 'It hurts', key?: string | null): Promise<Answer> =>
  portal.post(persona, `/messaging/conversations/${conversationId}/messages`, { body }, key === undefined ? {} : { key })
const list = (persona: string | null, conversationId: string, query = ''): Promise<Answer> =>
  portal.get(persona, `/messaging/conversations/${conversationId}/messages${query}`)
const consent = async (persona: string, patientId: string, more: object = {}): Promise<string> =>
  (await portal.post(persona, '/consents', { patientId, scope: 'messaging', ...more })).body.id
const revoke = (persona: string, id: string): Promise<Answer> => portal.post(persona, `/consents/${id}/revocation`, undefined)

let anas: string
let bens: string
let anasConsent: string

t.beforeEach(async () => {
  await portal.rows('truncate messaging_conversation, messaging_message, consent_record')
  await portal.pass(10 * minute)
  anasConsent = await consent('patient-ana', ana)
  await consent('patient-ben', ben)
  anas = (await open('patient-ana', ana)).body.id
  bens = (await open('patient-ben', ben)).body.id
  await portal.pass(10 * minute)
})

const countOf = async (table: string): Promise<number> => (await portal.rows(`select count(*)::int as n from ${table}`))[0].n

t.test('a patient opens a conversation, sends a message and reads it back', async (t) => {
  const opened = await open('patient-ana', ana, 'A second knee')
  const at = new Date(portal.now()).toISOString()
  t.equal(opened.status, 201, opened.text)
  t.same(opened.body, { id: opened.body.id, subject: 'A second knee', createdAt: at })
  t.equal(opened.headers.location, `/api/messaging/conversations/${opened.body.id}/messages`)
  await portal.pass(1)
  const sent = await send('patient-ana', opened.body.id, 'Line one\nпривет 🙂')
  const sentAt = new Date(portal.now()).toISOString()
  t.equal(sent.status, 201, sent.text)
  t.same(sent.body, { id: sent.body.id, conversationId: opened.body.id, createdAt: sentAt })
  const read = await list('patient-ana', opened.body.id)
  const senderId = personaNamed('patient-ana')!.sub
  t.same(read.body, { items: [{ ...sent.body, senderId, body: 'Line one\nпривет 🙂' }], nextCursor: null })
  const conversations = await portal.get('patient-ana', '/messaging/conversations')
  t.same(
    conversations.body.items.map(({ subject }: { subject: string }) => subject),
    ['A second knee', 'My knee'],
    'newest first',
  )
})

t.test('text is stored in normal form, and counted in code points', async (t) => {
  await send('patient-ana', anas, 'e\u0301te\u0301')
  await send('patient-ana', anas, '🙂'.repeat(4000))
  const { body } = await list('patient-ana', anas)
  t.same(
    body.items.map((item: { body: string }) => item.body),
    ['🙂'.repeat(4000), 'été'],
  )
  t.equal((await open('patient-ana', ana, '🙂'.repeat(200))).status, 201)
})

t.test('what breaks a rule is refused by pointer and rule, and stores nothing', async (t) => {
  const before = await countOf('messaging_message')
  const texts: [unknown, string][] = [
    ['', 'minLength'], [' \n ', 'pattern'], ['\u200b', 'not-blank'], ['x'.repeat(4001), 'maxLength'], ['🙂'.repeat(4001), 'maxLength'],
    ['a\u0000', 'no-nul'], ['a\tb', 'no-control'], ['\u202ex', 'no-bidi-override'], [5, 'type'], [null, 'type'],
  ] // prettier-ignore
  for (const [text, rule] of texts) {
    await portal.pass(minute)
    const answer = await send('patient-ana', anas, text)
    t.match(problemOf(answer), { status: 400, code: 'VALIDATION_FAILED', errors: [{ pointer: '/body', rule }] }, rule)
  }
  await portal.pass(minute)
  const lone = await portal.post('patient-ana', `/messaging/conversations/${anas}/messages`, '{"body":"a\\ud800"}')
  t.match(problemOf(lone), { status: 400, errors: [{ pointer: '/body', rule: 'well-formed' }] })
  t.match(problemOf(await open('patient-ana', ana, 'x'.repeat(201))), { status: 400, errors: [{ pointer: '/subject', rule: 'maxLength' }] })
  const big = await portal.post('patient-ana', `/messaging/conversations/${anas}/messages`, { body: 'x'.repeat(33_000) })
  t.match(problemOf(big), { status: 413, code: 'VALIDATION_FAILED', reason: 'too-large' })
  for (const key of [null, '', 'two words', 'x'.repeat(256)])
    t.match(problemOf(await send('patient-ana', anas, 'x', key)), { status: 400, reason: 'idempotency-key' })
  t.equal(await countOf('messaging_message'), before)
})

t.test('all seven codes, on each of the two writes', async (t) => {
  const used = newId()
  const writes = {
    createConversation: (persona: string | null, how: { text?: string; patient?: string; key?: string } = {}) =>
      open(persona, how.patient ?? ana, how.text ?? 'x', how.key),
    sendMessage: (persona: string | null, how: { text?: string; patient?: string; key?: string } = {}) =>
      send(persona, how.patient === ben ? bens : anas, how.text ?? 'x', how.key),
  }
  for (const [name, write] of Object.entries(writes)) {
    t.equal((await write('patient-ana', { key: used })).status, 201, name)
    t.match(problemOf(await write(null)), { status: 401, code: 'UNAUTHORIZED' })
    t.match(problemOf(await write('patient-ana', { patient: ben })), { status: 403, code: 'FORBIDDEN' })
    t.match(problemOf(await write('patient-ana', { text: 'y', key: used })), { status: 422, code: 'CONFLICT', reason: 'key-reused' })
    t.match(problemOf(await write('patient-ana', { text: '' })), { status: 400, code: 'VALIDATION_FAILED' })
    await portal.flip('USE_CHAT_WRITES', false)
    t.match(problemOf(await write('patient-ana')), { status: 503, code: 'UPSTREAM_UNAVAILABLE', reason: 'disabled' })
    await portal.flip('USE_CHAT_WRITES', true)
    const statuses: number[] = []
    for (let n = 0; n < 11; n++) statuses.push((await write('patient-ana')).status)
    t.equal(statuses.at(-1), 429)
    t.match(problemOf(await write('patient-ana')), { status: 429, code: 'RATE_LIMITED' })
    await portal.pass(10 * minute)
    await revoke('patient-ana', anasConsent)
    t.match(problemOf(await write('patient-ana')), { status: 403, code: 'CONSENT_REQUIRED' })
    anasConsent = await consent('patient-ana', ana)
    await portal.pass(10 * minute)
  }
})

t.test('another’s, another agency’s and no conversation answer alike, to reads and writes', async (t) => {
  await consent('patient-cho', cho)
  const chos = (await open('patient-cho', cho)).body.id
  const absent = newId()
  const written = problemOf(await send('patient-ana', absent))
  t.match(written, { status: 403, code: 'FORBIDDEN' })
  const read = problemOf(await list('patient-ana', absent))
  t.match(read, { status: 403, code: 'FORBIDDEN' })
  for (const id of [bens, chos]) {
    t.same(problemOf(await send('patient-ana', id)), written)
    t.same(problemOf(await list('patient-ana', id)), read)
  }
  t.same(
    (await portal.get('patient-cho', '/messaging/conversations')).body.items.map(({ id }: { id: string }) => id),
    [chos],
  )
  t.equal((await list('patient-cho', chos)).status, 200)
})

t.test('nobody but a patient comes near, by reading or writing', async (t) => {
  const others = [
    'founder', 'agency-admin', 'clinician', 'qa-reviewer', 'compliance-officer', 'billing-staff', 'ai-agent', 'ai-agent-patient', 'provider-admin',
    'provider-self', 'service-procedures',
  ] // prettier-ignore
  for (const persona of others) {
    t.match(problemOf(await open(persona, ana)), { status: 403, code: 'FORBIDDEN' }, persona)
    t.match(problemOf(await send(persona, anas)), { status: 403, code: 'FORBIDDEN' }, persona)
    t.equal((await list(persona, anas)).status, 403, persona)
    t.equal((await portal.get(persona, '/messaging/conversations')).status, 403, persona)
  }
})

t.test('consent is asked on every write, and of no read', async (t) => {
  await send('patient-ana', anas)
  await revoke('patient-ana', anasConsent)
  for (const answer of [await send('patient-ana', anas), await open('patient-ana', ana)])
    t.match(problemOf(answer), { status: 403, code: 'CONSENT_REQUIRED' }, 'on the very next request')
  t.equal((await list('patient-ana', anas)).body.items.length, 1, 'one’s own messages stay readable')
  await consent('patient-ana', ana, { expiresAt: new Date(portal.now() + minute).toISOString() })
  t.equal((await send('patient-ana', anas)).status, 201)
  await portal.pass(minute)
  t.match(problemOf(await send('patient-ana', anas)), { code: 'CONSENT_REQUIRED' }, 'expired')
  await portal.post('patient-ana', '/consents', { patientId: ana, scope: 'advisor' })
  t.match(problemOf(await send('patient-ana', anas)), { code: 'CONSENT_REQUIRED' }, 'of another scope')
  t.match(problemOf(await send('patient-ana', bens)), { code: 'FORBIDDEN' }, 'ownership comes first')
})

t.test('the switch governs both writes at once and no read', async (t) => {
  await portal.flip('USE_CHAT_WRITES', false)
  const off = { status: 503, code: 'UPSTREAM_UNAVAILABLE', reason: 'disabled' }
  const refused = await send('patient-ana', anas)
  t.match(problemOf(refused), off)
  t.equal(refused.headers['retry-after'], undefined)
  t.match(problemOf(await open('patient-ana', ana)), off)
  t.match(problemOf(await send('patient-ana', newId())), off, 'before ownership is looked at')
  t.equal((await list('patient-ana', anas)).status, 200)
  await portal.flip('USE_CHAT_WRITES', true)
  t.equal((await send('patient-ana', anas)).status, 201)
})

t.test('a key is done once, and its answer comes back exactly', async (t) => {
  const key = newId()
  const first = await send('patient-ana', anas, 'once', key)
  await portal.pass(minute)
  for (const spelling of [key, `"${key}"`]) {
    const again = await send('patient-ana', anas, 'once', spelling)
    t.same([again.status, again.text, again.headers['idempotent-replayed']], [201, first.text, 'true'])
    t.equal(again.headers.location, first.headers.location)
  }
  t.match(problemOf(await send('patient-ana', anas, 'other', key)), { status: 422, code: 'CONFLICT', reason: 'key-reused' })
  const second = (await open('patient-ana', ana)).body.id
  t.match(problemOf(await send('patient-ana', second, 'once', key)), { status: 422, code: 'CONFLICT' }, 'the path is part of the request')
  t.equal((await open('patient-ana', ana, 'once', key)).status, 201, 'a key belongs to its operation')
  t.equal((await send('patient-ben', bens, 'once', key)).status, 201, 'and to its user')
  t.equal((await list('patient-ana', anas)).body.items.length, 1)
})

t.test('a replay passes every gate again', async (t) => {
  const key = newId()
  await send('patient-ana', anas, 'once', key)
  await revoke('patient-ana', anasConsent)
  t.match(problemOf(await send('patient-ana', anas, 'once', key)), { code: 'CONSENT_REQUIRED' })
  await consent('patient-ana', ana)
  await portal.flip('USE_CHAT_WRITES', false)
  t.match(problemOf(await send('patient-ana', anas, 'once', key)), { reason: 'disabled' })
  await portal.flip('USE_CHAT_WRITES', true)
  t.equal((await send('patient-ana', anas, 'once', key)).headers['idempotent-replayed'], 'true')
})

t.test('what was refused leaves its key free', async (t) => {
  const key = newId()
  await revoke('patient-ana', anasConsent)
  t.equal((await send('patient-ana', anas, 'x', key)).status, 403)
  await consent('patient-ana', ana)
  t.equal((await send('patient-ana', anas, 'another text', key)).status, 201)
})

t.test('a key lives seven days', async (t) => {
  const key = newId()
  const week = 7 * 24 * 60 * minute
  const first = (await send('patient-ana', anas, 'x', key)).body.id
  await portal.pass(week - 1)
  t.equal((await send('patient-ana', anas, 'x', key)).body.id, first)
  await portal.pass(1)
  const later = await send('patient-ana', anas, 'y', key)
  t.same([later.status, later.headers['idempotent-replayed']], [201, undefined])
  t.not(later.body.id, first)
})

t.test('a withdrawal among sends splits them into those before and those after', async (t) => {
  const sends = Array.from({ length: 9 }, (_, n) => send('patient-ana', anas, `text ${n}`))
  const [withdrawn, ...answers] = await Promise.all([revoke('patient-ana', anasConsent), ...sends])
  t.equal(withdrawn.status, 200)
  const outcomes = answers.map(({ status, body }) => (status === 201 ? 'sent' : body.code))
  t.ok(
    outcomes.every((outcome) => outcome === 'sent' || outcome === 'CONSENT_REQUIRED'),
    outcomes.join(),
  )
  t.equal(await countOf('messaging_message'), outcomes.filter((outcome) => outcome === 'sent').length)
})

t.test('a token of patient and staff roles together, or without the scope, writes nothing', async (t) => {
  const tokens = {
    mixed: portal.host.token('patient-ana', { claims: { realm_access: { roles: ['patient', 'clinical_staff'] } } }),
    narrow: portal.host.token('patient-ana', { claims: { scope: 'messaging:read consent:write' } }),
    nobody: portal.host.token('patient-ana', { claims: { patient_id: undefined } }),
  }
  for (const [name, token] of Object.entries(tokens)) {
    const conversation = { patientId: ana, subject: 'x' }
    t.equal((await portal.host.call('POST', '/api/messaging/conversations', { token, body: conversation })).statusCode, 403, name)
    t.equal(
      (await portal.host.call('POST', `/api/messaging/conversations/${anas}/messages`, { token, body: { body: 'x' } })).statusCode,
      403,
      name,
    )
  }
  t.equal(await countOf('messaging_message'), 0)
  const headers = { 'x-agency': personaNamed('patient-cho')!.agencyId, 'x-access-reason': 'A reason of more than twenty characters' }
  t.equal((await portal.get('patient-ana', '/messaging/conversations', headers)).status, 403, 'X-Agency is for founders')
})

t.test('limits: a burst of ten, thirty a minute, twenty a minute in one conversation', async (t) => {
  const statuses = async (count: number, write: () => Promise<Answer>): Promise<number[]> => {
    const found: number[] = []
    for (let n = 0; n < count; n++) found.push((await write()).status)
    return found
  }
  const times = (status: number, count: number): number[] => Array.from({ length: count }, () => status)
  const second = (await open('patient-ana', ana)).body.id
  await portal.pass(10 * minute)
  t.same(await statuses(11, () => send('patient-ana', anas)), [...times(201, 10), 429], 'the burst')
  const refused = await send('patient-ana', anas)
  t.match(problemOf(refused), { status: 429, code: 'RATE_LIMITED' })
  t.ok(Number(refused.headers['retry-after']) >= 1)
  t.equal((await open('patient-ana', ana)).status, 429, 'both writes share the budget')
  t.equal((await list('patient-ana', anas)).status, 200, 'reads do not count')
  t.equal((await send('patient-ben', bens)).status, 201, 'nor do others')
  await portal.pass(10 * minute)
  t.same(await statuses(10, () => send('patient-ana', anas)), times(201, 10))
  await portal.pass(10_001)
  t.same(await statuses(10, () => send('patient-ana', anas)), times(201, 10))
  await portal.pass(10_001)
  t.match(problemOf(await send('patient-ana', anas)), { status: 429, code: 'RATE_LIMITED' }, 'the twenty-first in one conversation')
  t.equal((await send('patient-ana', second)).status, 201, 'another conversation has its own')
  t.same(await statuses(8, () => send('patient-ana', second)), times(201, 8))
  await portal.pass(10_001)
  t.equal((await send('patient-ana', second)).status, 429, 'the thirty-first of the user')
})

t.test('attempts count, replays and refusals too', async (t) => {
  const key = newId()
  for (let n = 0; n < 5; n++) t.equal((await send('patient-ana', anas, 'x', key)).status, 201)
  for (let n = 0; n < 3; n++) t.equal((await send('patient-ana', bens)).status, 403)
  for (let n = 0; n < 2; n++) t.equal((await send('patient-ana', anas, '')).status, 400)
  t.equal((await send('patient-ana', anas, 'x', key)).status, 429)
})

t.test('a body that is not valid does not come to the limit of the conversation', async (t) => {
  for (let n = 0; n < 9; n++) t.equal((await send('patient-ana', anas, '\u200b')).status, 400)
  await portal.pass(10_001)
  for (let n = 0; n < 10; n++) t.equal((await send('patient-ana', anas)).status, 201)
  await portal.pass(10_001)
  for (let n = 0; n < 9; n++) t.equal((await send('patient-ana', anas)).status, 201, 'twenty were not yet reached')
})

t.test('fifty sends at once with one key make one message and one audit row of success', async (t) => {
  const roomy = await openPortal(t)
  await roomy.post('patient-ana', '/consents', { patientId: ana, scope: 'messaging' })
  const { id } = (await roomy.post('patient-ana', '/messaging/conversations', { patientId: ana, subject: 'race' })).body
  const key = newId()
  const path = `/messaging/conversations/${id}/messages`
  const answers = await Promise.all(Array.from({ length: 50 }, () => roomy.post('patient-ana', path, { body: 'race' }, { key })))
  t.same([...new Set(answers.map(({ status }) => status))], [201])
  t.equal(new Set(answers.map(({ text }) => text)).size, 1, 'all the same answer')
  t.equal(answers.filter(({ headers }) => headers['idempotent-replayed'] === undefined).length, 1)
  t.equal((await roomy.rows('select from messaging_message')).length, 1)
  t.equal((await roomy.rows("select from audit_event where action = 'sendMessage' and outcome = 'success'")).length, 1)
  const others = await Promise.all(
    Array.from({ length: 20 }, (_, n) => roomy.post('patient-ana', path, { body: `text ${n}` }, { key: 'shared' })),
  )
  t.same(others.map(({ status }) => status).sort(), [201, ...Array.from({ length: 19 }, () => 422)], 'one key, many texts: one wins')
})

t.test('messages are paged by cursor while others are sent', async (t) => {
  const sent: string[] = []
  for (let n = 0; n < 9; n++) {
    sent.push((await send('patient-ana', anas, `text ${n}`)).body.id)
    if (n === 4) await portal.pass(minute)
  }
  await portal.pass(minute)
  const seen: string[] = []
  let cursor: string | null = ''
  for (let page = 0; cursor !== null; page++) {
    const { body } = await list('patient-ana', anas, `?limit=2${cursor && `&cursor=${cursor}`}`)
    seen.push(...body.items.map(({ id }: { id: string }) => id))
    cursor = body.nextCursor
    await send('patient-ana', anas, `later ${page}`)
  }
  t.same(seen, sent.toReversed())
  t.match(problemOf(await list('patient-ana', anas, '?cursor=AAAA')), {
    status: 400,
    errors: [{ pointer: '/query/cursor', rule: 'cursor' }],
  })
  t.equal((await list('patient-ana', bens, '?cursor=AAAA')).status, 400, 'the query is read before ownership')
})

t.test('subject and body are sealed at rest, each row names its audit row, and no log holds them', async (t) => {
  const { id } = (await open('patient-ana', ana, 'canary-subject')).body
  const message = await send('patient-ana', id, 'canary-body')
  const stored = [
    ...(await portal.rows('select c::text as text, c.audit_id from messaging_conversation c where id = $1', id)),
    ...(await portal.rows('select m::text as text, m.audit_id from messaging_message m where id = $1', message.body.id)),
    ...(await portal.rows('select k::text as text, k.audit_id from host_idempotency_key k')),
  ]
  for (const { text } of stored)
    for (const canary of ['canary-subject', 'canary-body'])
      t.notOk(text.includes(canary) || text.includes(Buffer.from(canary).toString('hex')))
  t.notOk(portal.lines.join('').includes('canary-'))
  const audited = await portal.rows(
    'select action, outcome, agency_id, user_id, patient_id, idempotency_key from audit_event where id = any($1)',
    stored.slice(0, 2).map((row) => row.audit_id),
  )
  t.same(audited.map(({ action, outcome, patient_id }) => [action, outcome, patient_id]).sort(), [
    ['createConversation', 'success', ana],
    ['sendMessage', 'success', ana],
  ])
  t.ok(audited.every((row) => row.user_id === personaNamed('patient-ana')!.sub && row.idempotency_key))
})

t.test('every attempt leaves an audit row with its outcome', async (t) => {
  const before = await countOf('audit_event')
  const key = newId()
  await send('patient-ana', anas, 'x', key)
  await send('patient-ana', anas, 'x', key)
  await send('patient-ana', anas, 'y', key)
  await send('patient-ana', bens)
  await send('clinician', anas)
  await send('patient-ana', anas, '')
  await list('patient-ana', anas)
  const rows = await portal.rows('select action, outcome, entity_type, entity_id, idempotency_key from audit_event order by at, id')
  t.same(
    rows.slice(before).map((row) => [row.action, row.outcome, row.entity_type, row.entity_id]),
    [
      ['sendMessage', 'success', 'conversation', anas],
      ['sendMessage', 'replayed', 'conversation', anas],
      ['sendMessage', 'CONFLICT', 'conversation', anas],
      ['sendMessage', 'FORBIDDEN', 'conversation', bens],
      ['sendMessage', 'FORBIDDEN', 'conversation', anas],
      ['sendMessage', 'VALIDATION_FAILED', 'conversation', anas],
      ['listMessages', 'success', 'conversation', anas],
    ],
  )
  t.equal(rows[before].idempotency_key, key)
})
