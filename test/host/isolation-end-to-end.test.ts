import { raw } from '@mikro-orm/core'
import { Type } from '@sinclair/typebox'
import pg from 'pg'
import t from 'tap'
import { auditInput } from '../../plugins/host/audit/index.ts'
import { contract } from '../../config/contract.ts'
import { lakeside, personaNamed, riverside } from '../../config/personas.ts'
import { ConsentRecord } from '../../domain/consent/consent.entity.ts'
import { newId } from '../../domain/shared/ids.ts'
import { contexts } from '../../plugins/contexts.ts'
import { checkDomainStatement } from '../../plugins/host/database/domain-statement.ts'
import { defineContext, type Call, type Transaction } from '../../plugins/host/define-context.ts'
import { operation } from '../../routes/shared/operation.ts'
import { testDatabase } from '../database.ts'
import { compiledCall } from '../fixtures/compiled-call.ts'
import { startHost, type CallOptions } from '../helper.ts'

// A context whose author forgot every predicate: it runs whatever the test gives it, in the host's own transaction.
type Work = (tx: Transaction, call: Call) => Promise<unknown>
let work: Work = async () => null
const result = Type.Object({ result: Type.Unknown() })
const base = { audit: 'record', summary: 'x', path: '/careless' } as const
const careless = {
  read: operation({
    ...base,
    name: 'carelessRead',
    method: 'GET',
    effect: 'read',
    audience: ['patient', 'staff'],
    scopes: ['consent:read'],
    reply: { status: 200, schema: result },
  }),
  write: operation({
    ...base,
    name: 'carelessWrite',
    method: 'POST',
    effect: 'write',
    audience: ['patient'],
    scopes: ['consent:write'],
    reply: { status: 200, schema: result },
  }),
}
const carelessContext = defineContext({
  manifest: {
    name: 'careless',
    step: null,
    audience: ['patient', 'staff'],
    effects: ['read', 'write'],
    killSwitches: [],
    capabilities: ['transaction'],
    tables: [],
    upstreamHosts: [],
  },
  setup(scope) {
    for (const declared of [careless.read, careless.write])
      scope.serve(declared, { transact: async (call, tx) => ({ body: { result: (await work(tx, call as Call)) ?? null } }) })
  },
})

const host = await startHost(t, {
  contexts: [...contexts, carelessContext],
  contract: { ...contract, approvals: [...contract.approvals, { ...carelessContext.manifest, clause: 'none' }] },
})
const connect = async (url: string): Promise<pg.Client> => {
  const client = new pg.Client({ connectionString: url, connectionTimeoutMillis: 5_000, query_timeout: 30_000 })
  client.on('error', () => {})
  await client.connect()
  t.teardown(() => client.end())
  return client
}
const superuser = await connect(host.database.superuserUrl)
const app = await connect(host.database.appUrl)
const rowsOf = async <R extends object = Record<string, unknown>>(sql: string, ...values: unknown[]): Promise<R[]> =>
  (await superuser.query(sql, values)).rows as R[]

// The same patient in both agencies, so that the agency is tried by itself; another patient in the same agency; and both at once.
const [ana, ben, cho] = ['patient-ana', 'patient-ben', 'patient-cho'].map((name) => personaNamed(name)!.patientId!) as [
  string,
  string,
  string,
]
const dee = '01920000-0000-7000-8000-c000000000dd'
const tokens = {
  ana: host.token('patient-ana'),
  anaOfLakeside: host.token('patient-ana', { claims: { agency_id: lakeside.id } }),
  ben: host.token('patient-ben'),
  cho: host.token('patient-cho'),
  dee: host.token('patient-ben', { claims: { patient_id: dee, sub: 'dee' } }),
  deeOfLakeside: host.token('patient-ben', { claims: { patient_id: dee, sub: 'dee', agency_id: lakeside.id } }),
  clinician: host.token('clinician'),
  clinicianOfLakeside: host.token('clinician', { claims: { agency_id: lakeside.id } }),
}
type Who = keyof typeof tokens
const get = (who: Who, path: string) => host.call('GET', `/api${path}`, { token: tokens[who] })
const post = (who: Who, path: string, body: object = {}, more: CallOptions = {}) =>
  host.call('POST', `/api${path}`, { token: tokens[who], body, ...more })
