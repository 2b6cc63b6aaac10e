import t from 'tap'
import { personaNamed } from '../../../config/personas.ts'
import { newId } from '../../../domain/shared/ids.ts'
import { type Answer, openPortal, problemOf } from '../portal.ts'

const portal = await openPortal(t)
const { host } = portal
const ana = personaNamed('patient-ana')!.patientId!
const ben = personaNamed('patient-ben')!.patientId!
const cho = personaNamed('patient-cho')!.patientId!
const author = personaNamed('clinician')!.sub
const minute = 60_000
const secret = { title: 'CANARYtitle77f1', body: 'CANARYbody77f1: short of breath since Monday' }

const note = { type: 'progress_note', title: 'Follow-up', body: 'Feels better.' }
const forAna = { patientId: ana, ...note }

const send = async (
  method: 'PUT' | 'DELETE',
  persona: string,
  path: string,
  etag: string | null,
  body?: unknown,
  token?: string,
): Promise<Answer> => {
  const headers: Record<string, string> = etag === null ? {} : { 'if-match': etag }
  const response = await host.call(method, `/api${path}`, token ? { token, headers, body } : { as: persona, headers, body })
  return {
    status: response.statusCode,
    headers: response.headers,
    text: response.body,
    body: response.body === '' ? null : JSON.parse(response.body),
  }
}
const create = (persona = 'clinician', body: object = forAna, key?: string | null): Promise<Answer> =>
  portal.post(persona, '/clinical-drafts', body, key === undefined ? {} : { key })
const started = async (body: object = forAna, persona = 'clinician'): Promise<Answer> => {
  const answer = await create(persona, body)
  if (answer.status !== 201) throw new Error(answer.text)
  return answer
}
const read = (id: string, persona = 'clinician'): Promise<Answer> => portal.get(persona, `/clinical-drafts/${id}`)
const edit = (id: string, etag: string | null, body: object = forAna, persona = 'clinician'): Promise<Answer> =>
  send('PUT', persona, `/clinical-drafts/${id}`, etag, body)
const discard = (id: string, etag: string | null, persona = 'clinician'): Promise<Answer> =>
  send('DELETE', persona, `/clinical-drafts/${id}`, etag)
const revisions = (id: string, query = '', persona = 'clinician'): Promise<Answer> =>
  portal.get(persona, `/clinical-drafts/${id}/revisions${query}`)
const list = (query = '', persona = 'clinician'): Promise<Answer> => portal.get(persona, `/clinical-drafts${query}`)
const idsOf = (answer: Answer): string[] => answer.body.items.map(({ id }: { id: string }) => id)

const patients: Record<string, string> = { 'patient-ana': ana, 'patient-ben': ben, 'patient-cho': cho }
const consents: Record<string, string> = {}
const consent = async (persona: string, more: object = {}): Promise<void> => {
  const granted = await portal.post(persona, '/consents', { patientId: patients[persona], scope: 'clinical-documentation', ...more })
  if (granted.status !== 201) throw new Error(granted.text)
  consents[persona] = granted.body.id
}
const withdraw = (persona: string): Promise<Answer> => portal.post(persona, `/consents/${consents[persona]}/revocation`, {})

const forbidden = { status: 403, code: 'FORBIDDEN' }
const unconsented = { status: 403, code: 'CONSENT_REQUIRED' }
const notFound = { status: 404, code: 'NOT_FOUND' }
const stale = { status: 412, code: 'CONFLICT', reason: 'stale' }

t.beforeEach(async () => {
  await portal.rows('truncate consent_record, clinical_draft, clinical_draft_revision')
  await portal.pass(2 * minute)
  await consent('patient-ana')
})

