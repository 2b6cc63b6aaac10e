import { Migration } from '@mikro-orm/migrations'
import { Type } from '@sinclair/typebox'
import type { LightMyRequestResponse } from 'fastify'
import pg from 'pg'
import t from 'tap'
import { contract } from '../../config/contract.ts'
import { lakeside, personaNamed, personas, riverside } from '../../config/personas.ts'
import { newId, platformAgency } from '../../domain/shared/ids.ts'
import { contexts } from '../../plugins/contexts.ts'
import { createAgencyLookup } from '../../plugins/host/agencies.ts'
import { checkOperation } from '../../plugins/host/contract-check.ts'
import { defineContext, readStatement, tenantTable, writeStatement } from '../../plugins/host/define-context.ts'
import { recordRead } from '../../plugins/host/handlers/record-read.ts'
import { RequestCall } from '../../plugins/host/request-call.ts'
import { compileAll } from '../../plugins/host/sql/install.ts'
import { prepareDatabase } from '../../plugins/prepare-database.ts'
import { operation } from '../../routes/shared/operation.ts'
import { testDatabase } from '../database.ts'
import { expectedAcrossAgencies } from '../fixtures/operation-expectations.ts'
import { startHost, type CallOptions } from '../helper.ts'

// No operation of the service lets a founder write yet: this context stands for those that will, one of each kind.
const noteBody = Type.Object({ text: Type.String() }, { additionalProperties: false })
const notes = Type.Object({ items: Type.Array(Type.Object({ agencyId: Type.String(), text: Type.String(), role: Type.String() })) })
const common = { audience: ['staff'], scopes: ['agency:admin'], audit: 'record', entity: { type: 'note' } } as const
const reply = { status: 201, schema: Type.Object({ id: Type.String() }) } as const
const addNote = operation({
  ...common,
  name: 'addNote',
  summary: 'x',
  method: 'POST',
  path: '/notes',
  effect: 'write',
  body: noteBody,
  reply,
})
const transactNote = operation({
  ...common,
  name: 'transactNote',
  summary: 'x',
  method: 'POST',
  path: '/notes/transacted',
  effect: 'write',
  body: noteBody,
  reply,
})
const listNotes = operation({
  ...common,
  name: 'listNotes',
  summary: 'x',
  method: 'GET',
  path: '/notes',
  effect: 'read',
  acrossAgencies: true,
  query: Type.Object({ text: Type.Optional(Type.String()) }, { additionalProperties: false }),
  reply: { status: 200, schema: notes },
})

class Notes extends Migration {
  override up(): void {
    this.addSql(
      'create table note (agency_id uuid not null, id uuid not null, text text not null, audit_id uuid not null, primary key (agency_id, id))',
    )
    for (const sql of tenantTable({ table: 'note', grants: { read: ['select'], write: ['select', 'insert'] }, bypass: true }))
      this.addSql(sql)
  }
}

const addNoteStatement = writeStatement({
  operation: addNote,
  columns: { id: 'uuid', text: 'text' },
  sql: 'insert into note (agency_id, id, text, audit_id) select i.agency_id, i.id, i.text, i.audit_id from items i',
})
const listNotesStatement = readStatement({
  operation: listNotes,
  args: { text: 'text' },
  returns: { agency_id: 'uuid', text: 'text', role: 'text' },
  sql: 'select n.agency_id, n.text, current_user::text from note n where {{agency n}} and (p_text is null or n.text = p_text) order by n.id',
})