const send = (who: Who, conversationId: string) => post(who, `/messaging/conversations/${conversationId}/messages`, { body: 'It hurts' })

interface World {
  readonly consent: string
  readonly conversation: string
}
const made: Partial<Record<Who, World>> = {}
const foreign = (who: Who): World => made[who]!

/** A draft that the clinician wrote in the other agency. */
let lakesideDraft = ''
const draftOfCho = { patientId: cho, type: 'other', title: 'Of Lakeside', body: 'A text' }

t.before(async () => {
  await post('cho', '/consents', { patientId: cho, scope: 'clinical-documentation' })
  lakesideDraft = (await post('clinicianOfLakeside', '/clinical-drafts', draftOfCho)).json().id
  for (const [who, patientId] of [
    ['ana', ana],
    ['anaOfLakeside', ana],
    ['ben', ben],
    ['cho', cho],
    ['deeOfLakeside', dee],
  ] as const) {
    const granted = await post(who, '/consents', { patientId, scope: 'messaging' })
    const opened = await post(who, '/messaging/conversations', { patientId, subject: `Of ${who}` })
    const sent = await send(who, opened.json().id)
    if (sent.statusCode !== 201) throw new Error(`${who}: ${sent.statusCode}`)
    made[who] = { consent: granted.json().id, conversation: opened.json().id }
  }
})

const itemsOf = async (who: Who, path: string): Promise<Record<string, string>[]> => (await get(who, path)).json().items ?? []
const messagesIn = async (conversation: string): Promise<number> =>
  (await rowsOf('select from messaging_message where conversation_id = $1', conversation)).length
const statusOf = async (consent: string): Promise<unknown> =>
  (await rowsOf('select status from consent_record where id = $1', consent))[0]?.['status']

/** Is it told that there is such a conversation, even where it seems empty? */
const opens = async (conversation: string): Promise<boolean> =>
  (await get('ana', `/messaging/conversations/${conversation}/messages`)).statusCode === 200
/** Did the message arrive in somebody else's conversation, whatever was answered, or seem to? */
const intrudes = async (conversation: string): Promise<boolean> => {
  const before = await messagesIn(conversation)
  const { statusCode } = await send('ana', conversation)
  return statusCode === 201 || (await messagesIn(conversation)) > before
}
const revokes = async (consent: string): Promise<boolean> => {
  await post('ana', `/consents/${consent}/revocation`)
  return (await statusOf(consent)) !== 'active'
}

/** What the service's own operations could leak: each is true where it did. Nobody's id is a secret here. */
const attacks: Readonly<Record<string, () => Promise<boolean>>> = {
  'a clinician lists consents of another agency': async () =>
    (await itemsOf('clinician', '/consents')).some(({ agencyId }) => agencyId !== riverside.id),
  'a clinician names a patient of another agency': async () =>
    (await itemsOf('clinician', `/consents?patientId=${cho}`)).some(({ agencyId }) => agencyId !== riverside.id),
  'a clinician opens a consent of another agency': async () =>
    (await get('clinician', `/consents/${foreign('cho').consent}`)).statusCode === 200,
  'a patient lists consents of the other agency': async () =>
    (await itemsOf('ana', '/consents')).some(({ agencyId }) => agencyId !== riverside.id),
  'a patient lists consents of another patient': async () => (await itemsOf('ana', '/consents')).some(({ patientId }) => patientId !== ana),
  'a patient opens a consent of another patient': async () => (await get('ana', `/consents/${foreign('ben').consent}`)).statusCode === 200,
  'a patient opens a consent of the other agency': async () =>
    (await get('ana', `/consents/${foreign('anaOfLakeside').consent}`)).statusCode === 200,
  'a consent of the other agency permits here': async () =>
    (await get('clinician', `/consents/decision?patientId=${dee}&scope=messaging`)).json().decision === 'permit',
  'a patient lists conversations of another patient': async () =>
    (await itemsOf('ana', '/messaging/conversations')).some(({ subject }) => subject === 'Of ben'),
  'a patient lists conversations of the other agency': async () =>
    (await itemsOf('ana', '/messaging/conversations')).some(({ subject }) => subject === 'Of anaOfLakeside'),
  'a patient reads messages of another patient': async () => opens(foreign('ben').conversation),
  'a patient reads messages of the other agency': async () => opens(foreign('anaOfLakeside').conversation),
  'a patient opens a conversation on a consent of the other agency': async () =>
    (await post('dee', '/messaging/conversations', { patientId: dee, subject: 'Here' })).statusCode === 201,
  'a patient writes into the conversation of another patient': () => intrudes(foreign('ben').conversation),
  'a patient writes into a conversation of the other agency': () => intrudes(foreign('anaOfLakeside').conversation),
  'a clinician opens a draft that they wrote in another agency': async () =>
    (await get('clinician', `/clinical-drafts/${lakesideDraft}`)).statusCode === 200,
  'a clinician lists drafts that they wrote in another agency': async () =>
    (await itemsOf('clinician', '/clinical-drafts')).some(({ id }) => id === lakesideDraft),
  'a clinician reads versions of a draft that they wrote in another agency': async () =>
    (await get('clinician', `/clinical-drafts/${lakesideDraft}/revisions`)).statusCode === 200,
}
/** Those that work in a domain transaction, with predicates that no superuser can take out of the database. */
const transactionAttacks: Readonly<Record<string, () => Promise<boolean>>> = {
  'a patient revokes a consent of another patient': () => revokes(foreign('ben').consent),
  'a clinician edits a draft that they wrote in another agency': async () => {
    const edit = { token: tokens.clinician, body: draftOfCho, headers: { 'if-match': '"1"' } }
    return (await host.call('PUT', `/api/clinical-drafts/${lakesideDraft}`, edit)).statusCode !== 404
  },
  'a patient revokes a consent of the other agency': () => revokes(foreign('anaOfLakeside').consent),
}

