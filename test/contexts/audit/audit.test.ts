import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import pg from 'pg'
import t from 'tap'
import { verifyExport } from '../../../plugins/cli/verify-export.mjs'
import { personaNamed } from '../../../config/personas.ts'
import { startHost, type TestHost } from '../../helper.ts'

interface Event {
  id: string
  at: string
  action: string
  outcome: string
  userId: string | null
  payload: unknown
  count: number | null
  accessReason: string | null
  bypass: boolean
  chain: { lane: number; seq: number; hash: string }
}

const events = async (host: TestHost, query = '', as = 'compliance-officer'): Promise<Event[]> => {
  const answer = await host.call('GET', `/api/audit/events${query}`, { as })
  if (answer.statusCode !== 200) throw new Error(answer.body)
  return answer.json().items
}

const ana = personaNamed('patient-ana')!

const shared = await startHost(t)

t.test('an auditor sees every attempt, allowed or refused, with its payload, and nobody else does', async (t) => {
  const host = shared
  const grant = { patientId: ana.patientId, scope: 'messaging' }
  t.equal(
    (await host.call('POST', '/api/messaging/conversations', { as: 'patient-ana', body: { patientId: ana.patientId, subject: 'MARKED' } }))
      .statusCode,
    403,
  )
  t.equal((await host.call('POST', '/api/consents', { as: 'patient-ana', body: grant })).statusCode, 201)
  t.equal(
    (await host.call('POST', '/api/messaging/conversations', { as: 'patient-ana', body: { patientId: ana.patientId, subject: 'MARKED' } }))
      .statusCode,
    201,
  )
  t.equal((await host.call('GET', '/api/consents', { as: 'patient-cho' })).statusCode, 200)

  const seen = await events(host)
  t.match(
    seen.map(({ action, outcome, userId }) => [action, outcome, userId]),
    [
      ['createConversation', 'success', ana.sub],
      ['grantConsent', 'success', ana.sub],
      ['createConversation', 'CONSENT_REQUIRED', ana.sub],
    ],
  )
  t.match(JSON.stringify(seen[0]!.payload), 'MARKED')
  t.match(
    (await events(host)).map(({ action }) => action),
    ['listAuditEvents', 'createConversation'],
    'reading the audit is audited',
  )
  t.match(await events(host, '', 'compliance-officer-lakeside'), [{ action: 'listConsents' }], 'each agency sees its own')
  t.match(await events(host, '?action=grantConsent&outcome=success'), [{ action: 'grantConsent' }])
  t.equal((await events(host, `?actor=${ana.sub}&outcome=CONSENT_REQUIRED`)).length, 1)

  for (const path of ['events', 'events/export', 'ai-actions', 'verification']) {
    for (const as of ['patient-ana', 'agency-admin', 'clinician', 'billing-staff', 'provider-self', 'ai-agent', 'service-procedures']) {
      t.equal((await host.call('GET', `/api/audit/${path}`, { as })).statusCode, 403, `${as} ${path}`)
    }
    t.equal((await host.call('GET', `/api/audit/${path}`)).statusCode, 401)
  }
})

t.test('pages follow one another without gap or repetition', async (t) => {
  const host = shared
  for (let n = 0; n < 12; n += 1) {
    await host.call('GET', '/api/consents', { as: 'patient-ana' })
    if (n % 3 === 0) host.clock.advance(1)
  }
  const all = await events(host, '?action=listConsents&limit=100')
  t.equal(all.length, 12)
  const paged: Event[] = []
  let cursor: string | null = ''
  while (cursor !== null) {
    const page: { items: Event[]; nextCursor: string | null } = (
      await host.call('GET', `/api/audit/events?action=listConsents&limit=5${cursor && `&cursor=${cursor}`}`, { as: 'compliance-officer' })
    ).json()
    paged.push(...page.items)
    cursor = page.nextCursor
  }
  t.same(paged, all)
  for (const [query, pointer] of [
    ['cursor=x', '/query/cursor'],
    ['from=yesterday', '/query/from'],
    ['from=2026-02-30T00:00:00Z', '/query/from'],
    ['outcome=maybe', '/query/outcome'],
    ['unknown=1', 'additionalProperties'],
    ['from=2026-01-02T00:00:00Z&to=2026-01-01T00:00:00Z', '/query/to'],
  ] as const) {
    const refused = await host.call('GET', `/api/audit/events?${query}`, { as: 'compliance-officer' })
    t.equal(refused.statusCode, 400, query)
    t.match(JSON.stringify(refused.json()), new RegExp(pointer.split('/').pop()!), query)
  }
})

t.test('verification: valid at first, and what a superuser did is named', async (t) => {
  const host = await startHost(t)
  for (let n = 0; n < 3; n += 1) await host.call('GET', '/api/consents', { as: 'patient-ana' })
  await host.parts.audit.checkpoint()
  const found = await host.call('GET', '/api/audit/verification', { as: 'compliance-officer' })
  t.equal(found.statusCode, 200)
  t.match(found.json(), { valid: true, checkpoint: { signedAt: String }, checkedAt: new Date(host.clock.now()).toISOString() })
  t.ok(found.json().rows >= 4)
  t.ok(found.json().checkpoint.matched > 0)
  t.equal(found.json().firstBreak, undefined)
  const [victim] = await events(host, '?action=listConsents')
  const superuser = new pg.Client({ connectionString: host.database.superuserUrl })
  await superuser.connect()
  await superuser.query('alter table audit_event disable trigger all')
  await superuser.query("update audit_event set outcome = 'FORBIDDEN' where id = $1", [victim!.id])
  await superuser.end()
  const broken = (await host.call('GET', '/api/audit/verification', { as: 'compliance-officer' })).json()
  t.match(broken, { valid: false, firstBreak: { kind: 'changed', id: victim!.id, lane: victim!.chain.lane, seq: victim!.chain.seq } })
  t.match((await host.call('GET', '/api/audit/verification', { as: 'compliance-officer-lakeside' })).json(), { valid: true })
})