const noteContext = defineContext({
  manifest: {
    name: 'note',
    step: null,
    audience: ['staff'],
    effects: ['read', 'write'],
    killSwitches: [],
    capabilities: ['transaction'],
    tables: ['note'],
    upstreamHosts: [],
  },
  migrations: [{ name: 'note-0001', class: Notes }],
  statements: [addNoteStatement, listNotesStatement],
  setup(scope) {
    scope.serve(addNote, {
      statement: addNoteStatement,
      prepare: ({ body, auditId }) => ({
        row: { id: auditId, text: body.text, agency_id: riverside.id },
        outcome: { body: { id: auditId } },
      }),
    })
    scope.serve(transactNote, {
      transact: async ({ agencyId, auditId, body }, tx) => {
        await tx.sql('insert into note (agency_id, id, text, audit_id) values ($1, $2, $3, $2)', [agencyId, auditId, body.text])
        const [session] = await tx.sql<{ id: string }>("select current_user || ' ' || current_setting('app.current_agency') as id")
        return { body: session!, entityId: auditId }
      },
    })
    scope.serve(listNotes, {
      query: listNotesStatement,
      args: ({ query }) => ({ text: query.text ?? null }),
      present: (rows) => ({
        body: { items: rows.map((row) => ({ agencyId: row.agency_id as string, text: row.text as string, role: row.role as string })) },
      }),
    })
  },
})
const approval = { ...noteContext.manifest, clause: 'none' }
const service = { contexts: [...contexts, noteContext], contract: { ...contract, approvals: [...contract.approvals, approval] } }

const database = await testDatabase(t)
await prepareDatabase(database.ownerUrl, service.contexts)
const host = await startHost(t, { ...service, database })
const superuser = new pg.Client({ connectionString: database.superuserUrl, connectionTimeoutMillis: 5_000, query_timeout: 30_000 })
superuser.on('error', () => {})
await superuser.connect()
t.teardown(() => superuser.end())

const reason = 'Looking into a reported outage of Lakeside'
const entering = (agency: string, why: string = reason) => ({ 'x-agency': agency, 'x-access-reason': why })
const get = (path: string, headers: Record<string, string> = {}, as = 'founder') => host.call('GET', `/api${path}`, { as, headers })
const post = (path: string, headers: Record<string, string>, more: CallOptions = {}) =>
  host.call('POST', `/api${path}`, { as: 'founder', body: { text: 'a note' }, headers, ...more })

interface Event {
  readonly id: string
  readonly agency_id: string
  readonly action: string
  readonly outcome: string
  readonly bypass: boolean
  readonly payload: Buffer | null
}

/** What a request left in the audit, by agency. */
const eventsOf = async (response: LightMyRequestResponse): Promise<Event[]> => {
  const sql = 'select id, agency_id, action, outcome, bypass, payload from audit_event where request_id = $1 order by agency_id'
  return (await superuser.query<Event>(sql, [response.headers['x-request-id']])).rows
}
const trace = async (response: LightMyRequestResponse) =>
  (await eventsOf(response)).map(({ agency_id, action, outcome, bypass }) => [agency_id, action, outcome, bypass])
const problemOf = ({ statusCode, body }: LightMyRequestResponse) => [statusCode, JSON.parse(body).code, JSON.parse(body).reason ?? null]
const agenciesIn = (response: LightMyRequestResponse): string[] =>
  [...new Set<string>(response.json().items.map((item: { agencyId: string }) => item.agencyId))].sort()

const patientOf = (persona: string): string => personaNamed(persona)!.patientId!
t.before(async () => {
  for (const as of ['patient-ana', 'patient-cho']) {
    const granted = await host.call('POST', '/api/consents', { as, body: { patientId: patientOf(as), scope: 'messaging' } })
    if (granted.statusCode !== 201) throw new Error(granted.body)
  }
})

t.test('without the header a founder works in the agency of the token', async (t) => {
  const listed = await get('/consents', { 'x-access-reason': reason })
  t.same(agenciesIn(listed), [riverside.id])
  t.same(await trace(listed), [[riverside.id, 'listConsents', 'success', false]])
  const added = await post('/notes', {})
  t.same(await trace(added), [[riverside.id, 'addNote', 'success', false]])
})