/** Runs work in the host's transaction and gives what it gave, or the status of the refusal. */
const carelessly = async (who: Who, method: 'GET' | 'POST', todo: Work): Promise<unknown> => {
  work = todo
  const answer = await host.call(method, '/api/careless', { token: tokens[who], ...(method === 'POST' ? { body: undefined } : {}) })
  return answer.statusCode === 200 ? answer.json().result : answer.statusCode
}
const strangers = (rows: unknown, isForeign: (row: Record<string, unknown>) => boolean): boolean =>
  Array.isArray(rows) && rows.some(isForeign)
const newConsent =
  (agencyId: string, patientId: string): Work =>
  async (tx) => {
    const sql = `insert into consent_record (agency_id, id, patient_id, scope, status, granted_at, granted_by, audit_id)
    values ($1, $2, $3, 'advisor', 'active', now(), 'ana', $2)`
    await tx.sql(sql, [agencyId, newId(), patientId])
  }
const advisors = async (agencyId: string, patientId: string): Promise<number> =>
  (await rowsOf("select from consent_record where scope = 'advisor' and agency_id = $1 and patient_id = $2", agencyId, patientId)).length
const inserts = async (agencyId: string, patientId: string): Promise<boolean> => {
  await carelessly('ana', 'POST', newConsent(agencyId, patientId))
  return (await advisors(agencyId, patientId)) > 0
}
const ends = async (consent: string): Promise<boolean> => {
  await carelessly('ana', 'POST', async (tx) => {
    await tx.nativeUpdate(
      ConsentRecord,
      { id: consent },
      { status: 'inactive', revokedAt: new Date(host.clock.now()), revokedAuditId: newId() },
    )
  })
  return (await statusOf(consent)) !== 'active'
}

/** The same transactions without any predicate of their own. */
const carelessAttacks: Readonly<Record<string, () => Promise<boolean>>> = {
  'a transaction finds records of another agency': async () =>
    strangers(await carelessly('clinician', 'GET', (tx) => tx.find(ConsentRecord, {})), ({ agencyId }) => agencyId !== riverside.id),
  'a transaction finds records of another patient': async () =>
    strangers(await carelessly('ana', 'GET', (tx) => tx.find(ConsentRecord, {})), ({ patientId }) => patientId !== ana),
  'a statement reads messages of another agency': async () =>
    strangers(
      await carelessly('ana', 'GET', (tx) => tx.sql('select agency_id from messaging_message')),
      (row) => row['agency_id'] !== riverside.id,
    ),
  'a statement reads messages of another patient': async () =>
    strangers(
      await carelessly('ana', 'GET', (tx) => tx.sql('select patient_id from messaging_message')),
      (row) => row['patient_id'] !== ana,
    ),
  'a transaction ends a consent of another patient': () => ends(foreign('ben').consent),
  'a transaction ends a consent of the other agency': () => ends(foreign('anaOfLakeside').consent),
  'a statement adds a consent in another agency': () => inserts(lakeside.id, ana),
  'a statement adds a consent of another patient': () => inserts(riverside.id, ben),
}

