import t from 'tap'
import { lakeside, personaNamed, riverside } from '../../../config/personas.ts'
import { newId } from '../../../domain/shared/ids.ts'
import { decodeCursor } from '../../../domain/shared/page.ts'
import { appointmentOf, importResources, type Visit } from '../../fixtures/appointments.ts'
import { type Answer, openPortal, problemOf } from '../portal.ts'

const portal = await openPortal(t)
const { host } = portal
const [ana, ben, cho] = ['patient-ana', 'patient-ben', 'patient-cho'].map((name) => personaNamed(name)!.patientId!) as [
  string,
  string,
  string,
]
const [robin, kim] = ['clinician', 'clinician-2'].map((name) => personaNamed(name)!.providerId!) as [string, string]
const day = 24 * 3600 * 1000
const known = new Date(portal.now()).toISOString()
const midnight = Math.floor(portal.now() / day) * day
const at = (days: number, hour = 9): string => new Date(midnight + days * day + hour * 3_600_000).toISOString()

const visits: Visit[] = [
  { id: 'ana-robin-1', patientId: ana, providerId: robin, start: at(-3), status: 'fulfilled' },
  { id: 'ana-robin-2', patientId: ana, providerId: robin, start: at(1), status: 'booked' },
  { id: 'ana-kim', patientId: ana, providerId: kim, start: at(2), status: 'waitlist' },
  { id: 'ben-robin', patientId: ben, providerId: robin, start: at(3), status: 'cancelled' },
  { id: 'ben-kim', patientId: ben, providerId: kim, start: at(4), status: 'noshow' },
]
await importResources(host, visits.map(appointmentOf), riverside.id, known)
await importResources(host, [appointmentOf({ id: 'cho-robin', patientId: cho, providerId: robin, start: at(1) })], lakeside.id, known)

const shown = (id: string) => {
  const { patientId, providerId, start, status } = visits.find((visit) => visit.id === id)!
  const end = new Date(Date.parse(start) + 1_800_000).toISOString()
  return { id, patientId, providerIds: [providerId], status, start, end, redacted: false }
}
const slot = (id: string) => {
  const { status, start, end } = shown(id)
  return { status, start, end, redacted: true }
}
const list = (persona: string, query = ''): Promise<Answer> => portal.get(persona, `/appointments${query}`)
const itemsOf = async (persona: string, query = ''): Promise<unknown[]> => {
  const answer = await list(persona, query)
  if (answer.status !== 200) throw new Error(`${persona} ${query}: ${answer.text}`)
  return answer.body.items
}
const consents: Record<string, string> = {}
const consent = async (persona: string, more: object = {}): Promise<void> => {
  const { patientId } = personaNamed(persona)!
  const granted = await portal.post(persona, '/consents', { patientId, scope: 'appointments', ...more })
  consents[persona] = granted.body.id
}
const revoke = (persona: string): Promise<Answer> => portal.post(persona, `/consents/${consents[persona]}/revocation`, {})

t.beforeEach(async () => {
  await portal.rows('delete from consent_record')
})

t.test('a patient sees their own, without any consent, and nobody else’s', async (t) => {
  const answer = await list('patient-ana')
  t.same(answer.body, {
    items: ['ana-kim', 'ana-robin-2', 'ana-robin-1'].map(shown),
    nextCursor: null,
    asOf: known,
    stale: false,
  })
  t.same(await itemsOf('patient-ana', `?patientId=${ana}&providerId=${kim}`), [shown('ana-kim')])
  t.match(problemOf(await list('patient-ana', `?patientId=${ben}`)), { status: 403, code: 'FORBIDDEN' })
  t.same((await portal.get('patient-ana', '/appointments/ana-kim')).body, { ...shown('ana-kim'), asOf: known, stale: false })
  for (const id of ['ben-kim', 'cho-robin', 'nowhere'])
    t.match(problemOf(await portal.get('patient-ana', `/appointments/${id}`)), { status: 404, code: 'NOT_FOUND' }, id)
  t.same(await itemsOf('ai-agent-patient'), ['ana-kim', 'ana-robin-2', 'ana-robin-1'].map(shown), 'so does an agent of theirs')
})

