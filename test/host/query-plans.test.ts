import pg from 'pg'
import t from 'tap'
import { newest } from '../../domain/shared/page.ts'
import { newId } from '../../domain/shared/ids.ts'
import { auditInput } from '../../plugins/host/audit/index.ts'
import { appendBatch, type JudgedEvent } from '../../plugins/host/audit/append-batch.ts'
import { readAiActions, readEvents } from '../../plugins/host/audit/audit-queries.ts'
import { stretchesBetween } from '../../plugins/host/audit/stretches.ts'
import { hashAt } from '../../plugins/host/audit/verify-chain.ts'
import { ownershipQuery } from '../../plugins/host/sql/ownership.ts'
import { revokeConsent } from '../../routes/consent/index.ts'
import { sendMessage } from '../../routes/messaging/index.ts'
import { testDatabase } from '../database.ts'
import { compiledCall } from '../fixtures/compiled-call.ts'
import { deaNumber, npi } from '../fixtures/dea-cms.ts'

const database = await testDatabase(t)
const client = new pg.Client({ connectionString: database.superuserUrl, connectionTimeoutMillis: 5_000, query_timeout: 60_000 })
client.on('error', () => {})
await client.connect()
t.teardown(() => client.end())

const agency = newId()
const patient = newId()
const conversation = newId()
const at = new Date()

// 10 000 rows of each kind in 25 agencies, 400 of them in the one that asks and 100 of the one patient; nothing here is about triggers.
const others = "md5('agency' || n % 24)::uuid"
const agencyOf = `case when n % 25 = 0 then '${agency}' else ${others} end`
const patientOf = `case when n % 100 = 0 then '${patient}' else gen_random_uuid() end`
const authorOf = `case when n % 100 = 0 then 'user' else 'user-' || n % 50 end`
const time = `now() - n * interval '1 s'`
/** As many numbers with their check digits. */
const numbered = (numberOf: (n: number) => string): string =>
  `unnest(array[${Array.from({ length: 10_000 }, (_, n) => `'${numberOf(n)}'`).join()}]) with ordinality v (number, n)`