t.test('X-Agency with a reason: that agency, under the ordinary role, and its trail says so', async (t) => {
  const listed = await get('/consents', entering(lakeside.id))
  t.equal(listed.statusCode, 200, listed.body)
  t.same(agenciesIn(listed), [lakeside.id])
  t.same(await trace(listed), [[lakeside.id, 'listConsents', 'success', true]], 'one row, and none at home')
  t.same(agenciesIn(await get('/consents', entering(lakeside.id.toUpperCase()))), [lakeside.id])
  t.same(
    await trace(await get('/consents', entering(riverside.id))),
    [[riverside.id, 'listConsents', 'success', true]],
    'their own, entered, counts',
  )

  const added = await post('/notes', entering(lakeside.id))
  t.equal(added.statusCode, 201, added.body)
  t.same(await trace(added), [[lakeside.id, 'addNote', 'success', true]], 'a compiled write')
  const transacted = await post('/notes/transacted', entering(lakeside.id))
  t.same(await trace(transacted), [[lakeside.id, 'transactNote', 'success', true]], 'a domain transaction')
  t.equal(transacted.json().id, `postern_write ${lakeside.id}`)
  const stored = await superuser.query(
    'select n.agency_id, e.bypass from note n join audit_event e on e.id = n.audit_id and e.agency_id = n.agency_id where n.id = any ($1)',
    [[added.json().id, (await eventsOf(transacted))[0]!.id]],
  )
  t.same(
    stored.rows,
    Array(2).fill({ agency_id: lakeside.id, bypass: true }),
    'rows of that agency, each with its audit row; a context’s own agency_id counts for nothing',
  )
  const notes = (await get('/notes', entering(lakeside.id))).json().items
  t.same(notes, Array(2).fill({ agencyId: lakeside.id, text: 'a note', role: 'postern_read' }))

  const refused = await get(`/consents/${newId()}`, entering(lakeside.id))
  t.same(problemOf(refused), [404, 'NOT_FOUND', null])
  t.same(await trace(refused), [[lakeside.id, 'getConsent', 'NOT_FOUND', true]], 'what was refused inside it, too')

  const key = 'one-key'
  const [here, there] = [await post('/notes', {}, { key }), await post('/notes', entering(lakeside.id), { key })]
  t.same([here.statusCode, there.statusCode, there.headers['idempotent-replayed']], [201, 201, undefined], 'a key holds in one agency')
  const again = await post('/notes', entering(lakeside.id), { key })
  t.same([again.headers['idempotent-replayed'], again.body], ['true', there.body])
  t.same(await trace(again), [[lakeside.id, 'addNote', 'replayed', true]])
})

t.test('the reason is sealed in the trail of the agency concerned, and nowhere else', async (t) => {
  const why = 'Because the auditor of Lakeside asked for it: Prüfung 7'
  const listed = await get('/consents', entering(lakeside.id, Buffer.from(why).toString('latin1')))
  const [event] = await eventsOf(listed)
  t.ok(event!.payload!.length > why.length)
  t.notOk(event!.payload!.includes('Lakeside'), 'not in plain text')
  const shown = (await get('/audit/events?limit=5', {}, 'compliance-officer-lakeside'))
    .json()
    .items.find(({ id }: { id: string }) => id === event!.id)
  t.match(shown, {
    accessReason: why,
    bypass: true,
    role: 'founder',
    userId: personaNamed('founder')!.sub,
    action: 'listConsents',
    agencyId: lakeside.id,
  })
  t.notMatch(host.lines.join('\n'), /Prüfung|PrÃ¼fung|auditor of/)
})