t.test('a clinician starts a draft, reads it, edits it and discards it', async (t) => {
  const at = new Date(portal.now()).toISOString()
  const made = await started()
  const { id } = made.body
  const draft = { id, ...forAna, status: 'draft', isDraft: true, version: 1, createdAt: at, updatedAt: at }
  t.same(made.body, draft)
  t.match(made.headers, { location: `/api/clinical-drafts/${id}`, etag: '"1"', 'x-draft': 'true' })
  const first = await read(id)
  t.same([first.status, first.body, first.headers.etag, first.headers['x-draft']], [200, draft, '"1"', 'true'])
  t.same((await list()).body, { items: [{ ...draft, etag: '"1"' }], nextCursor: null })

  await portal.pass(minute)
  const change = { patientId: ana, type: 'care_plan', title: 'Plan', body: 'Walks.\nEvery day.' }
  const edited = await edit(id, '"1"', change)
  const next = { ...draft, ...change, version: 2, updatedAt: new Date(portal.now()).toISOString() }
  t.same([edited.status, edited.body, edited.headers.etag, edited.headers['x-draft']], [200, next, '"2"', 'true'], edited.text)
  t.same((await read(id)).body, next)
  const kept = await revisions(id)
  const { createdAt: _, updatedAt, id: draftId, ...rest } = next
  const { createdAt, updatedAt: __, id: ___, ...earlier } = draft
  t.same(
    kept.body,
    {
      items: [
        { draftId, ...rest, createdAt: updatedAt },
        { draftId, ...earlier, createdAt },
      ],
      nextCursor: null,
    },
    'every version, the current one included',
  )
  t.equal(kept.headers['x-draft'], 'true')

  const gone = await discard(id, '"2"')
  t.same([gone.status, gone.text], [204, ''])
  for (const answer of [await read(id), await revisions(id), await edit(id, '"2"', change), await discard(id, '"2"')])
    t.match(problemOf(answer), notFound)
  t.same((await list()).body.items, [])
  const stored = await portal.rows('select status, version, discarded_at from clinical_draft')
  t.same(stored, [{ status: 'discarded', version: 2, discarded_at: new Date(portal.now()) }], 'kept, and marked')
  t.equal((await portal.rows('select from clinical_draft_revision')).length, 2)
})

t.test('drafts are their author’s own: everybody else is told that there is none', async (t) => {
  const { id } = (await started()).body
  const absent = newId()
  const otherAgency = host.token('clinician', { claims: { agency_id: personaNamed('patient-cho')!.agencyId } })
  const attempts = async (as: string, token: string | undefined, whose: string) => [
    await host.call('GET', `/api/clinical-drafts/${whose}`, token ? { token } : { as }),
    await host.call('GET', `/api/clinical-drafts/${whose}/revisions`, token ? { token } : { as }),
    await host.call('PUT', `/api/clinical-drafts/${whose}`, {
      ...(token ? { token } : { as }),
      body: forAna,
      headers: { 'if-match': '"1"' },
    }),
    await host.call('DELETE', `/api/clinical-drafts/${whose}`, { ...(token ? { token } : { as }), headers: { 'if-match': '"1"' } }),
  ]
  const bare = (responses: Awaited<ReturnType<typeof attempts>>) =>
    responses.map((response) => ({ ...response.json<object>(), instance: null, status: response.statusCode }))
  const wanted = bare(await attempts('clinician', undefined, absent))
  for (const one of wanted) t.match(one, notFound)
  t.same(bare(await attempts('clinician-2', undefined, id)), wanted, 'a second clinician')
  t.same(bare(await attempts('', otherAgency, id)), wanted, 'the same user in another agency')
  t.same((await list('', 'clinician-2')).body, { items: [], nextCursor: null })
  t.same((await list(`?patientId=${ana}`, 'clinician-2')).body, { items: [], nextCursor: null })
  t.same((await host.call('GET', '/api/clinical-drafts', { token: otherAgency })).json().items, [])
  t.equal((await read(id)).body.version, 1, 'and nothing has happened to it')
})