const seeds = [
  'set session_replication_role = replica',
  `insert into host_agency (id, name) select distinct ${agencyOf}, 'x' from generate_series(1, 100) n`,
  `insert into host_agency (id, name) select gen_random_uuid(), 'x' from generate_series(1, 500)`,
  `insert into consent_record (agency_id, id, patient_id, scope, status, granted_at, granted_by, audit_id)
   select ${agencyOf}, gen_random_uuid(), ${patientOf}, 'messaging', case when n % 100 = 0 and n > 100 then 'inactive' else 'active' end, ${time}, 'x', gen_random_uuid()
   from generate_series(1, 10000) n`,
  `insert into messaging_conversation (agency_id, id, patient_id, subject, created_at, created_by, audit_id)
   select ${agencyOf}, gen_random_uuid(), ${patientOf}, 'x', ${time}, 'x', gen_random_uuid() from generate_series(1, 10000) n`,
  `insert into messaging_conversation (agency_id, id, patient_id, subject, created_at, created_by, audit_id)
   values ('${agency}', '${conversation}', '${patient}', 'x', now(), 'x', gen_random_uuid())`,
  `insert into messaging_message (agency_id, id, conversation_id, patient_id, sender_id, body, created_at, audit_id)
   select ${agencyOf}, gen_random_uuid(), case when n % 100 = 0 then '${conversation}' else gen_random_uuid() end, ${patientOf}, 'x', 'x', ${time}, gen_random_uuid()
   from generate_series(1, 10000) n`,
  `insert into host_idempotency_key (agency_id, user_id, operation, key, fingerprint, status, response, audit_id, created_at, expires_at)
   select ${agencyOf}, 'user-' || n % 50, 'sendMessage', 'key-' || n, 'x', 201, 'x', gen_random_uuid(), ${time}, now() + (n - 2000) * interval '1 minute' from generate_series(1, 10000) n`,
  `insert into audit_head (agency_id, lane, seq, hash)
   select distinct agency_id, lane, 400, sha256('x') from host_idempotency_key, generate_series(0, 40) lane`,
  `insert into audit_event (agency_id, id, lane, seq, at, action, outcome, user_id, entity_id, bypass, hash)
   select ${agencyOf}, gen_random_uuid(), n % 4, n / 4, ${time}, 'action-' || n % 20, case when n % 50 = 0 then 'FORBIDDEN' else 'success' end,
     'user-' || n % 50, md5((n % 100)::text), false, sha256('x')
   from generate_series(1, 10000) n`,
  `insert into audit_ai_action (agency_id, id, at, executed_by, agent_id, action, outcome)
   select ${agencyOf}, gen_random_uuid(), ${time}, 'x', 'x', 'x', 'success' from generate_series(1, 10000) n`,
  `insert into clinical_draft (agency_id, id, patient_id, author_id, status, version, created_at, updated_at, audit_id)
   select ${agencyOf}, md5('draft' || n)::uuid, ${patientOf}, ${authorOf}, 'draft', 1 + n % 3, ${time}, ${time}, gen_random_uuid() from generate_series(1, 10000) n`,
  `insert into clinical_draft_revision (agency_id, draft_id, version, patient_id, author_id, type, title, body, created_at, audit_id)
   select agency_id, id, v, patient_id, author_id, 'other', 'x', 'x', created_at, audit_id from clinical_draft d, generate_series(1, d.version) v`,
  `insert into advisor_consultation (agency_id, id, author_id, patient_id, draft_id, question, advice, citations, source, policy_version_id, created_at, audit_id)
   select agency_id, id, author_id, patient_id, id, 'x', 'x', 'x', 'retrieval', 'x', created_at, audit_id from clinical_draft`,
  `insert into advisor_review (agency_id, consultation_id, author_id, decision, reviewed_at, audit_id)
   select agency_id, id, author_id, 'accepted', created_at, audit_id from advisor_consultation`,
  `insert into consent_record (agency_id, id, patient_id, scope, status, granted_at, granted_by, audit_id)
   select '${agency}', gen_random_uuid(), '${patient}', scope, 'active', now(), 'x', gen_random_uuid() from unnest(array['clinical-documentation', 'advisor']) scope`,
  `insert into dea_registrant_metadata (agency_id, id, version, created_at, updated_at, audit_id, registrant_name, dea_registration_number,
     authorized_schedules, registration_status, issue_date, expiration_date)
   select ${agencyOf}, gen_random_uuid(), 1, ${time}, ${time}, gen_random_uuid(), 'x', number, array['II'], 'active', '2020-01-01',
     current_date + (n % 400)::int from ${numbered(deaNumber)}`,
  `insert into cms_enrollment_metadata (agency_id, id, version, created_at, updated_at, audit_id, npi_reference, enrollment_status,
     payer_participation_status)
   select ${agencyOf}, gen_random_uuid(), 1, ${time}, ${time}, gen_random_uuid(), number, 'active', '{}' from ${numbered(npi)}`,
  'set session_replication_role = origin',
  'analyze host_agency, consent_record, messaging_conversation, messaging_message, host_idempotency_key, audit_head',
  'analyze clinical_draft, clinical_draft_revision, advisor_consultation, advisor_review',
  'analyze dea_registrant_metadata, cms_enrollment_metadata',
  // Of the audit's months those with rows, as the server does by itself; of an empty table it keeps no figures.
  `do $$ declare p text; begin
     for p in select tableoid::regclass from audit_event union select tableoid::regclass from audit_ai_action loop execute 'analyze ' || p; end loop;
   end $$`,
]

const plans: string[] = []
const ready = (async () => {
  for (const sql of seeds) await client.query(sql)
  // Every statement that runs from here on tells its plan, those inside functions and foreign keys too; the login is the service's own.
  for (const sql of [
    "load 'auto_explain'",
    'set auto_explain.log_min_duration = 0',
    'set auto_explain.log_nested_statements = on',
    'set auto_explain.log_parameter_max_length = 0',
    'set auto_explain.log_level = notice',
    'set session authorization postern_app',
    // What the login is set to do wherever it connects.
    'set plan_cache_mode = force_generic_plan',
  ])
    await client.query(sql)
  client.on('notice', ({ message }) => void plans.push(message ?? ''))
})()