const leaks = async (...tried: Readonly<Record<string, () => Promise<boolean>>>[]): Promise<string[]> => {
  const found: string[] = []
  for (const [name, attack] of tried.flatMap((group) => Object.entries(group))) if (await attack()) found.push(name)
  return found
}

/** Reads and writes of several patients and agencies that are worked together: all that were answered with something that is not theirs, or arrived elsewhere. */
const together = async (): Promise<string[]> => {
  const own = { ana: ['k-ana'], ben: ['k-ben'], anaOfLakeside: ['k-ana'], cho: ['k-cho'] } as const
  const first: Record<string, string> = {}
  for (const [who, [key]] of Object.entries(own)) {
    first[who] = (
      await post(who as Who, `/messaging/conversations/${foreign(who as Who).conversation}/messages`, { body: 'Once' }, { key })
    ).body
  }
  const wrong: string[] = []
  const tries = (Object.keys(own) as (keyof typeof own)[]).flatMap((who) =>
    (Object.keys(own) as (keyof typeof own)[]).flatMap((whose) => [0, 1, 2].map((n) => ({ who, whose, again: who === whose && n > 0 }))),
  )
  const attempt = async ({ who, whose, again }: (typeof tries)[number]): Promise<void> => {
    const path = `/messaging/conversations/${foreign(whose).conversation}/messages`
    const answer = await post(who, path, { body: 'Once' }, again ? { key: own[who][0] } : {})
    if (answer.statusCode !== (who === whose ? 201 : 403)) wrong.push(`${who} in the conversation of ${whose}: ${answer.statusCode}`)
    if (again && answer.body !== first[who]) wrong.push(`${who} was answered with what is not theirs`)
  }
  const look = async ({ who, whose }: (typeof tries)[number]): Promise<void> => {
    const { conversation } = foreign(whose)
    const [messages, talks] = await Promise.all([
      get(who, `/messaging/conversations/${conversation}/messages`),
      get(who, '/messaging/conversations'),
    ])
    if (messages.statusCode !== (who === whose ? 200 : 403)) wrong.push(`${who} read the conversation of ${whose}: ${messages.statusCode}`)
    const seen: string[] = [
      ...(messages.json().items ?? []).map((item: { conversationId: string }) => item.conversationId),
      ...talks.json().items.map((item: { id: string }) => item.id),
    ]
    if (seen.length === 0 || seen.some((id) => id !== foreign(who).conversation))
      wrong.push(`${who} saw ${seen.length} that are not all theirs`)
  }
  await Promise.all([...tries.map(attempt), ...tries.map(look)])
  const strayed = await rowsOf(
    'select from messaging_message m join messaging_conversation c on c.id = m.conversation_id where (c.agency_id, c.patient_id, c.created_by) is distinct from (m.agency_id, m.patient_id, m.sender_id)',
  )
  return strayed.length > 0 ? [...wrong, `${strayed.length} messages stand elsewhere`] : wrong
}

const tables = [
  'consent_record',
  'messaging_conversation',
  'messaging_message',
  'host_idempotency_key',
  'clinical_draft',
  'clinical_draft_revision',
]
const rowSecurity = async (what: 'enable' | 'disable'): Promise<void> => {
  for (const table of tables) await superuser.query(`alter table ${table} ${what} row level security`)
}

/** Every comparison of agency and patient in the compiled functions and the gates becomes true. */
const withoutPredicates = async (): Promise<string[]> => {
  const functions = await rowsOf<{ name: string; ddl: string }>(
    "select proname as name, pg_get_functiondef(oid) as ddl from pg_proc where pronamespace = 'public'::regnamespace and (proname like 'op\\_%' or proname in ('consent_decision', 'consent_permits', 'host_claim_key')) and proname not like '%\\_across' order by 1",
  )
  const changed: string[] = []
  for (const { name, ddl } of functions) {
    const bare = ddl
      .replaceAll(/\b\w\.(?:agency_id|patient_id) = (?:(?:p_|[iu]\.)(?:agency_id|patient_id|agency|subject_id|claim)|v_agency)\b/g, 'true')
      .replace('(c.expires_at is null or c.expires_at > p_at)', '(c.expires_at is null or c.expires_at > p_at) limit 1')
    if (bare !== ddl) changed.push(name)
    await superuser.query(bare)
  }
  return changed
}