t.test('X-Agency: * reads through the bypass login, and leaves a row in each agency that was read', async (t) => {
  const across = entering('*')
  const declared = host.loaded.operations
    .filter(({ operation: { acrossAgencies } }) => acrossAgencies)
    .map(({ operation: { name } }) => name)
  t.same(declared.filter((name) => name !== 'listNotes').sort(), [...expectedAcrossAgencies].sort())

  const listed = await get('/consents', across)
  t.same(agenciesIn(listed), [riverside.id, lakeside.id])
  t.same(await trace(listed), [
    [riverside.id, 'listConsents', 'success', true],
    [lakeside.id, 'listConsents', 'success', true],
  ])
  t.equal(new Set((await eventsOf(listed)).map(({ id }) => id)).size, 2, 'each row has an id of its own')
  for (const { payload } of await eventsOf(listed)) t.ok(payload, 'and its sealed reason')

  const ofCho = await get(`/consents?patientId=${patientOf('patient-cho')}`, across)
  t.same(await trace(ofCho), [[lakeside.id, 'listConsents', 'success', true]], 'agencies that were not read learn nothing')
  const one = await get(`/consents/${ofCho.json().items[0].id}`, across)
  t.same([one.statusCode, one.json().agencyId], [200, lakeside.id])
  t.same(await trace(one), [[lakeside.id, 'getConsent', 'success', true]])
  const nobody = await get(`/consents?patientId=${newId()}`, across)
  t.same(
    [nobody.json().items, await trace(nobody)],
    [[], [[platformAgency, 'listConsents', 'success', true]]],
    'where nobody is concerned, the platform',
  )
  t.same(await trace(await get(`/consents/${newId()}`, across)), [[platformAgency, 'getConsent', 'NOT_FOUND', true]])

  const notes = (await get('/notes', across)).json().items as { agencyId: string; role: string }[]
  t.same([...new Set(notes.map(({ role }) => role))], ['postern_bypass'], 'the bypass login, which may only select')
  t.equal(new Set(notes.map(({ agencyId }) => agencyId)).size, 2)
})

t.test('X-Agency: * in the audit', async (t) => {
  const listed = await get('/audit/events?limit=100', entering('*'))
  t.equal(listed.statusCode, 200, listed.body)
  t.same(agenciesIn(listed), [platformAgency, riverside.id, lakeside.id])
  const times = listed.json().items.map(({ at }: { at: string }) => at)
  t.same(times, times.toSorted().toReversed(), 'one list, the newest first')
  t.ok(listed.json().items.every(({ readable }: { readable: boolean }) => readable))
  t.same(
    await trace(listed),
    [platformAgency, riverside.id, lakeside.id].map((agency) => [agency, 'listAuditEvents', 'success', true]),
  )
  const first = await get('/audit/events?limit=2&action=listConsents', entering('*'))
  const second = await get(`/audit/events?limit=2&action=listConsents&cursor=${first.json().nextCursor}`, entering('*'))
  const ids = [...first.json().items, ...second.json().items].map(({ id }: { id: string }) => id)
  t.equal(new Set(ids).size, 4, 'pages go on across agencies')

  await get('/consents', {}, 'ai-agent')
  await host.call('GET', '/api/consents', { token: host.token('ai-agent', { claims: { agency_id: lakeside.id } }) })
  const actions = await get('/audit/ai-actions', entering('*'))
  t.same(agenciesIn(actions), [riverside.id, lakeside.id])
  t.same(agenciesIn(await get('/audit/ai-actions', entering(lakeside.id))), [lakeside.id])

  t.same(agenciesIn(await get('/audit/events', entering(lakeside.id))), [lakeside.id])
  t.same(agenciesIn(await get('/audit/events', entering(platformAgency))), [platformAgency], 'the platform’s own trail can be entered')
})

t.test('what cannot be read across agencies, or is no read, is refused', async (t) => {
  for (const path of [
    `/consents/decision?patientId=${patientOf('patient-ana')}&scope=messaging`,
    '/audit/verification',
    '/audit/events/export',
  ]) {
    const refused = await get(path, entering('*'))
    t.same(problemOf(refused), [403, 'FORBIDDEN', null], path)
    t.same(
      (await trace(refused)).map(([agency, , , bypass]) => [agency, bypass]),
      [[riverside.id, false]],
      'nothing was entered',
    )
  }
  const before = (await superuser.query('select count(*) from note')).rows
  for (const path of ['/notes', '/notes/transacted']) t.same(problemOf(await post(path, entering('*'))), [403, 'FORBIDDEN', null], path)
  t.same((await superuser.query('select count(*) from note')).rows, before, 'and nothing was written')
})