/** The plans of everything that some work runs, by the text of each statement. Nothing of it stays. */
const plansOf = async (work: () => Promise<unknown>): Promise<{ text: string; plan: string }[]> => {
  plans.length = 0
  await client.query('begin')
  try {
    await work()
  } finally {
    await client.query('rollback')
  }
  return plans
    .map((message) => /plan:\nQuery Text: ([^]*?)\n((?:[A-Z][\w ]*(?: on [^\n]*| using [^\n]*)?  \(cost)[^]*)$/.exec(message))
    .filter((match) => match !== null)
    .map(([, text, plan]) => ({ text: text!.replaceAll(/\s+/g, ' ').trim(), plan: plan! }))
    .filter(({ text }) => !/\bfrom pg_/.test(text))
}

/** Whether a page is sorted and does not come in its order: of a long list all would be fetched for it, whatever the planner expects. */
const sorts = ({ text, plan }: { text: string; plan: string }): boolean => text.includes('p_row_limit') && /\bSort  \(/.test(plan)
/** These sort no more than the page that they have fetched, or one record. */
const sortsItsPage = new Set(['listClinicalDraftRevisions', 'listDeaExpirationAlerts', 'checkCmsReadiness'])

const leading = new Map<string, string>()
const leadingColumn = async (): Promise<void> => {
  const { rows } = await client.query<{ name: string; column: string }>(
    "select i.indexrelid::regclass::text as name, a.attname as column from pg_index i join pg_attribute a on a.attrelid = i.indrelid and a.attnum = i.indkey[0] join pg_class c on c.oid = i.indrelid where c.relnamespace = 'public'::regnamespace",
  )
  for (const { name, column } of rows) leading.set(name, column)
}

/** What a plan does that it must not: reads a whole table, or comes by an index that does not begin with the agency. */
const faultsOf = ({ text, plan }: { text: string; plan: string }): string[] => {
  // A sequence is one row.
  const faults = [...plan.matchAll(/Seq Scan on (?!host_switch_moves)(\w+)/g)].map(([, table]) => `reads all of ${table}`)
  for (const [, index, table] of plan.matchAll(/Index (?:Only )?Scan(?: Backward)? using (\w+) on (\w+)/g)) {
    if (leading.get(index!) !== (table === 'host_agency' ? 'id' : 'agency_id')) faults.push(`comes by ${index}`)
  }
  for (const [, index] of plan.matchAll(/Bitmap Index Scan on (\w+)/g))
    if (leading.get(index!) !== 'agency_id') faults.push(`comes by ${index}`)
  return faults.map((fault) => `${text.slice(0, 120)}: ${fault}`)
}

const session = (role: string, patientId = '') =>
  client.query(
    "select set_config('role', $1, true), set_config('app.current_agency', $2, true), set_config('app.current_patient', $3, true)",
    [role, agency, patientId],
  )

/** A draft of the one who asks, and what they asked about it. */
const draft = (await client.query<{ id: string }>("select md5('draft100')::uuid as id")).rows[0]!.id

const position = [new Date(newest.at), newest.id, 51]
const reading = (name: string, patientId: string | null, consentPatientId: string | null, args: readonly unknown[]) =>
  client.query(`select * from ${name}(${[...Array(5 + args.length).keys()].map((n) => `$${n + 1}`).join(', ')})`, [
    agency,
    'user',
    patientId,
    consentPatientId,
    at,
    ...args,
  ])
const read =
  (name: string, patientId: string | null, ...args: unknown[]) =>
  () =>
    reading(name, patientId, null, args)
/** Asked about one patient, whose consent is needed. */
const readAbout = (name: string, ...args: unknown[]) => {
  return () => reading(name, null, patient, [patient, ...args])
}

const item = {
  agency_id: agency,
  patient_id: patient,
  user_id: 'user',
  at,
  within_limits: true,
  key: 'a-key',
  fingerprint: Buffer.alloc(32),
  expires_at: new Date(Date.now() + 1e6),
  status: 201,
  response: Buffer.from('x'),
}
/** One claim in sixteen sweeps: those whose audit id ends low. */
const sweeping = (): string => `${newId().slice(0, -2)}00`
const write = (name: string, own: Record<string, unknown>) => async () => {
  const text = await compiledCall(client, name, { ...item, audit_id: sweeping(), id: newId(), a_bypass: false, ...own }, 3)
  plans.length = 0
  const { rows } = await client.query(text)
  // A row with a number is of an item that met something else than success; what went through leaves its new head.
  if (rows.length !== 1 || rows[0].n !== null) throw new Error(JSON.stringify(rows))
  return text
}
const ofDatabase = (name: string, ...values: unknown[]) =>
  client.query(`select * from ${name}(${values.map((_, n) => `$${n + 1}`).join(', ')})`, values)
const opened = [
  'postern_write',
  patient,
  'messaging',
  agency,
  'user',
  'grantConsent',
  'key',
  Buffer.alloc(32),
  newId(),
  at,
  new Date(Date.now() + 1e6),
]
const audited: Record<string, unknown> = { id: newId(), agency_id: agency, at, action: 'x', bypass: false }
const judged = {
  ...Object.fromEntries(auditInput.map(({ name }) => [name, audited[name] ?? null])),
  outcome: 'FORBIDDEN',
  reason: null,
} as unknown as JudgedEvent
const closed = [
  3,
  'success',
  null,
  'user',
  'grantConsent',
  'key',
  201,
  Buffer.from('x'),
  ...auditInput.map(({ name }) => audited[name] ?? null),
]
const ownership = (gate: typeof sendMessage.ownership) => client.query(ownershipQuery(gate!), [agency, conversation, patient])
const filter = { before: { at: new Date(newest.at), id: newest.id }, limit: 51 }
const auditor = (work: () => Promise<unknown>) => async () => {
  await session('postern_audit_reader')
  return work()
}

/** Each hot path, and what must stand in its plans: so that no statement is missed because it ran by another way. */
const paths: readonly [name: string, work: () => Promise<unknown>, nodes: readonly string[]][] = [
  ['listConsents of a patient', read('op_list_consents', patient, patient, ...position), ['on consent_record']],
  ['listConsents of an agency', read('op_list_consents', null, null, ...position), ['on consent_record']],
  ['getConsent', read('op_get_consent', patient, newId()), ['on consent_record']],
  ['getConsentDecision', read('op_get_consent_decision', null, patient, 'messaging'), ['on consent_record']],
  ['listConversations', read('op_list_conversations', patient, ...position), ['on messaging_conversation']],
  ['listMessages', read('op_list_messages', patient, conversation, ...position), ['on messaging_conversation', 'on messaging_message']],
  [
    'listClinicalDrafts',
    read('op_list_clinical_drafts', null, null, ...position),
    ['using clinical_draft_open on clinical_draft', 'on clinical_draft_revision', 'on consent_record'],
  ],
  [
    'listClinicalDrafts of a patient',
    readAbout('op_list_clinical_drafts', ...position),
    ['using clinical_draft_open_of_patient on clinical_draft', 'on clinical_draft_revision', 'on consent_record'],
  ],
  [
    'getClinicalDraft',
    read('op_get_clinical_draft', null, draft),
    ['on clinical_draft o', 'on clinical_draft_revision', 'on consent_record'],
  ],
  [
    'listClinicalDraftRevisions',
    read('op_list_clinical_draft_revisions', null, draft, newest.at, 51),
    ['on clinical_draft o', 'using clinical_draft_revision_pkey', 'on consent_record'],
  ],
  [
    'listConsultations',
    read('op_list_consultations', null, ...position),
    ['using advisor_consultation_of_author on advisor_consultation', 'on advisor_review', 'on consent_record'],
  ],
  ['getConsultation', read('op_get_consultation', null, draft), ['on advisor_consultation o', 'on advisor_review', 'on consent_record']],
  ['listDeaMetadata', read('op_list_dea_metadata', null, ...position), ['using dea_registrant_metadata_of_agency']],
  [
    'listDeaExpirationAlerts',
    read('op_list_dea_expiration_alerts', null, '2200-01-01', '1970-01-01', newest.id, 51),
    ['dea_registrant_metadata_expiring'],
  ],
  ['listCmsMetadata', read('op_list_cms_metadata', null, ...position), ['using cms_enrollment_metadata_of_agency']],
  ['checkCmsReadiness', read('op_check_cms_readiness', null, null, ...position), ['using cms_enrollment_metadata_of_agency']],
  [
    'whose draft it is',
    async () => {
      await session('postern_advise')
      await client.query("select set_config('app.current_actor', 'user', true)")
      await ofDatabase('host_own_draft', 'postern_advise', agency, 'user', draft, 'clinical-documentation', at)
    },
    ['using clinical_draft_of_author on clinical_draft', 'on consent_record'],
  ],
  [
    'sendMessage',
    write('op_send_message', { conversation_id: conversation, body: Buffer.from('x') }),
    [
      'on messaging_conversation o',
      'on consent_record',
      'Insert on host_idempotency_key',
      'Delete on host_idempotency_key',
      'Insert on messaging_message',
      'on messaging_conversation x',
      'on audit_head',
      'Update on audit_head',
      'Insert on audit_event',
    ],
  ],
  [
    'createConversation',
    write('op_create_conversation', { subject: Buffer.from('x') }),
    ['on consent_record', 'Insert on messaging_conversation', 'on host_agency x'],
  ],
  [
    'a key that is there already',
    async () => {
      await session('postern_gate')
      await ofDatabase('host_claim_key', agency, 'user-0', 'sendMessage', 'key-5000', Buffer.from('x'), 201, null, null, at, at)
    },
    ['Insert on host_idempotency_key', 'using host_idempotency_key_pkey'],
  ],
  [
    'a key that has expired',
    async () => {
      await session('postern_gate')
      await ofDatabase('host_claim_key', agency, 'user-25', 'sendMessage', 'key-25', Buffer.from('x'), 201, null, null, at, at)
    },
    ['Insert on host_idempotency_key', 'Delete on host_idempotency_key'],
  ],
  [
    'a domain transaction',
    async () => {
      await session('postern_write', patient)
      await ofDatabase('host_open', ...opened)
      await ownership(revokeConsent.ownership)
      await ownership(sendMessage.ownership)
      await ofDatabase('host_close', ...closed)
    },
    [
      'on consent_record c',
      'Insert on host_idempotency_key',
      'on consent_record o',
      'on messaging_conversation o',
      'Update on host_idempotency_key',
      'Update on audit_head',
      'Insert on audit_event',
    ],
  ],
  [
    'a group of refusals and reads',
    () =>
      appendBatch(
        client,
        3,
        [
          { ...judged, agent_id: 'x' },
          { ...judged, id: newId() },
        ],
        10_000,
      ),
    ['LockRows', 'Update on audit_head', 'Insert on audit_event', 'Insert on audit_ai_action'],
  ],
  ['audit: all events', auditor(() => readEvents(client, agency, filter)), ['on audit_event_']],
  ['audit: by action', auditor(() => readEvents(client, agency, { ...filter, action: 'action-5' })), ['on audit_event_', 'action = ']],
  [
    'audit: by several actions',
    auditor(() => readEvents(client, agency, { ...filter, actions: ['action-5', 'action-10'] })),
    ['on audit_event_', 'action = '],
  ],
  [
    'audit: several actions on one record',
    auditor(() => readEvents(client, agency, { ...filter, actions: ['action-5'], entity: 'x' })),
    ['on audit_event_', 'entity_id = '],
  ],
  ['audit: by actor', auditor(() => readEvents(client, agency, { ...filter, actor: 'user-25' })), ['on audit_event_', 'user_id = ']],
  ['audit: by entity', auditor(() => readEvents(client, agency, { ...filter, entity: 'x' })), ['on audit_event_', 'entity_id = ']],
  ['audit: refused', auditor(() => readEvents(client, agency, { ...filter, outcome: 'FORBIDDEN' })), ['on audit_event_', 'outcome = ']],
  [
    'audit: of an hour',
    auditor(() => readEvents(client, agency, { ...filter, from: new Date(Date.now() - 3.6e6), to: at })),
    ['on audit_event_', 'at >= '],
  ],
  ['audit: AI actions', auditor(() => readAiActions(client, agency, filter)), ['on audit_ai_action_']],
  [
    'audit: an export’s stretches',
    auditor(() => stretchesBetween(client, agency, new Date(Date.now() - 3.6e6), undefined)),
    ['on audit_event_'],
  ],
  ['audit: one row of a chain', auditor(() => hashAt(client, { agencyId: agency, lane: 0 }, 50)), ['on audit_event_']],
  [
    'the agency’s modules',
    auditor(async () => (await session('postern_read'), client.query('select modules from host_agency where id = $1', [agency]))),
    ['on host_agency'],
  ],
]

t.test('every hot statement comes by an index that begins with the agency, and reads no table whole', async (t) => {
  await ready
  await leadingColumn()
  for (const [name, work, nodes] of paths) {
    const seen = await plansOf(work)
    const whole = seen.map(({ plan }) => plan).join('\n')
    for (const node of nodes) t.ok(whole.includes(node), `${name}: ${node}`, { seen })
    t.same(seen.flatMap(faultsOf), [], `${name}: ${seen.length} statements`, { plans: seen })
    if (!sortsItsPage.has(name)) t.same(seen.filter(sorts), [], `${name}: comes in its order`)
  }
})

t.test('a founder’s read across agencies comes in its order by an index, and neither sorts nor reads a table whole', async (t) => {
  await ready
  for (const [name, work, index] of [
    ['op_list_dea_metadata_across', read('op_list_dea_metadata_across', null, ...position), 'dea_registrant_metadata_newest'],
    [
      'op_list_dea_expiration_alerts_across',
      read('op_list_dea_expiration_alerts_across', null, '2200-01-01', '1970-01-01', newest.id, 51),
      'dea_registrant_metadata_soonest',
    ],
    ['op_list_cms_metadata_across', read('op_list_cms_metadata_across', null, ...position), 'cms_enrollment_metadata_newest'],
    ['op_check_cms_readiness_across', read('op_check_cms_readiness_across', null, null, ...position), 'cms_enrollment_metadata_newest'],
  ] as const) {
    const seen = await plansOf(async () => {
      await client.query('reset session authorization')
      await client.query('set local session authorization postern_bypass')
      await work()
    })
    t.match(seen.map(({ plan }) => plan).join('\n'), `using ${index} on`, name, { seen })
    t.same(
      seen.flatMap(faultsOf).filter((fault) => fault.includes('reads all of')),
      [],
      `${name} reads no table whole`,
    )
  }
  await client.query('set session authorization postern_app')
})

/** The plans of a list after something was planted, which does not stay. */
const listed = async (...planted: string[]) => {
  const seen = await plansOf(async () => {
    await client.query('reset session authorization')
    for (const sql of planted) await client.query(sql)
    await client.query('set local session authorization postern_app')
    return read('op_list_messages', patient, conversation, ...position)()
  })
  await client.query('set session authorization postern_app')
  return seen
}

t.test('a page of a long list comes in its order where the planner expects little of the list', async (t) => {
  await ready
  // A conversation has one agency and one patient; the planner takes the three for independent, and expects a row where there are a thousand.
  const long = [
    'set local session_replication_role = replica',
    'delete from messaging_message',
    `insert into messaging_message (agency_id, id, conversation_id, patient_id, sender_id, body, created_at, audit_id)
     select md5('a' || n % 20)::uuid, gen_random_uuid(), md5('c' || n % 20)::uuid, md5('p' || n % 20)::uuid, 'x', 'x', now() - random() * interval '1 day', gen_random_uuid()
     from generate_series(1, 20000) n`,
    'analyze messaging_message',
  ]
  const seen = await listed(...long)
  t.ok(seen.some(({ plan }) => plan.includes('Scan Backward using messaging_message_of_conversation')))
  t.same(seen.filter(sorts), [])
})

t.test('a statement that has lost its index is found out', async (t) => {
  const bare = ['drop index messaging_message_of_conversation', 'alter table messaging_message drop constraint messaging_message_pkey']
  t.match((await listed(...bare)).flatMap(faultsOf), [/: reads all of messaging_message$/])
  const byTime = 'create index by_time on messaging_message (created_at, id)'
  t.match((await listed(...bare, byTime, 'set local enable_seqscan = off', 'set local enable_sort = off')).flatMap(faultsOf), [
    /: comes by by_time$/,
  ])
})