/** A message is put where its conversation is, so that not even the foreign key stands in the way. */
const carelessStatement = async (): Promise<boolean> => {
  const [found] = await rowsOf<{ ddl: string }>("select pg_get_functiondef('op_send_message'::regproc) as ddl")
  const bare = found!.ddl.replace(
    'select i.agency_id, i.id, i.conversation_id, i.patient_id, i.user_id, i.body, i.at, i.audit_id from items i',
    'select o.agency_id, i.id, o.id, o.patient_id, i.user_id, i.body, i.at, i.audit_id from items i join messaging_conversation o on o.id = i.conversation_id',
  )
  await superuser.query(bare)
  return bare !== found!.ddl
}

t.test('with both layers nothing is answered or written that is not the caller’s', async (t) => {
  t.same(await leaks(attacks, transactionAttacks), [])
  t.same(await together(), [], 'many at once')
  t.equal((await itemsOf('ana', '/consents')).length, 1, 'what is theirs is')
  t.equal((await itemsOf('clinician', '/consents')).length, 2)
  t.equal((await send('ana', foreign('ana').conversation)).statusCode, 201)
})

t.test('row security alone holds where a transaction has no predicate', async (t) => {
  t.same(await leaks(carelessAttacks), [])
  t.same(await carelessly('ana', 'POST', newConsent(riverside.id, ana)), null, 'one’s own is written')
  t.equal(await advisors(riverside.id, ana), 1)
})

t.test('without row security the predicates alone hold', async (t) => {
  await rowSecurity('disable')
  t.equal((await rowsOf('select from pg_class where relname = any ($1) and relrowsecurity', tables)).length, 0)
  t.same(await leaks(attacks, transactionAttacks), [])
  t.same(await together(), [], 'many at once')
  await rowSecurity('enable')
})

t.test('without the predicates row security alone holds', async (t) => {
  const changed = [
    'consent_permits',
    'host_claim_key',
    'op_check_cms_readiness',
    'op_get_appointment',
    'op_get_clinical_draft',
    'op_get_cms_metadata',
    'op_get_consent',
    'op_get_consultation',
    'op_get_dea_metadata',
    'op_get_provider_document',
    'op_list_admin_notifications',
    'op_list_appointments',
    'op_list_clinical_draft_revisions',
    'op_list_clinical_drafts',
    'op_list_cms_metadata',
    'op_list_consents',
    'op_list_consultations',
    'op_list_conversations',
    'op_list_dea_expiration_alerts',
    'op_list_dea_metadata',
    'op_list_messages',
    'op_list_own_documents',
    'op_list_own_notifications',
    'op_list_provider_documents',
    'op_send_message',
  ]
  t.same(await withoutPredicates(), changed, 'every function that has any')
  t.same(await leaks(attacks, carelessAttacks), [])
  // Writes that are worked together share a session of their agency's patients: what keeps them apart there is ownership, and without it the foreign key.
  t.same(await together(), [], 'many at once')
  t.equal(await carelessStatement(), true)
  t.same(await leaks(attacks), [], 'nor does a statement that takes what it finds')
})

t.test('without both, every probe sees its leak: none of them passes for nothing', async (t) => {
  await rowSecurity('disable')
  t.same(await leaks(attacks), Object.keys(attacks))
  t.same(await leaks(carelessAttacks), Object.keys(carelessAttacks))
  await rowSecurity('enable')
  const again = startHost(t, { database: host.database })
  await t.rejects(
    again,
    /^The database's gates are not those of this version \(.*op_send_message.*\)\. Run: npm run migrate$/,
    'and the service would not start on this',
  )
})

const inTransaction = async (
  session: Readonly<Record<string, string>>,
  statement: string,
  values: unknown[] = [],
): Promise<pg.QueryResult> => {
  await app.query('begin')
  try {
    for (const [name, value] of Object.entries(session)) await app.query('select set_config($1, $2, true)', [name, value])
    return await app.query(statement, values)
  } finally {
    await app.query('rollback')
  }
}