t.test('without a reason, or into no agency', async (t) => {
  const tried: [headers: Record<string, string>, reason: string | null][] = [
    [{ 'x-agency': lakeside.id }, 'access-reason'],
    [{ 'x-agency': '*' }, 'access-reason'],
    [entering(lakeside.id, 'x'.repeat(19)), 'access-reason'],
    [entering(lakeside.id, ` ${'x'.repeat(19)} `), 'access-reason'],
    [entering('*', 'x'.repeat(501)), 'access-reason'],
    [entering('Lakeside'), null],
    [entering(''), null],
    [entering(`${riverside.id}, ${lakeside.id}`), null],
    [entering(newId()), null],
  ]
  for (const [headers, why] of tried) {
    const refused = await get('/consents', headers)
    t.same(problemOf(refused), [400, 'VALIDATION_FAILED', why], JSON.stringify(headers))
    t.same(await trace(refused), [[riverside.id, 'listConsents', 'VALIDATION_FAILED', false]], 'nothing was entered')
  }
  t.same(
    (await get('/consents', entering(newId()))).json().errors,
    [{ pointer: '/headers/x-agency', rule: 'agency' }],
    'an agency that nobody added',
  )
  t.equal((await get('/consents', entering(lakeside.id, 'x'.repeat(20)))).statusCode, 200)
  t.same(
    problemOf(await post('/notes', entering(platformAgency))),
    [400, 'VALIDATION_FAILED', null],
    'nobody writes into the platform’s own',
  )
})

t.test('everybody else who sends it is refused, into their own agency too', async (t) => {
  const readable: Record<string, string> = {
    clinician: '/consents',
    'compliance-officer': '/audit/events',
    'patient-ana': '/consents',
    'ai-agent': '/consents',
  }
  for (const { persona, agencyId } of personas.filter((one) => one.persona !== 'founder')) {
    const path = readable[persona] ?? '/consents'
    for (const agency of [lakeside.id, riverside.id, '*', 'nonsense']) {
      const refused = await get(path, entering(agency), persona)
      t.same(problemOf(refused), [403, 'FORBIDDEN', null], `${persona} ${agency}`)
      if (agency === '*')
        t.same(
          (await trace(refused)).map(([where, , , bypass]) => [where, bypass]),
          [[agencyId, false]],
        )
    }
    if (readable[persona]) t.equal((await get(path, {}, persona)).statusCode, 200, `${persona} without it`)
  }
  const agent = host.token('founder', { claims: { act: { sub: 'assistant' }, policy_version_id: 'v1' } })
  t.same(
    problemOf(await host.call('GET', '/api/consents', { token: agent, headers: entering(lakeside.id) })),
    [403, 'FORBIDDEN', null],
    'an agent of the founder is no founder',
  )
  t.same(problemOf(await host.call('GET', '/api/consents', { headers: entering('*') })), [401, 'UNAUTHORIZED', null])
})

t.test('what an operation must be to be read across agencies', async (t) => {
  const { manifest } = noteContext
  const known = new Set(['agency:admin'])
  const across = { ...transactNote, acrossAgencies: true }
  const transact = { transact: async () => ({ body: null }) }
  t.throws(() => checkOperation(manifest, across, transact, known), {
    message: 'FusionEMS part 2: transactNote would change something across agencies.',
  })
  const read = { ...listNotes, name: 'readNotes' }
  t.throws(() => checkOperation(manifest, read, transact, known), {
    message: 'FusionEMS part 2: readNotes is read across agencies, and a domain transaction works in one.',
  })
  const nameless = readStatement({ ...listNotesStatement, returns: { text: 'text' } })
  t.throws(() => compileAll([nameless]), { message: 'listNotes reads across agencies and must return agency_id: its audit names them.' })

  const recorded: { id: string; agencyId: string }[] = []
  const record = async (facts: { id: string; agencyId: string }): Promise<void> => void recorded.push(facts)
  const call = new RequestCall(listNotes, newId(), '127.0.0.1', Date.now(), 0)
  call.scope = { agencyId: null, bypass: true, accessReason: reason }
  const agencies = Array.from({ length: 129 }, () => newId())
  const concerning = (ids: string[]) => recordRead({ audit: { record } } as never, call, {} as never, { body: null }, ids)
  await concerning(agencies.slice(1))
  t.same(
    recorded.splice(0).map(({ agencyId }) => agencyId),
    agencies.slice(1),
  )
  await concerning(agencies)
  t.same(
    recorded.map(({ agencyId }) => agencyId),
    [platformAgency],
    'more than a page can concern are not written one by one',
  )

  const unreachable = createAgencyLookup({ connect: () => Promise.reject(new Error('down')) } as never)
  await t.rejects(
    async () => unreachable(lakeside.id),
    { code: 'UPSTREAM_UNAVAILABLE' },
    'an agency that cannot be looked up is not entered',
  )
})