t.test('a clinician’s calendar: consenting patients whole, others as taken time', async (t) => {
  t.same(await itemsOf('clinician'), ['ben-robin', 'ana-robin-2', 'ana-robin-1'].map(slot), 'nobody has consented')
  await consent('patient-ana')
  const calendar = [slot('ben-robin'), shown('ana-robin-2'), shown('ana-robin-1')]
  t.same(await itemsOf('clinician'), calendar)
  t.same(await itemsOf('clinician', `?providerId=${robin}`), calendar)
  t.match(problemOf(await list('clinician', `?providerId=${kim}`)), { status: 403, code: 'FORBIDDEN' }, 'another’s calendar')
  t.same(await itemsOf('clinician', `?patientId=${ana}`), ['ana-robin-2', 'ana-robin-1'].map(shown), 'those in which they take part')
  t.match(problemOf(await list('clinician', `?patientId=${ben}`)), { status: 403, code: 'CONSENT_REQUIRED' })
  t.match(problemOf(await list('clinician', `?patientId=${cho}`)), { status: 403, code: 'CONSENT_REQUIRED' }, 'another agency’s patient')
  t.same(await itemsOf('clinician-2'), [slot('ben-kim'), shown('ana-kim')])
  t.same(await itemsOf('ai-agent'), calendar, 'an agent of a clinician sees what the clinician does')

  t.equal((await portal.get('clinician', '/appointments/ana-robin-1')).body.id, 'ana-robin-1')
  t.match(problemOf(await portal.get('clinician', '/appointments/ben-robin')), { status: 403, code: 'CONSENT_REQUIRED' })
  t.match(problemOf(await portal.get('clinician', '/appointments/ana-kim')), { status: 404, code: 'NOT_FOUND' }, 'not theirs')
  t.match(problemOf(await portal.get('clinician', '/appointments/cho-robin')), { status: 404 }, 'of another agency')
})

t.test('consent is asked on every request: revoked, expired, of another scope, of another agency', async (t) => {
  await consent('patient-ana', { expiresAt: new Date(portal.now() + 60_000).toISOString() })
  t.equal((await itemsOf('clinician', `?patientId=${ana}`)).length, 2)
  await portal.pass(60_000)
  t.match(problemOf(await list('clinician', `?patientId=${ana}`)), { code: 'CONSENT_REQUIRED' }, 'expired')
  await consent('patient-ana')
  const first = await list('clinician', '?limit=2')
  t.same(first.body.items, [slot('ben-robin'), shown('ana-robin-2')])
  await revoke('patient-ana')
  t.same(await itemsOf('clinician', `?limit=2&cursor=${first.body.nextCursor}`), [slot('ana-robin-1')], 'between two pages')
  await portal.post('patient-ana', '/consents', { patientId: ana, scope: 'clinical-documentation' })
  t.match(problemOf(await list('clinician', `?patientId=${ana}`)), { code: 'CONSENT_REQUIRED' }, 'another scope')
  await consent('patient-cho')
  t.match(problemOf(await list('clinician', `?patientId=${cho}`)), { code: 'CONSENT_REQUIRED' }, 'of another agency')
})

t.test('an administrator sees any provider’s, of consenting patients', async (t) => {
  await consent('patient-ana')
  const everything = ['ana-kim', 'ana-robin-2', 'ana-robin-1'].map(shown)
  t.same((await list('agency-admin')).body, { items: everything, nextCursor: null, asOf: known, stale: false }, 'others are not there')
  const first = await list('agency-admin', '?limit=3')
  t.same([first.body.items.length, first.body.nextCursor], [3, null], 'and nothing tells that they were left out')
  t.same(await itemsOf('agency-admin', `?providerId=${kim}`), [slot('ben-kim'), shown('ana-kim')])
  t.same(await itemsOf('agency-admin', `?patientId=${ana}&providerId=${kim}`), [shown('ana-kim')])
  t.match(problemOf(await list('agency-admin', `?patientId=${ben}&providerId=${kim}`)), { code: 'CONSENT_REQUIRED' })
  t.equal((await portal.get('agency-admin', '/appointments/ana-kim')).status, 200)
  t.match(problemOf(await portal.get('agency-admin', '/appointments/ben-kim')), { code: 'CONSENT_REQUIRED' })
  t.same(await itemsOf('founder'), everything)
  t.same(await itemsOf('agency-admin-lakeside'), [])
  t.same((await list('agency-admin-lakeside', `?providerId=${robin}`)).body.items.length, 1)
  const reason = { 'x-access-reason': 'An inspection of the calendar was asked for' }
  const entered = await portal.get('founder', `/appointments?providerId=${robin}`, { 'x-agency': lakeside.id, ...reason })
  t.same(
    entered.body.items.map(({ redacted }: { redacted: boolean }) => redacted),
    [true],
    'a founder in another agency',
  )
  t.match(
    problemOf(await portal.get('founder', '/appointments', { 'x-agency': '*', ...reason })),
    { code: 'FORBIDDEN' },
    'in one at a time',
  )
})