t.test('a missing or malformed context is rejected with 42501, never answered as empty', async (t) => {
  const reachable = {
    postern_read: [
      'consent_record',
      'messaging_conversation',
      'messaging_message',
      'host_agency',
      'clinical_draft',
      'clinical_draft_revision',
    ],
    postern_draft: ['clinical_draft', 'clinical_draft_revision'],
    postern_gate: ['host_idempotency_key'],
    postern_audit_reader: ['audit_event', 'audit_head'],
  }
  for (const [role, names] of Object.entries(reachable)) {
    for (const name of names) {
      for (const agency of ['', 'riverside'])
        await t.rejects(
          inTransaction({ role, 'app.current_agency': agency }, `select * from ${name}`),
          { code: '42501' },
          `${name} ${agency}`,
        )
      await t.rejects(inTransaction({ role }, `select * from ${name}`), { code: '42501' }, `${name}, nothing said at all`)
    }
  }
  const page = "'9999-01-01', 'ffffffff-ffff-ffff-ffff-ffffffffffff', 51"
  await t.rejects(
    app.query(`select * from op_list_consents(null, 'user', null, null, now(), null, ${page})`),
    { code: '42501' },
    'a compiled read',
  )
  await t.rejects(app.query(`select * from op_list_conversations(null, 'user', $1, null, now(), ${page})`, [ana]), { code: '42501' })
  const item = {
    patient_id: ana,
    user_id: 'user',
    at: new Date(),
    id: newId(),
    conversation_id: foreign('ana').conversation,
    body: '\\x00',
  }
  const write = await compiledCall(superuser, 'op_send_message', item, 0)
  await t.rejects(app.query(write), { code: '42501' }, 'a compiled write')
  const plan = {
    operation: 'x',
    effect: 'read',
    patientId: null,
    userId: 'user',
    at: new Date(),
    auditId: newId(),
    ownership: null,
    consent: null,
    key: null,
    stillOn: () => true,
  } as const
  for (const agencyId of ['', 'riverside']) {
    const opened = host.parts.host.transactions.run({ ...plan, agencyId }, async (tx) => ({
      outcome: { body: await tx.find(ConsentRecord, {}) },
      audit: null,
      status: 200,
      sealed: null,
    }))
    await t.rejects(opened, { code: '42501' }, 'a domain transaction')
  }
})

t.test('nothing that a caller sends becomes the agency', async (t) => {
  const settings = `x',true),set_config('app.current_agency','${lakeside.id}',true),set_config('role','postern_admin',true)--`
  const forging = { sub: settings, 'app.current_agency': lakeside.id, agencyId: lakeside.id }
  const agenciesOf = (rows: Record<string, string>[]): string[] => [...new Set(rows.map(({ agencyId }) => agencyId!))]
  const clinician = host.token('clinician', { claims: forging })
  const listed = await host.call('GET', '/api/consents', { token: clinician })
  t.same(agenciesOf(listed.json().items), [riverside.id], 'a user id is a value')
  const patient = host.token('patient-ana', { claims: forging })
  const sent = await host.call('POST', `/api/messaging/conversations/${foreign('ana').conversation}/messages`, {
    token: patient,
    key: settings,
    body: { body: settings },
  })
  t.equal(sent.statusCode, 201, sent.body)
  t.same(await rowsOf('select agency_id, sender_id from messaging_message where id = $1', sent.json().id), [
    { agency_id: riverside.id, sender_id: settings },
  ])
  t.same(await rowsOf('select agency_id, user_id, idempotency_key from audit_event where request_id = $1', sent.headers['x-request-id']), [
    { agency_id: riverside.id, user_id: settings, idempotency_key: settings },
  ])
  const forged = {
    'app.current_agency': lakeside.id,
    app_current_agency: lakeside.id,
    agency_id: lakeside.id,
    'x-agency-id': lakeside.id,
    pgoptions: `-c app.current_agency=${lakeside.id}`,
  }
  t.same(
    agenciesOf((await host.call('GET', '/api/consents', { token: clinician, headers: forged })).json().items),
    [riverside.id],
    'headers',
  )
  for (const name of ['agencyId', 'agency_id', 'app.current_agency', 'p_agency_id', 'cursor', 'patientId']) {
    const answer = await host.call('GET', `/api/consents?${name}=${encodeURIComponent(settings)}`, { token: clinician })
    t.equal(answer.statusCode, 400, name)
  }
  for (const name of ['agencyId', 'agency_id', 'app.current_agency', 'a_agency_id', 'role', '__proto__']) {
    const body = JSON.parse(`{"body":"x","${name}":"${lakeside.id}"}`) as object
    const answer = await post('ana', `/messaging/conversations/${foreign('ana').conversation}/messages`, { ...body, [name]: lakeside.id })
    t.equal(answer.statusCode, 400, name)
  }
})

