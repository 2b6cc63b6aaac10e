import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import t from 'tap'
import { createAdvice, completionsUrl } from '../../../plugins/host/advice/create-advice.ts'
import { completionText } from '../../../plugins/host/advice/completion.ts'
import { ana, freshKey, openAdvisor, problemOf } from './house.ts'

const question = 'Canary-question: how much adrenaline in anaphylaxis?'
const words = 'Give it into the thigh [1].\r\n\tThen look again.'
const completion = (message: object, choice: object = {}): string =>
  JSON.stringify({ id: 'x', choices: [{ index: 0, message: { role: 'assistant', ...message }, finish_reason: 'stop', ...choice }] })

type Mode = (response: ServerResponse, request: IncomingMessage) => void
const json =
  (body: string, status = 200, headers: Record<string, string> = {}): Mode =>
  (response) =>
    response.writeHead(status, { 'content-type': 'application/json', ...headers }).end(body)

/** An endpoint that does what a test says, on loopback, and remembers what it was told. */
const hostile = async (name: string) => {
  const told: { path: string; method: string; headers: IncomingMessage['headers']; body: string }[] = []
  const waiting = new Set<ServerResponse>()
  let mode: Mode = json(completion({ content: words }))
  const server: Server = createServer((request, response) => {
    let body = ''
    request.setEncoding('utf8')
    request.on('error', () => {})
    response.on('error', () => {})
    request.on('data', (part: string) => (body += part))
    request.on('end', () => {
      told.push({ path: request.url!, method: request.method!, headers: request.headers, body })
      waiting.add(response)
      mode(response, request)
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  t.teardown(() => {
    server.closeAllConnections()
    return new Promise((resolve) => server.close(resolve))
  })
  return {
    name,
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1`,
    told,
    waiting,
    set: (next: Mode) => {
      mode = next
      told.length = 0
      waiting.clear()
    },
  }
}

const upstream = await hostile('upstream')
const elsewhere = await hostile('elsewhere')
const env = { ADVISOR_URL: upstream.url, ADVISOR_MODEL: 'm-1', ADVISOR_API_KEY: 'sk-canary-key', ADVISOR_POLICY_VERSION: '2026-02' }
const allowed = await openAdvisor(t, { env: { ...env, ADVISOR_PHI: 'allowed' }, adviceTimeoutMs: 15_000 })
const forbidden = await openAdvisor(t, { env, adviceTimeoutMs: 600 })
const latest = 'select outcome, reason, executed_by from audit_ai_action order by at desc, id desc'
const actions = () => allowed.rows(latest)

t.beforeEach(async () => {
  await allowed.clear()
  upstream.set(json(completion({ content: words })))
  elsewhere.set(json(completion({ content: words })))
})

t.test('the endpoint is asked once, in words alone, and its answer is text', async (t) => {
  await allowed.consent('patient-ana', ana, 'advisor')
  const { status, body } = await allowed.ask('clinician', { question, patientId: ana })
  t.equal(status, 201, JSON.stringify(body))
  t.equal(body.advice, 'Give it into the thigh [1].\n Then look again.')
  t.match(body, { advisory: true, requiresReview: true, policyVersionId: '2026-02' })
  t.equal(body.citations[0].passageId, 'anaphylaxis', 'citations are what was retrieved')
  t.equal(upstream.told.length, 1)
  const [told] = upstream.told
  t.match(told, { path: '/v1/chat/completions', method: 'POST', headers: { authorization: 'Bearer sk-canary-key' } })
  const sent = JSON.parse(told!.body)
  t.same(Object.keys(sent).sort(), ['messages', 'model', 'n', 'stream'], 'no tool is offered')
  t.match(sent, { model: 'm-1', stream: false, n: 1 })
  t.ok(sent.messages[1].content.includes(question) && sent.messages[1].content.includes(body.citations[0].text))
  t.notOk(told!.body.includes(ana), 'who the patient is stays here')
})

t.test('without an agreement no question may concern a patient', async (t) => {
  const refused = { status: 403, code: 'FORBIDDEN' }
  t.match(problemOf(await forbidden.ask('clinician', { question, patientId: ana })), refused, 'before consent is asked')
  t.match(problemOf(await forbidden.ask('clinician', { question, draftId: freshKey() })), refused, 'before the draft is looked up')
  t.equal(upstream.told.length, 0)
  t.equal((await forbidden.ask('clinician', { question })).status, 201)
})

t.test('whatever else it says is a source that failed, and stores nothing', async (t) => {
  const tool = { tool_calls: [{ id: 'c', type: 'function', function: { name: 'order', arguments: '{"drug":"morphine"}' } }] }
  const modes: Record<string, Mode> = {
    'an error': json('{"error":"no"}', 500),
    'too many': json('{"error":"no"}', 429, { 'retry-after': '1' }),
    'no JSON': json('<html>hello</html>'),
    'another media type': (response) => response.writeHead(200, { 'content-type': 'text/html' }).end(completion({ content: words })),
    'an array': json('[]'),
    'no choice': json('{"choices":[]}'),
    'two choices': json(JSON.stringify({ choices: [{ message: { content: 'a' } }, { message: { content: 'b' } }] })),
    'a call of a tool': json(completion({ content: null, ...tool }, { finish_reason: 'tool_calls' })),
    'a call of a tool beside words': json(completion({ content: words, ...tool })),
    'a call of a function': json(completion({ content: words, function_call: { name: 'order', arguments: '{}' } })),
    'a refusal': json(completion({ content: '', refusal: 'I cannot' })),
    'cut off': json(completion({ content: words }, { finish_reason: 'length' })),
    'parts instead of words': json(completion({ content: [{ type: 'text', text: words }] })),
    'nothing to see': json(completion({ content: ' \n\u200b ' })),
    'a NUL': json(completion({ content: 'a\u0000b' })),
    'a bidi override': json(completion({ content: 'a\u202eb' })),
    'more than 8 KiB': json(completion({ content: 'x'.repeat(8_193) })),
    'more than 8 KiB in UTF-8': json(completion({ content: 'é'.repeat(4_097) })),
    'far too much': (response) => {
      response.writeHead(200, { 'content-type': 'application/json' })
      const more = (): void => {
        while (!response.destroyed && response.write('x'.repeat(65_536)));
        if (!response.destroyed) response.once('drain', more)
      }
      more()
    },
    compressed: json(completion({ content: words }), 200, { 'content-encoding': 'gzip' }),
    'a redirect': (response) => response.writeHead(307, { location: `${elsewhere.url}/chat/completions` }).end(),
    'cut short': (response) => {
      response.writeHead(200, { 'content-type': 'application/json', 'content-length': '5000' })
      response.write('{"choices":', () => response.destroy())
    },
    'hung up': (response) => response.destroy(),
  }
  for (const [name, mode] of Object.entries(modes)) {
    upstream.set(mode)
    const key = freshKey()
    t.match(
      problemOf(await allowed.ask('clinician', { question }, key)),
      { status: 503, code: 'UPSTREAM_UNAVAILABLE', reason: undefined },
      name,
    )
    t.equal(upstream.told.length, 1, `${name}: it is not asked again`)
    t.match((await actions())[0], { outcome: 'UPSTREAM_UNAVAILABLE', executed_by: 'AI Agent under clinical_staff authority' }, name)
  }
  t.equal(elsewhere.told.length, 0, 'nobody else is asked')
  t.same(await allowed.rows('select from advisor_consultation'), [])
  t.same(await allowed.rows('select from host_idempotency_key'), [], 'and the key can be used again')
})

t.test('a slow one is not waited for, nor one that drips', async (t) => {
  const drip: Mode = (response) => {
    response.writeHead(200, { 'content-type': 'application/json' })
    const timer = setInterval(() => response.write(' '), 50)
    response.on('close', () => clearInterval(timer))
  }
  for (const [name, mode] of Object.entries({ silent: (() => {}) as Mode, drip })) {
    upstream.set(mode)
    const answer = await forbidden.ask('clinician', { question })
    t.match(problemOf(answer), { status: 504, code: 'UPSTREAM_UNAVAILABLE', reason: 'timeout' }, name)
  }
  t.match((await forbidden.rows(latest))[0], { outcome: 'UPSTREAM_UNAVAILABLE', reason: 'timeout' })
})

t.test('no transaction is open while it thinks, and a crowd is turned away', async (t) => {
  upstream.set(() => {})
  const asked = Array.from({ length: 20 }, () => allowed.ask('clinician', { question }))
  // Whoever is turned away has read before: only when they are gone does nobody but the sixteen work.
  let turnedAway = 0
  for (const one of asked) void one.then(() => (turnedAway += 1))
  while (upstream.waiting.size < 16 || turnedAway < 4) await new Promise((resolve) => setTimeout(resolve, 5))
  const [{ open }] = await allowed.rows(
    "select count(*)::int as open from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid() and state like 'idle in transaction%'",
  )
  t.equal(open, 0)
  t.equal((await allowed.get('clinician', '/advisor/consultations')).status, 200, 'others go on')
  for (const response of upstream.waiting) json(completion({ content: words }))(response, response.req)
  const statuses = (await Promise.all(asked)).map(({ status }) => status).sort()
  t.same(statuses, [...Array.from({ length: 16 }, () => 201), 503, 503, 503, 503])
})

t.test('what is withdrawn while it thinks stores nothing', async (t) => {
  const given = await allowed.consent('patient-ana', ana, 'advisor')
  const thinking = async (body: object, meanwhile: () => Promise<unknown>) => {
    upstream.set(() => {})
    const answer = allowed.ask('clinician', body)
    while (upstream.waiting.size < 1) await new Promise((resolve) => setTimeout(resolve, 2))
    await meanwhile()
    for (const response of upstream.waiting) json(completion({ content: words }))(response, response.req)
    return answer
  }
  const revoked = await thinking({ question, patientId: ana }, () => allowed.post('patient-ana', `/consents/${given}/revocation`, {}))
  t.match(problemOf(revoked), { status: 403, code: 'CONSENT_REQUIRED' })
  const off = await thinking({ question }, () => allowed.host.flip('USE_MEDICAL_ADVISOR', false))
  await allowed.host.flip('USE_MEDICAL_ADVISOR', true)
  t.match(problemOf(off), { status: 503, reason: 'disabled' })
  t.same(await allowed.rows('select from advisor_consultation'), [])
  t.equal((await actions())[0].outcome, 'UPSTREAM_UNAVAILABLE', 'that an agent acted is known all the same')
})

t.test('a duplicate does not ask a second time', async (t) => {
  upstream.set(() => {})
  const key = freshKey()
  const both = [allowed.ask('clinician', { question }, key), allowed.ask('clinician', { question }, key)]
  while (upstream.waiting.size < 1) await new Promise((resolve) => setTimeout(resolve, 2))
  await new Promise((resolve) => setTimeout(resolve, 50))
  for (const response of upstream.waiting) json(completion({ content: words }))(response, response.req)
  const [one, other] = await Promise.all(both)
  t.same([one!.status, other!.status, one!.text], [201, 201, other!.text])
  t.equal(upstream.told.length, 1)
  t.equal((await allowed.rows('select from advisor_consultation')).length, 1)
})

t.test('an endpoint that is down, and one elsewhere that is not https', async (t) => {
  const codes: string[] = []
  const options = { phiAllowed: false, policyVersion: 'v', report: (code: string) => void codes.push(code) }
  const down = createAdvice({ ...options, upstream: { url: 'http://127.0.0.1:1/v1', apiKey: null, model: 'm' } })
  await t.rejects(down.ask!(question, []), { code: 'UPSTREAM_UNAVAILABLE', reason: 'default' })
  t.same(codes, ['ECONNREFUSED'])
  t.throws(
    () => createAdvice({ ...options, upstream: { url: 'http://advisor.example/v1', apiKey: null, model: 'm' } }),
    /ADVISOR_URL must be https/,
  )
  const secure = createAdvice({ ...options, upstream: { url: upstream.url.replace('http:', 'https:'), apiKey: null, model: 'm' } })
  await t.rejects(secure.ask!(question, []), { code: 'UPSTREAM_UNAVAILABLE' }, 'TLS is not negotiated away')
  upstream.set(() => {})
  const closing = createAdvice({ ...options, upstream: { url: upstream.url, apiKey: null, model: 'm' } })
  const asked = closing.ask!(question, [])
  await Promise.all([t.rejects(asked, { code: 'UPSTREAM_UNAVAILABLE' }), closing.close()])
  t.equal(completionsUrl('https://a.example/v1').href, 'https://a.example/v1/chat/completions')
  t.equal(completionsUrl('https://a.example/x/chat/completions').href, 'https://a.example/x/chat/completions')
  t.equal(completionText(completion({ content: 'words', tool_calls: [] })), 'words')
})

t.test('nothing of it is in the log', async (t) => {
  const log = [...allowed.host.lines, ...forbidden.host.lines].join('').toLowerCase()
  t.match(log, /"code":"no_text"/)
  for (const canary of ['canary', 'adrenaline', 'thigh', 'morphine', 'sk-', ana]) t.notOk(log.includes(canary), canary)
})