t.test('only clinicians draft: no patient, no agent, no founder, nobody else', async (t) => {
  const { id } = (await started()).body
  for (const persona of [
    'patient-ana', 'ai-agent', 'ai-agent-patient', 'founder', 'agency-admin', 'qa-reviewer', 'peer-reviewer', 'billing-staff', 'compliance-officer',
    'controlled-substance-officer', 'provider-admin', 'document-verifier', 'provider-self', 'service-procedures',
  ]) {
    const answers = [
      await list('', persona), await create(persona), await read(id, persona), await edit(id, '"1"', forAna, persona), await discard(id, '"1"', persona),
      await revisions(id, '', persona),
    ] // prettier-ignore
    for (const answer of answers) t.match(problemOf(answer), forbidden, persona)
  }
  const claims = { scope: 'consent:read appointments:read clinical:write' }
  t.equal((await host.call('GET', '/api/clinical-drafts', { token: host.token('clinician', { claims }) })).statusCode, 403, 'not without the scope')
  t.match(problemOf(await portal.get(null, '/clinical-drafts')), { status: 401, code: 'UNAUTHORIZED' })
  t.equal((await portal.rows('select from clinical_draft_revision')).length, 1)
  const logged = await portal.rows("select distinct action, outcome from audit_ai_action where action like '%ClinicalDraft%' order by 1")
  const operations = ['createClinicalDraft', 'discardClinicalDraft', 'editClinicalDraft', 'getClinicalDraft', 'listClinicalDraftRevisions', 'listClinicalDrafts']
  t.same(logged, operations.map((action) => ({ action, outcome: 'FORBIDDEN' })), 'what an agent tried is in its own log')
}) // prettier-ignore

t.test('consent is asked each time, and discarding needs none', async (t) => {
  t.match(problemOf(await create('clinician', { ...forAna, patientId: ben })), unconsented)
  await consent('patient-ben')
  const bens = (await started({ ...note, patientId: ben })).body
  const anas = (await started()).body
  for (const version of [1, 2, 3]) t.equal((await edit(anas.id, `"${version}"`)).status, 200)
  t.same(idsOf(await list()), [anas.id, bens.id])
  const page = await revisions(anas.id, '?limit=2')
  t.same(page.body.items.map(({ version }: { version: number }) => version), [4, 3]) // prettier-ignore

  await withdraw('patient-ana')
  t.match(problemOf(await read(anas.id)), unconsented)
  t.match(problemOf(await edit(anas.id, '"4"')), unconsented)
  t.match(problemOf(await edit(anas.id, '"1"')), unconsented, 'before the version is looked at')
  t.match(problemOf(await revisions(anas.id)), unconsented)
  t.match(problemOf(await revisions(anas.id, `?limit=2&cursor=${page.body.nextCursor}`)), unconsented, 'on every page')
  t.match(problemOf(await create()), unconsented)
  t.match(problemOf(await list(`?patientId=${ana}`)), unconsented, 'a request for one patient')
  t.same((await list()).body, { items: [{ ...bens, etag: '"1"' }], nextCursor: null }, 'a list drops it silently')
  t.same((await list('?limit=1')).body.nextCursor, null, 'and does not tell that there is more')
  t.match(problemOf(await list(`?patientId=${cho}`)), unconsented, 'a stranger is as one who does not consent')
  t.equal((await discard(anas.id, '"4"')).status, 204)

  await consent('patient-ana', { expiresAt: new Date(portal.now() + minute).toISOString() })
  const again = (await started()).body
  await portal.pass(minute - 1)
  t.equal((await read(again.id)).status, 200)
  await portal.pass(1)
  t.match(problemOf(await read(again.id)), unconsented, 'an expired consent')
  t.match(problemOf(await edit(again.id, '"1"')), unconsented)
  t.match(problemOf(await revisions(again.id)), unconsented)
  t.same(idsOf(await list()), [bens.id])
  for (const scope of ['messaging', 'appointments', 'advisor']) await portal.post('patient-ana', '/consents', { patientId: ana, scope })
  t.match(problemOf(await read(again.id)), unconsented, 'consent of another scope is none')
})