/** Ways to the session that a context's statement could take, by mistake or otherwise. */
const touching = [
  "select set_config('role', 'postern_gate', true)",
  "select SET_CONFIG('app.current_agency', $1, false)",
  "select pg_catalog.set_config('role', 'postern_gate', true)",
  "select \"set_config\"('role', 'postern_gate', true)",
  "select pg_catalog . \"set_config\" ('role', 'postern_gate', true)",
  "select U&\"set\\005Fconfig\"('role', 'postern_gate', true)",
  "select u&\"\\0073et_config\"('role', 'postern_gate', true)",
  "select U&\"!0073et_config\" UESCAPE '!' ('role', 'postern_gate', true)",
  'set role postern_gate',
  'SET LOCAL ROLE postern_gate',
  'set/**/local/**/role postern_gate',
  'set\n\trole postern_gate',
  '-- select\nset role postern_gate',
  '/* select */ set role postern_gate',
  "set app.current_agency = 'x'",
  'set session "app.current_agency" to \'x\'',
  'set app.current_agency to default',
  'reset role',
  'reset all',
  'discard all',
  'select 1; set role postern_gate',
  "select 1;set app.current_agency = 'x'",
  'do $$ begin perform 1; end $$',
  "do 'begin perform 1; end'",
  "do language plpgsql E'\\x62egin set role postern_gate; end'",
  'select $$x$$',
  'prepare p as select 1',
  'execute p',
  'begin',
  'commit',
  'savepoint s',
  'rollback to savepoint s',
  'start transaction',
  'end',
  'abort',
  'set transaction read write',
  'set constraints all deferred',
  "update pg_settings set setting = 'postern_gate' where name = 'role'",
  'update pg_catalog."pg_settings" set setting = $1 where name = \'app.current_agency\'',
  "select query_to_xml('select set_' || 'config(''role'', ''postern_gate'', true)', true, true, '')",
  "select ts_stat('select set_' || 'config(''role'', ''x'', true)::tsvector')",
  "select host_open('postern_gate', null, null, null, null, null, null, null, null, null, null)",
  'with changed as (select set_config($1, $2, true)) select 1',
  "copy consent_record to program 'true'",
  'listen everything',
  'lock table consent_record',
  'call anything()',
  'explain analyze select 1',
  '',
]
const plain = [
  'select id from consent_record where status = $1',
  ' \n  select 1 as settings, 2 as "reset", 3 as begins_at',
  'with recent as (select id from consent_record where reason is null) select count(*)::int from recent',
  "select 'a ''quoted'' word', current_setting('app.current_agency'), $1::text",
]

t.test('a statement of a context cannot touch its session', async (t) => {
  for (const statement of touching)
    t.throws(() => checkDomainStatement(statement), { message: 'a domain statement may not touch its session' }, statement)
  for (const statement of plain) t.doesNotThrow(() => checkDomainStatement(statement), statement)

  const session =
    "select current_user::text as role, current_setting('app.current_agency') as agency, current_setting('app.current_patient') as patient"
  for (const method of ['GET', 'POST'] as const) {
    const seen = await carelessly('ana', method, async (tx) => {
      for (const statement of touching)
        await Promise.resolve()
          .then(() => tx.sql(statement))
          .then(
            () => Promise.reject(new Error(statement)),
            () => null,
          )
      return tx.sql(session)
    })
    t.same(seen, [{ role: method === 'GET' ? 'postern_read' : 'postern_write', agency: riverside.id, patient: ana }], 'after every attempt')
  }
  const smuggled = 'set role postern_gate'
  t.same(
    await carelessly('ana', 'GET', (tx) => tx.sql('select $1::text as told', [smuggled])),
    [{ told: smuggled }],
    'in a parameter it is a value',
  )
})