t.test(
  'no row in the audit, no bypass: with the store broken nothing is read and nothing written, and afterwards it is as before',
  async (t) => {
    const functions = 'audit_append, audit_append_batch, audit_append_columns'
    const callers = 'postern_app, postern_audit_writer'
    const state = async () =>
      (await superuser.query('select (select count(*) from note) as notes, (select count(*) from audit_event where bypass) as rows')).rows
    const { rows: granted } = await superuser.query<{ ddl: string }>(
      `select format('grant execute on function %s to %s', p.oid::regprocedure, string_agg(g.grantee::regrole::text, ', ')) as ddl
     from pg_proc p, aclexplode(p.proacl) g where p.proname = any ($1) and g.grantee <> p.proowner group by p.oid`,
      [functions.split(', ')],
    )
    const before = await state()
    await superuser.query(`revoke execute on function ${functions} from ${callers}`)
    const paths = host.loaded.operations.filter(({ operation: { acrossAgencies, path } }) => acrossAgencies && !path.includes(':'))
    for (const { operation: declared } of paths) {
      for (const agency of ['*', lakeside.id]) {
        const refused = await get(declared.path, entering(agency))
        t.same(problemOf(refused), [503, 'UPSTREAM_UNAVAILABLE', null], `${declared.name} ${agency}`)
        t.notMatch(refused.body, /agencyId|items/, 'and nothing comes along')
      }
    }
    for (const path of ['/notes', '/notes/transacted']) t.equal((await post(path, entering(lakeside.id))).statusCode, 503, path)
    t.same(await state(), before, 'no note, and no row that could speak of one')
    for (const { ddl } of granted) await superuser.query(ddl)
    t.ok(paths.length >= 3)
    const listed = await get('/consents', entering('*'))
    t.equal(listed.statusCode, 200, listed.body)
    t.same(await trace(listed), [
      [riverside.id, 'listConsents', 'success', true],
      [lakeside.id, 'listConsents', 'success', true],
    ])
  },
)

t.test('without a bypass login, * is unavailable and the rest works', async (t) => {
  const without = await startHost(t, { ...service, database, env: { DATABASE_BYPASS_URL: '' } })
  const read = (path: string, headers: Record<string, string>) => without.call('GET', `/api${path}`, { as: 'founder', headers })
  for (const path of ['/consents', '/notes', '/audit/events', '/audit/ai-actions']) {
    const refused = await read(path, entering('*'))
    t.same(problemOf(refused), [503, 'UPSTREAM_UNAVAILABLE', null], path)
    t.match(await trace(refused), [[platformAgency, /^list/, 'UPSTREAM_UNAVAILABLE', true]])
  }
  t.same(agenciesIn(await read('/consents', entering(lakeside.id))), [lakeside.id])

  const wrong = startHost(t, { ...service, database, env: { DATABASE_BYPASS_URL: database.superuserUrl } })
  await t.rejects(wrong, { message: 'The database is not isolated: The bypass is connected as postgres: it must be postern_bypass.' })
})

t.test('a token of an agency that nobody added is refused, in the platform’s chain', async (t) => {
  const host = await startHost(t)
  const stranger = newId()
  const token = host.token('patient-ana', { claims: { agency_id: stranger } })
  const answer = await host.call('GET', '/api/messaging/conversations', { token })
  t.equal(answer.statusCode, 403)
  const client = new pg.Client({ connectionString: host.database.superuserUrl })
  await client.connect()
  t.teardown(() => client.end())
  const { rows } = await client.query<{ agency_id: string; outcome: string }>(
    "select agency_id, outcome from audit_event where action = 'listConversations'",
  )
  t.same(rows, [{ agency_id: platformAgency, outcome: 'FORBIDDEN' }])
})