t.test('an export downloads, is audited, and checks offline', async (t) => {
  const host = shared
  await host.call('GET', '/api/consents', { as: 'patient-ana' })
  await host.parts.audit.checkpoint()
  const answer = await host.call('GET', '/api/audit/events/export', { as: 'compliance-officer' })
  t.equal(answer.statusCode, 200)
  t.match(answer.headers, {
    'content-type': /^application\/x-ndjson/,
    'content-disposition': /^attachment; filename="audit-[0-9a-f-]{36}-beginning-\d{4}-\d\d-\d\d\.ndjson"$/,
  })
  const found = await verifyExport(answer.body.split('\n'))
  t.match(found, { valid: true, sealed: true })
  t.ok(found.rows >= 1)
  t.match((await events(host, '?action=exportAuditEvents'))[0], { outcome: 'success' })
  t.equal((await host.call('GET', '/api/audit/events/export?to=never', { as: 'compliance-officer' })).statusCode, 400)
})

t.test('AI actions: what agents did and were refused', async (t) => {
  const host = shared
  await host.call('GET', '/api/consents', { as: 'ai-agent' })
  await host.call('GET', '/api/messaging/conversations', { as: 'ai-agent-patient' })
  const actions = (await host.call('GET', '/api/audit/ai-actions', { as: 'compliance-officer' })).json().items
  t.match(actions, [
    { action: 'listConversations', outcome: 'FORBIDDEN', executedBy: 'AI Agent under patient authority' },
    {
      action: 'listConsents',
      outcome: 'success',
      executedBy: 'AI Agent under clinical_staff authority',
      agentId: String,
      policyVersionId: String,
    },
  ])
})

t.test('a founder reads another agency’s audit with a reason, and both agencies can tell', async (t) => {
  const host = shared
  const lakeside = personaNamed('compliance-officer-lakeside')!.agencyId
  const headers = { 'x-agency': lakeside, 'x-access-reason': 'Quarterly review of the audit trail' }
  t.equal((await host.call('GET', '/api/audit/events', { as: 'founder', headers })).statusCode, 200)
  const [seen] = await events(host, '?action=listAuditEvents', 'compliance-officer-lakeside')
  t.match(seen, { bypass: true, accessReason: 'Quarterly review of the audit trail', userId: personaNamed('founder')!.sub })
})

t.test('what no string may hold is refused in a query as well', async (t) => {
  for (const [text, rule] of [
    ['%00', 'no-nul'],
    ['a%09b', 'no-control'],
    ['%E2%80%AEx', 'no-bidi-override'],
  ]) {
    const answer = await shared.call('GET', `/api/audit/events?actor=${text}`, { as: 'compliance-officer' })
    t.match(answer.json(), { status: 400, code: 'VALIDATION_FAILED', errors: [{ pointer: '/query/actor', rule }] })
  }
})

t.test('each observed flip of a switch stands in the platform’s chain', async (t) => {
  const client = new pg.Client({ connectionString: shared.database.superuserUrl })
  await client.connect()
  t.teardown(() => client.end())
  const flips = async (): Promise<unknown[]> =>
    (await client.query("select agency_id, entity_type, entity_id, outcome from audit_event where action = 'flag.flip'")).rows
  const before = (await flips()).length
  await shared.flip('USE_CHAT_WRITES', false)
  await shared.flip('USE_CHAT_WRITES', true)
  let seen = await flips()
  for (let tries = 0; tries < 200 && seen.length < before + 2; tries += 1) seen = await flips()
  const row = { agency_id: '00000000-0000-0000-0000-000000000000', entity_type: 'flag', entity_id: 'USE_CHAT_WRITES', outcome: 'success' }
  t.same(seen.slice(before), [row, row])
})

t.test('audit:verify, as an operator runs it', async (t) => {
  const host = shared
  await host.call('GET', '/api/consents', { as: 'patient-ana' })
  await host.parts.audit.checkpoint()
  const command = fileURLToPath(new URL('../../../plugins/cli/audit-verify.ts', import.meta.url))
  const env = {
    PATH: process.env.PATH,
    NODE_ENV: 'test',
    DATA_DIR: host.dataDir,
    DATABASE_URL: host.database.appUrl,
    DATABASE_MIGRATION_URL: host.database.ownerUrl,
  }
  const run = (...more: string[]) =>
    new Promise<{ code: number; out: string; err: string }>((resolve) => {
      execFile(process.execPath, [command, ...more], { env }, (error, out, err) => resolve({ code: Number(error?.code ?? 0), out, err }))
    })
  const { code, out, err } = await run()
  t.equal(code, 0, err)
  t.match(JSON.parse(out), { valid: true, checkpoint: { unknownKeys: 0 } })
  t.match(JSON.parse((await run('--agency', ana.agencyId)).out), { valid: true })
})
