import t from 'tap'
import { personaNamed } from '../../../config/personas.ts'
import { contexts } from '../../../plugins/contexts.ts'
import { bodyLength, draftStatuses, titleLength } from '../../../domain/clinical-drafts/index.ts'
import { type Answer, openPortal } from '../portal.ts'

// MIG-03 §6.2: no finalization, no submission, no write-back. What follows looks for a way to any of them, wherever one could be.

const portal = await openPortal(t)
const { host } = portal
const ana = personaNamed('patient-ana')!.patientId!
const granted = await portal.post('patient-ana', '/consents', { patientId: ana, scope: 'clinical-documentation' })
const forAna = { patientId: ana, type: 'progress_note', title: 'Title', body: 'Body' }
const made = await portal.post('clinician', '/clinical-drafts', forAna)
const { id } = made.body
if (granted.status !== 201 || made.status !== 201) throw new Error(made.text)

const verbs = [
  'finalize', 'finalise', 'finalization', 'final', 'sign', 'signature', 'cosign', 'attest', 'submit', 'submission', 'send', 'publish', 'complete', 'approve',
  'release', 'commit', 'export', 'execute', 'authenticate', 'lock', 'file', 'write-back', 'writeback', 'status', 'amend', 'verify', 'accept', 'deliver',
] // prettier-ignore
const beyondDraft = [
  'final', 'finalized', 'signed', 'submitted', 'sent', 'published', 'completed', 'complete', 'approved', 'active', 'preliminary', 'amended', 'accepted',
  'released', 'verified', 'exported', 'pending', 'queued', 'Draft', 'DRAFT', ' draft', '',
] // prettier-ignore
const finality = /final|sign|submi|sent|send|publish|complet|approv|releas|export|attest|deliver|queue|outbox|dispatch/i

t.test('every route: six operations touch drafts, and none makes more of one', async (t) => {
  const operations = host.loaded.operations.filter(
    ({ context, operation }) => context === 'clinical-drafts' || /draft/i.test(operation.path),
  )
  t.same(operations.map(({ operation }) => `${operation.method} ${operation.path} ${operation.effect}`).sort(), [
    'DELETE /clinical-drafts/:draftId draft',
    'GET /clinical-drafts read',
    'GET /clinical-drafts/:draftId read',
    'GET /clinical-drafts/:draftId/revisions read',
    'POST /clinical-drafts draft',
    'PUT /clinical-drafts/:draftId draft',
  ])
  for (const { operation } of host.loaded.operations.filter(({ operation: one }) => one.effect === 'draft'))
    t.match(operation.path, /^\/clinical-drafts/, `${operation.name}: nobody else writes as a draft`)
  for (const { operation } of operations) {
    t.notMatch(`${operation.name} ${operation.path}`, finality)
    const fields = Object.keys((operation.body as { properties?: object } | undefined)?.properties ?? {})
    t.same(fields, operation.body ? ['patientId', 'type', 'title', 'body'] : [], `${operation.name} takes nothing else`)
  }
})

t.test('every verb on every path is unknown', async (t) => {
  const before = await portal.rows('select * from clinical_draft')
  const paths = ['/clinical-drafts', `/clinical-drafts/${id}`, `/clinical-drafts/${id}/revisions`, `/clinical-drafts/${id}/revisions/1`]
  for (const method of ['POST', 'PUT', 'PATCH', 'DELETE'] as const) {
    for (const path of paths.flatMap((base) => [base, ...verbs.map((verb) => `${base}/${verb}`)])) {
      const known = (method === 'POST' && path === paths[0]) || ((method === 'PUT' || method === 'DELETE') && path === paths[1])
      // `/clinical-drafts/finalize` is a draft of that id: the schema knows no such id.
      const asDraft = method !== 'PATCH' && method !== 'POST' && verbs.some((verb) => path === `/clinical-drafts/${verb}`)
      if (known) continue
      const headers = { 'if-match': '"1"' }
      const { statusCode } = await host.call(method, `/api${path}`, {
        as: 'clinician',
        body: method === 'DELETE' ? undefined : forAna,
        headers,
      })
      t.ok(asDraft ? statusCode === 400 : statusCode === 404 || statusCode === 405, `${method} ${path}: ${statusCode}`)
    }
  }
  t.same(await portal.rows('select * from clinical_draft'), before)
})

t.test('nothing that is sent along makes more of a draft', async (t) => {
  const further = [
    { status: 'final' }, { status: 'draft' }, { isDraft: false }, { finalize: true }, { signedBy: 'me' }, { submittedAt: '2026-01-01T00:00:00Z' }, { version: 9 },
    { authorId: 'other' }, { discardedAt: null },
  ] // prettier-ignore
  for (const more of further) {
    const answers = [
      await host.call('POST', '/api/clinical-drafts', { as: 'clinician', body: { ...forAna, ...more } }),
      await host.call('PUT', `/api/clinical-drafts/${id}`, {
        as: 'clinician',
        body: { ...forAna, ...more },
        headers: { 'if-match': '"1"' },
      }),
    ]
    for (const { statusCode } of answers) t.equal(statusCode, 400, JSON.stringify(more))
  }
  for (const query of ['?status=final', '?finalize=true', '?sign=1']) {
    const { headers } = await portal.get('clinician', `/clinical-drafts/${id}`)
    const edited = await host.call('PUT', `/api/clinical-drafts/${id}${query}`, {
      as: 'clinician',
      body: forAna,
      headers: { 'if-match': headers.etag as string },
    })
    t.equal(edited.statusCode, 400, `${query} is no parameter`)
  }
  t.same(await portal.rows('select distinct status from clinical_draft'), [{ status: 'draft' }])
})

const tables = ['clinical_draft', 'clinical_draft_revision']