t.test('a replay passes every gate again, and does nothing twice', async (t) => {
  t.match(problemOf(await create('clinician', forAna, null)), { status: 400, code: 'VALIDATION_FAILED', reason: 'idempotency-key' })
  const key = newId()
  const first = await create('clinician', forAna, key)
  await portal.pass(minute)
  const second = await create('clinician', forAna, key)
  t.same([second.status, second.text, second.headers['idempotent-replayed']], [201, first.text, 'true'])
  t.match(second.headers, { etag: '"1"', 'x-draft': 'true', location: first.headers.location })
  t.match(problemOf(await create('clinician', { ...forAna, title: 'Other' }, key)), { status: 422, reason: 'key-reused' })
  t.not((await create('clinician-2', forAna, key)).body.id, first.body.id, 'a key is its user’s')
  await withdraw('patient-ana')
  t.match(problemOf(await create('clinician', forAna, key)), unconsented)
  await consent('patient-ana')
  const same = newId()
  const answers = await Promise.all(Array.from({ length: 8 }, () => create('clinician', forAna, same)))
  t.equal(new Set(answers.filter(({ status }) => status === 201).map(({ text }) => text)).size, 1)
  t.ok(answers.every(({ status, body }) => status === 201 || body.reason === 'in-flight'))
  t.equal((await portal.rows('select from clinical_draft where author_id = $1', author)).length, 2)
})

t.test('the switch stops starting and editing, never reading or discarding', async (t) => {
  const { id } = (await started()).body
  await portal.flip('USE_CLINICAL_DRAFTS', false)
  const disabled = { status: 503, code: 'UPSTREAM_UNAVAILABLE', reason: 'disabled' }
  t.match(problemOf(await create()), disabled)
  t.match(problemOf(await edit(id, '"1"')), disabled)
  for (const answer of [await read(id), await list(), await revisions(id)]) t.equal(answer.status, 200)
  t.equal((await discard(id, '"1"')).status, 204)
  await portal.flip('USE_CLINICAL_DRAFTS', true)
  t.equal((await create()).status, 201)
})

t.test('an edit names the version that it changes', async (t) => {
  const { id } = (await started()).body
  const missing = { status: 428, code: 'VALIDATION_FAILED', reason: 'precondition-required' }
  t.match(problemOf(await edit(id, null)), missing)
  t.match(problemOf(await discard(id, null)), missing)
  for (const etag of ['"2"', '"0"', '"01"', 'W/"1"', '1', '*', '"1", "2"', '"one"', '"9999999999999"']) {
    t.match(problemOf(await edit(id, etag)), stale, etag)
    t.match(problemOf(await discard(id, etag)), stale, etag)
  }
  t.equal((await edit(id, '"1"')).status, 200)
  t.match(problemOf(await edit(id, '"1"')), stale, 'once')
  t.match(problemOf(await discard(id, '"1"')), stale)
  t.equal((await portal.get('clinician', `/clinical-drafts/${id}`, { 'if-none-match': '"2"' })).status, 304)
  for (const path of [`/clinical-drafts/${id}`, '/clinical-drafts', '/me', '/appointments', '/advisor/consultations'])
    t.equal((await portal.get('clinician', path)).headers['cache-control'], 'no-store', `${path} stays out of caches`)
  t.match(problemOf(await edit(id, '"2"', { ...forAna, patientId: ben })), {
    status: 400,
    code: 'VALIDATION_FAILED',
    errors: [{ pointer: '/patientId', rule: 'unchanged' }],
  })
})

t.test('edits at once make one next version; an edit and a discard, one of them', async (t) => {
  const { id } = (await started()).body
  const edits = await Promise.all(Array.from({ length: 10 }, (_, n) => edit(id, '"1"', { ...forAna, title: `Title ${n}` })))
  const [winner, ...others] = edits.filter(({ status }) => status === 200)
  t.equal(others.length, 0)
  for (const answer of edits.filter((one) => one !== winner)) t.match(problemOf(answer), stale)
  t.same((await read(id)).body, winner!.body)
  t.equal((await revisions(id)).body.items.length, 2)

  const outcomes = await Promise.all([edit(id, '"2"'), discard(id, '"2"'), edit(id, '"2"'), discard(id, '"2"')])
  t.equal(outcomes.filter(({ status }) => status === 200 || status === 204).length, 1)
  t.ok(outcomes.every(({ status }) => [200, 204, 404, 412].includes(status)))
  t.equal((await portal.rows('select from clinical_draft d where not exists (select from clinical_draft_revision r where r.draft_id = d.id and r.version = d.version)')).length, 0)
}) // prettier-ignore