t.test('whoever looks, in pages of any size: what the rules give, and cursors that lead from one shown to the next', async (t) => {
  const patients = Array.from({ length: 6 }, () => newId())
  const roll = (most: number): number => Math.floor(Math.random() * most)
  const many = Array.from({ length: 60 }, (_, n) => ({
    id: `many-${n}`, patientId: patients[roll(6)]!, providerId: [robin, kim][roll(2)]!, start: at(100 + roll(12)),
  })) // prettier-ignore
  await importResources(host, many.map(appointmentOf), riverside.id, known)
  await portal.rows(
    `insert into consent_record (agency_id, id, patient_id, scope, status, granted_at, granted_by, audit_id)
     select $1, gen_random_uuid(), p, 'appointments', 'active', now(), 'x', gen_random_uuid() from unnest($2::uuid[]) p`,
    riverside.id, patients.slice(0, 3),
  ) // prettier-ignore
  const places = new Map((await portal.rows('select id, slot from appointments_appointment')).map(({ id, slot: place }) => [id, place]))
  const consents = (patientId: string): boolean => patients.indexOf(patientId) < 3
  const inOrder = many.toSorted(
    (one, other) => Date.parse(other.start) - Date.parse(one.start) || (places.get(one.id) < places.get(other.id) ? 1 : -1),
  )
  const sees: [string, string, (one: (typeof many)[number]) => string | null][] = [
    ['clinician', '', ({ id, patientId, providerId }) => (providerId !== robin ? null : consents(patientId) ? id : 'redacted')],
    ['agency-admin', '', ({ id, patientId }) => (consents(patientId) ? id : null)],
    ['agency-admin', `&providerId=${kim}`, ({ id, patientId, providerId }) => (providerId !== kim ? null : consents(patientId) ? id : 'redacted')],
    ['founder', `&patientId=${patients[0]}`, ({ id, patientId }) => (patientId === patients[0] ? id : null)],
  ] // prettier-ignore
  for (const [persona, query, show] of sees) {
    const visible = inOrder.flatMap((one) => (show(one) === null ? [] : [{ shown: show(one), place: places.get(one.id) as string }]))
    for (const limit of [1 + roll(4), 7 + roll(20)]) {
      const [seen, led]: [string[], string[]] = [[], []]
      for (let cursor: string | null = ''; cursor !== null;) {
        const { body }: Answer = await list(persona, `?from=${at(100)}&limit=${limit}${query}${cursor && `&cursor=${cursor}`}`)
        seen.push(...body.items.map(({ id }: { id?: string }) => id ?? 'redacted'))
        cursor = body.nextCursor
        if (cursor) led.push(decodeCursor(cursor)!.id)
      }
      t.same(seen, visible.map(({ shown }) => shown), `${persona}${query} by ${limit}`) // prettier-ignore
      const ends = visible.filter((_, index) => (index + 1) % limit === 0 && index + 1 < visible.length).map(({ place }) => place)
      t.same(led, ends, 'full pages, each cursor the last shown, none at the end')
    }
  }
  await portal.rows("delete from appointments_appointment where id like 'many-%'")
})

t.test('a clinician without a provider id takes part in nothing', async (t) => {
  await consent('patient-ana')
  const token = host.token('clinician', { claims: { provider_id: undefined } })
  const answer = (await host.call('GET', '/api/appointments', { token })).json()
  t.same([answer.items, answer.nextCursor], [[], null])
  t.equal((await host.call('GET', '/api/appointments/ana-kim', { token })).statusCode, 404)
})

t.test('filters, and pages by position', async (t) => {
  await consent('patient-ana')
  t.same(await itemsOf('patient-ana', '?status=waitlist'), [shown('ana-kim')])
  t.same(await itemsOf('patient-ana', `?from=${at(1)}&to=${at(2)}`), [shown('ana-robin-2')], 'from this time, before that')
  t.same(await itemsOf('patient-ana', `?to=${at(1)}`), [shown('ana-robin-1')])
  t.same(await itemsOf('patient-ana', `?from=${at(5)}`), [])
  t.same(await itemsOf('clinician', '?status=cancelled'), [slot('ben-robin')], 'a redacted slot has its status')
  for (const [persona, query] of [
    ['patient-ana', ''],
    ['clinician', ''],
    ['agency-admin', ''],
    ['agency-admin', `&patientId=${ana}`],
    ['clinician', `&to=${at(9)}`],
  ] as const) {
    const all = await itemsOf(persona, `?limit=100${query}`)
    const seen: unknown[] = []
    let cursor: string | null = ''
    for (let pages = 0; cursor !== null && pages < 10; pages++) {
      const { body } = await list(persona, `?limit=1${query}${cursor && `&cursor=${cursor}`}`)
      seen.push(...body.items)
      cursor = body.nextCursor
      t.notOk(cursor !== null && visits.some(({ id }) => decodeCursor(cursor!)!.id === id))
    }
    t.same(seen, all, `${persona} ${query}`)
  }
  for (const query of ['?limit=101', '?cursor=AAAA', '?status=open', '?from=2030-02-30T00:00:00Z', '?providerId=1', '?sort=start'])
    t.match(problemOf(await list('patient-ana', query)), { status: 400, code: 'VALIDATION_FAILED' }, query)
})