t.test('the guard bounds mistakes: whatever gets past it, the database refuses what matters most', async (t) => {
  const session = { role: 'postern_write', 'app.current_agency': riverside.id, 'app.current_patient': '', 'app.current_actor': 'user' }
  const refused = [
    'set role postern_owner',
    'set role postern_bypass',
    'set role postgres',
    'set session authorization postern_owner',
    'set session_replication_role = replica',
    'set row_security = off; select * from consent_record',
    'alter table consent_record disable row level security',
    'alter role postern_app bypassrls',
    'drop policy consent_record_write on consent_record',
    'create function mine() returns int return 1',
    'create temporary table consent_record ()',
    'create table mine ()',
    "select pg_read_file('/etc/hostname')",
    "copy consent_record to program 'true'",
    'select * from op_list_consents(null, null, null, null, null, null, null, null, null)',
    `select audit_append_batch(0, ${Array.from({ length: auditInput.length + 2 }, () => 'null').join(', ')})`,
    'delete from consent_record',
    'truncate messaging_message',
    "update messaging_message set body = ''",
    'select * from audit_event',
    'select * from host_idempotency_key',
  ]
  for (const statement of refused) await t.rejects(inTransaction(session, statement), { code: '42501' }, statement)
  await t.rejects(
    inTransaction({ ...session, transaction_read_only: 'on' }, "select set_config('transaction_read_only', 'off', true)"),
    { code: '25001' },
    'a read stays a read',
  )

  // Past the guard by the entity manager, which takes SQL as a fragment: the agency changes in the middle of a write.
  const forge = { [raw(`set_config('app.current_agency', '${lakeside.id}', true)`)]: lakeside.id }
  const before = await advisors(lakeside.id, ana)
  const forged = await carelessly('ana', 'POST', async (tx, call) => {
    await tx.count(ConsentRecord, forge as never)
    await newConsent(lakeside.id, ana)(tx, call)
  })
  t.equal(forged, 500, 'the audit row belongs to the caller’s agency and cannot be written in another’s: nothing commits')
  t.equal(await advisors(lakeside.id, ana), before)
})

t.test('a database that is not isolated is not served from: one sentence says why', async (t) => {
  const planted: [plant: string, sentence: string][] = [
    [
      'alter table messaging_message disable row level security',
      'The database is not isolated: messaging_message has no row-level security.',
    ],
    [
      'alter table consent_record no force row level security',
      'The database is not isolated: consent_record does not force row-level security on its owner.',
    ],
    [
      'grant select on consent_record to postern_app',
      'The database is not isolated: postern_app has SELECT on consent_record, and is no role of the service.',
    ],
    [
      'grant update on audit_event to postern_audit_writer',
      'The database is not isolated: postern_audit_writer has UPDATE on audit_event, which may only grow.',
    ],
    [
      'alter policy messaging_message_read on messaging_message using (true)',
      'The database is not isolated: Policy messaging_message_read on messaging_message lets rows through by another predicate than the agency.',
    ],
    ['drop function op_send_message', "The database's gates are not those of this version (op_send_message). Run: npm run migrate"],
  ]
  const database = await testDatabase(t)
  const planter = new pg.Client({ connectionString: database.superuserUrl, connectionTimeoutMillis: 5_000 })
  planter.on('error', () => {})
  await planter.connect()
  t.teardown(() => planter.end())
  const undo: Record<string, string> = {
    'alter table messaging_message disable row level security': 'alter table messaging_message enable row level security',
    'alter table consent_record no force row level security': 'alter table consent_record force row level security',
    'grant select on consent_record to postern_app': 'revoke select on consent_record from postern_app',
    'grant update on audit_event to postern_audit_writer': 'revoke update on audit_event from postern_audit_writer',
    'alter policy messaging_message_read on messaging_message using (true)':
      'alter policy messaging_message_read on messaging_message using (agency_id = (select current_agency()))',
  }
  for (const [plant, sentence] of planted) {
    await planter.query(plant)
    await t.rejects(startHost(t, { database }), { message: sentence }, plant)
    if (undo[plant]) await planter.query(undo[plant])
  }
})