t.test('a withdrawal in the middle of things is obeyed by the next request', async (t) => {
  const { id } = (await started()).body
  const racing = await Promise.all([withdraw('patient-ana'), ...Array.from({ length: 6 }, () => read(id)), edit(id, '"1"')])
  t.ok(racing.every(({ status, body }) => status === 200 || body.code === 'CONSENT_REQUIRED'))
  t.match(problemOf(await read(id)), unconsented)
})

t.test('a bad draft is refused by pointer and rule, and stores nothing', async (t) => {
  const { title: _, ...untitled } = forAna
  const bad: [object, { pointer: string; rule: string }][] = [
    [untitled, { pointer: '/title', rule: 'required' }],
    [{ ...forAna, type: 'prescription' }, { pointer: '/type', rule: 'enum' }],
    [{ ...forAna, title: ' ' }, { pointer: '/title', rule: 'pattern' }],
    [{ ...forAna, title: '\u200b' }, { pointer: '/title', rule: 'not-blank' }],
    [{ ...forAna, body: '\u2800' }, { pointer: '/body', rule: 'not-blank' }],
    [{ ...forAna, title: 'x'.repeat(201) }, { pointer: '/title', rule: 'maxLength' }],
    [{ ...forAna, body: 'x'.repeat(20_001) }, { pointer: '/body', rule: 'maxLength' }],
    [{ ...forAna, status: 'final' }, { pointer: '', rule: 'additionalProperties' }],
    [{ ...forAna, isDraft: false }, { pointer: '', rule: 'additionalProperties' }],
  ]
  const { id } = (await started()).body
  for (const [body, error] of bad) {
    t.match(problemOf(await create('clinician', body)), { status: 400, code: 'VALIDATION_FAILED', errors: [error] }, JSON.stringify(error))
    t.match(problemOf(await edit(id, '"1"', body)), { status: 400, errors: [error] })
  }
  for (const path of ['/clinical-drafts?limit=0', '/clinical-drafts?cursor=AAAA', '/clinical-drafts?patientId=1', '/clinical-drafts?status=discarded', '/clinical-drafts/1'])
    t.equal((await portal.get('clinician', path)).status, 400, path)
  t.equal((await started({ ...forAna, title: '🫀'.repeat(200), body: '🫀'.repeat(20_000) })).status, 201, 'lengths are code points')
  t.equal((await portal.rows('select from clinical_draft_revision')).length, 2)
}) // prettier-ignore

t.test('pages hold every draft once, whatever the others do', async (t) => {
  await consent('patient-ben')
  const made: string[] = []
  for (let n = 0; n < 7; n += 1) {
    made.unshift((await started(n % 2 ? { ...note, patientId: ben } : forAna)).body.id)
    if (n === 3) await portal.pass(minute)
  }
  await started(forAna, 'clinician-2')
  const seen: string[] = []
  let cursor: string | null = ''
  while (cursor !== null) {
    const { body }: Answer = await list(`?limit=3${cursor && `&cursor=${cursor}`}`)
    seen.push(...body.items.map(({ id }: { id: string }) => id))
    cursor = body.nextCursor
  }
  t.same(seen, made)
  t.same(idsOf(await list(`?patientId=${ben}`)), made.filter((_, index) => index % 2 === 1)) // prettier-ignore
  const [first, ofBen] = [await list('?limit=3'), await list(`?limit=1&patientId=${ben}`)]
  await withdraw('patient-ben')
  const second = await list(`?limit=3&cursor=${first.body.nextCursor}`)
  t.same([idsOf(second), second.body.nextCursor], [made.slice(3).filter((_, index) => index % 2 === 1), null], 'asked again on every page')
  t.match(problemOf(await list(`?limit=1&patientId=${ben}&cursor=${ofBen.body.nextCursor}`)), unconsented, 'of one patient too')
  t.same(idsOf(await list('?limit=4')), made.filter((_, index) => index % 2 === 0)) // prettier-ignore
  t.equal((await list('?limit=4')).body.nextCursor, null)
  const { nextCursor } = (await revisions(made[0]!, '?limit=1')).body
  t.equal(nextCursor, null)
})