t.test('every table: the database stores a draft, or a discarded one', async (t) => {
  t.same(draftStatuses, ['draft', 'discarded'])
  const refused = { code: '23514', constraint: 'clinical_draft_status' }
  for (const status of beyondDraft)
    await t.rejects(portal.rows('update clinical_draft set status = $1', status), refused, `even for a superuser: ${status}`)
  await t.rejects(portal.rows('update clinical_draft set status = null'), { code: '23502' })
  const columns = await portal.rows(
    "select table_name || '.' || column_name as name from information_schema.columns where table_schema = 'public' and table_name like 'clinical%' order by 1",
  )
  for (const { name } of columns) t.notMatch(name, finality, name)
  const known = await portal.rows("select c.relname as name from pg_class c where c.relnamespace = 'public'::regnamespace and c.relkind in ('r', 'p', 'v', 'm', 'f') and c.relname ~ 'clinical|draft'")
  t.same(known.map(({ name }) => name).sort(), tables, 'no other table, view or copy of drafts')
}) // prettier-ignore

t.test('every table: nothing elsewhere hangs on a draft, or is written when one is', async (t) => {
  const references = await portal.rows(
    "select conrelid::regclass::text as by from pg_constraint where contype = 'f' and confrelid::regclass::text = any ($1) and conrelid::regclass::text <> all ($1)", tables)
  t.same(references, [])
  const triggers = await portal.rows(
    'select distinct tgname as name from pg_trigger where tgrelid::regclass::text = any ($1) and not tgisinternal', tables)
  t.same(triggers, [{ name: 'clinical_draft_guard' }])
  const rules = await portal.rows('select rulename from pg_rules where tablename = any ($1)', tables)
  t.same(rules, [])
  const writers = await portal.rows(
    "select proname as name from pg_proc where pronamespace = 'public'::regnamespace and prosrc ~* '(insert into|update|delete from|merge into) +clinical_'")
  t.same(writers, [], 'no function of the database writes one')
  const grants = await portal.rows(
    `select grantee, table_name as table, string_agg(distinct privilege_type, ',' order by privilege_type) as may from information_schema.role_column_grants
     where table_name = any ($1) and grantee not in ('postern_owner') and grantee <> current_user and privilege_type <> 'SELECT' group by 1, 2 order by 2`, tables)
  t.same(grants, [
    { grantee: 'postern_draft', table: 'clinical_draft', may: 'INSERT,UPDATE' },
    { grantee: 'postern_draft', table: 'clinical_draft_revision', may: 'INSERT' },
  ], 'one role writes drafts, and nothing that was written changes')
  const reaches = await portal.rows(
    `select distinct table_name as table, privilege_type as may from information_schema.role_column_grants
     where grantee = 'postern_draft' and privilege_type <> 'SELECT' and table_name <> all ($1)`, tables)
  t.same(reaches, [], 'and that role writes nothing else')
}) // prettier-ignore

t.test('a draft that is written changes its own rows, its key and its audit row alone', async (t) => {
  const names = (await portal.rows("select c.relname as name from pg_class c where c.relnamespace = 'public'::regnamespace and c.relkind in ('r', 'p') and not c.relispartition")).map(({ name }) => name as string)
  const counts = async (): Promise<Record<string, number>> =>
    Object.fromEntries(
      (await portal.rows(names.map((name) => `select '${name}' as name, count(*)::int as n from ${name}`).join(' union all '))).map(({ name, n }) => [name, n]),
    )
  const before = await counts()
  const { body } = await portal.post('clinician', '/clinical-drafts', forAna)
  const put = await host.call('PUT', `/api/clinical-drafts/${body.id}`, { as: 'clinician', body: forAna, headers: { 'if-match': '"1"' } })
  const removed = await host.call('DELETE', `/api/clinical-drafts/${body.id}`, { as: 'clinician', headers: { 'if-match': '"2"' } })
  t.same([put.statusCode, removed.statusCode], [200, 204])
  const after = await counts()
  const changed = Object.fromEntries(names.filter((name) => after[name] !== before[name]).map((name) => [name, after[name]! - before[name]!]))
  t.match(changed, { clinical_draft: 1, clinical_draft_revision: 2, host_idempotency_key: 1, audit_event: 3 })
  t.same(Object.keys(changed).filter((name) => !/^(clinical_|host_idempotency_key$|audit_)/.test(name)), [])
}) // prettier-ignore

t.test('the context has nothing that it could finalize with', async (t) => {
  const { manifest } = contexts.find((context) => context.manifest.name === 'clinical-drafts')!
  t.same([manifest.effects, manifest.capabilities, manifest.upstreamHosts, manifest.killSwitches], [['read', 'draft'], ['transaction', 'fields'], [], ['USE_CLINICAL_DRAFTS']])
  t.ok(titleLength.max < bodyLength.max)
}) // prettier-ignore

t.test('every representation says that it is a draft', async (t) => {
  const get = (path: string): Promise<Answer> => portal.get('clinician', path)
  for (const path of [
    '/clinical-drafts',
    `/clinical-drafts?patientId=${ana}`,
    `/clinical-drafts/${id}`,
    `/clinical-drafts/${id}/revisions`,
  ]) {
    const answer = await get(path)
    t.equal(answer.headers['x-draft'], 'true', path)
    for (const item of answer.body.items ?? [answer.body]) t.match(item, { status: 'draft', isDraft: true }, path)
  }
  const document = (await host.app.inject('/openapi.json')).json()
  const { schema } = document.paths['/api/clinical-drafts/{draftId}'].get.responses['200'].content['application/json']
  t.match(schema.properties, { status: { enum: ['draft'] }, isDraft: { enum: [true] } }, 'and so does the documentation')
})