t.test('asOf and stale are true', async (t) => {
  const { asOf } = (await list('patient-ana')).body
  t.equal(asOf, known)
  const passed = Date.parse(asOf) + day - portal.now()
  await portal.pass(passed)
  t.match((await list('patient-ana')).body, { asOf, stale: false }, 'a day old')
  await portal.pass(1)
  t.match((await list('patient-ana')).body, { asOf, stale: true }, 'more than a day old')
  t.match((await portal.get('patient-ana', '/appointments/ana-kim')).body, { asOf, stale: true })
  const renewed = new Date(portal.now()).toISOString()
  t.match(await importResources(host, visits.map(appointmentOf), riverside.id, renewed), { added: 0, changed: 0, different: true })
  t.match((await list('patient-ana')).body, { asOf: renewed, stale: false })
  await portal.rows('delete from appointments_import where agency_id = $1', riverside.id)
  t.match((await list('patient-ana')).body, { asOf: null, stale: true }, 'never imported')
  await importResources(host, visits.map(appointmentOf), riverside.id, renewed)
})

t.test('the switch holds reads back; others and roles without the scope never pass', async (t) => {
  for (const persona of ['billing-staff', 'qa-reviewer', 'provider-self', 'service-procedures', 'compliance-officer', 'provider-admin'])
    t.match(problemOf(await list(persona)), { status: 403, code: 'FORBIDDEN' }, persona)
  t.equal((await portal.get(null, '/appointments')).status, 401)
  await portal.flip('USE_APPOINTMENT_READS', false)
  for (const path of ['/appointments', '/appointments/ana-kim'])
    t.match(problemOf(await portal.get('patient-ana', path)), { status: 503, code: 'UPSTREAM_UNAVAILABLE', reason: 'disabled' })
  await portal.flip('USE_APPOINTMENT_READS', true)
  t.equal((await list('patient-ana')).status, 200)
})

t.test('nothing here changes anything: no method, no grant', async (t) => {
  for (const method of ['POST', 'PUT', 'PATCH', 'DELETE'] as const)
    for (const path of ['/api/appointments', '/api/appointments/ana-kim']) {
      const { statusCode } = await host.call(method, path, { as: 'clinician', body: { status: 'cancelled' }, key: 'try' })
      t.ok(statusCode === 405 || statusCode === 404, `${method} ${path}: ${statusCode}`)
    }
  t.same(
    host.loaded.operations
      .filter(({ context }) => context === 'appointments')
      .map(({ operation }) => `${operation.method} ${operation.effect}`),
    ['GET read', 'GET read'],
  )
  const grants = await portal.rows(
    `select distinct grantee, privilege_type from information_schema.role_table_grants
     where table_name like 'appointments\\_%' and grantee <> 'postern_owner'`,
  )
  t.same(grants, [{ grantee: 'postern_read', privilege_type: 'SELECT' }])
})

t.test('every read is audited, and no log line tells of a person', async (t) => {
  await consent('patient-ana')
  await portal.pass(1_000)
  const now = new Date(portal.now())
  await list('clinician', `?patientId=${ana}`)
  await list('clinician', `?patientId=${ben}`)
  const rows = await portal.rows("select outcome, patient_id from audit_event where action = 'listAppointments' and at >= $1", now)
  const told = rows.map(({ outcome, patient_id }) => [outcome, patient_id]).sort()
  t.same(told, [
    ['CONSENT_REQUIRED', ben],
    ['success', ana],
  ])
  await list('clinician')
  const latest = (await portal.get('compliance-officer', '/audit/events?action=listAppointments')).body.items[0]
  t.same(
    [latest.patientId, latest.payload],
    [null, { query: { limit: 50 }, patientIds: [ana] }],
    'whose were shown, and of a redacted slot nothing',
  )
  await portal.get('ai-agent', '/appointments')
  const actions = await portal.rows("select executed_by from audit_ai_action where action = 'listAppointments' and at >= $1", now)
  t.same(actions, [{ executed_by: 'AI Agent under clinical_staff authority' }])
  t.notOk(portal.lines.some((line) => line.includes('Secret') || line.includes(ana) || line.includes('ana-kim')))
})