t.test('title and text are sealed at rest and in no log; the audit holds what was done', async (t) => {
  const before = host.lines.length
  const made = await create('clinician', { ...forAna, ...secret })
  const { id } = made.body
  const answers = [made, await read(id), await list(), await edit(id, '"1"', { ...forAna, ...secret, type: 'other' }), await revisions(id)]
  answers.push(await edit(id, '"1"', { ...forAna, ...secret }), await create('clinician', { ...forAna, ...secret, type: 'x' }), await discard(id, '"2"'))
  t.same(answers.map(({ status }) => status), [201, 200, 200, 200, 200, 412, 400, 204]) // prettier-ignore
  const tables = await portal.rows("select c.relname as name from pg_class c where c.relnamespace = 'public'::regnamespace and c.relkind = 'r'")
  for (const { name } of tables) {
    for (const row of await portal.rows(`select to_jsonb(t)::text as text from ${name} t`)) {
      for (const mark of Object.values(secret)) {
        t.notOk(row.text.includes(mark), `${name} as text`)
        t.notOk(row.text.includes(Buffer.from(mark).toString('hex')), `${name} as bytes`)
      }
    }
  }
  const sealed = await portal.rows('select title, body from clinical_draft_revision order by version')
  t.equal(sealed.length, 2)
  t.notOk(sealed[0].title.equals(sealed[1].title), 'each version under its own nonce and place')
  const lines = host.lines.slice(before).join('\n')
  for (const mark of [...Object.values(secret), ana]) t.notOk(lines.includes(mark), 'no log line')
  const wanted = ['createClinicalDraft', 'getClinicalDraft', 'listClinicalDrafts', 'editClinicalDraft', 'listClinicalDraftRevisions', 'discardClinicalDraft']
  for (const [index, answer] of answers.entries()) {
    const [row] = await portal.rows('select action, outcome, user_id, entity_id, patient_id from audit_event where request_id = $1', answer.headers['x-request-id'])
    t.equal(row?.user_id, author)
    t.ok(wanted.includes(row?.action), row?.action)
    t.equal(row.outcome, ['success', 'success', 'success', 'success', 'success', 'CONFLICT', 'VALIDATION_FAILED', 'success'][index])
    if ([0, 1, 3, 4, 7].includes(index)) t.same([row.entity_id, row.patient_id], [id, ana], row.action)
  }
  const listed = (await portal.get('compliance-officer', '/audit/events?action=listClinicalDrafts')).body.items[0]
  t.same(listed.payload.patientIds, [ana], 'a list says whose drafts it held')
  const [stored] = await portal.rows('select r.audit_id as made, d.discarded_audit_id as discarded from clinical_draft d join clinical_draft_revision r on r.draft_id = d.id where d.id = $1 and r.version = 2', id)
  for (const audit of [stored.made, stored.discarded]) t.equal((await portal.rows('select from audit_event where id = $1', audit)).length, 1)
}) // prettier-ignore

t.test('an edit that the patient no longer allows is recorded with the patient, whom only the draft names', async (t) => {
  const { id } = (await started()).body
  await withdraw('patient-ana')
  const refused = await edit(id, '"1"', { ...forAna, title: 'Later' })
  t.match(problemOf(refused), unconsented)
  const found = 'select outcome, entity_id, patient_id from audit_event where request_id = $1'
  t.same(await portal.rows(found, refused.headers['x-request-id']), [{ outcome: 'CONSENT_REQUIRED', entity_id: id, patient_id: ana }])
})

t.test('a row that was moved does not open', async (t) => {
  const { id } = (await started()).body
  const other = (await started({ ...forAna, title: 'Other' })).body
  await portal.rows('update clinical_draft_revision r set title = o.title from clinical_draft_revision o where r.draft_id = $1 and o.draft_id = $2', id, other.id)
  t.match(problemOf(await read(id)), { status: 500, code: 'INTERNAL' })
}) // prettier-ignore
