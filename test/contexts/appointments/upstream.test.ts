import t from 'tap'
import { personaNamed, riverside } from '../../../config/personas.ts'
import { decodeCursor } from '../../../domain/shared/page.ts'
import { appointmentOf, importResources, type Visit } from '../../fixtures/appointments.ts'
import { startFhirServer, type FhirMode } from '../../fixtures/fhir-server.ts'
import { frozenClock, startHost } from '../../helper.ts'

const [ana, ben] = ['patient-ana', 'patient-ben'].map((name) => personaNamed(name)!.patientId!) as [string, string]
const [robin, kim] = ['clinician', 'clinician-2'].map((name) => personaNamed(name)!.providerId!) as [string, string]
const token = 'Secret-Credential'
const upstream = await startFhirServer(t, { token, pageSize: 2 })
const elsewhere = await startFhirServer(t, { token: null, pageSize: 2 })
const limits = { timeoutMs: 400, patienceMs: 1_500, retryMs: 5, maxBytes: 256 * 1024, pauseMs: 10_000, failures: 6 }
const host = await startHost(t, {
  clock: frozenClock(Date.parse('2026-11-21T12:00:00Z')),
  env: { APPOINTMENTS_FHIR: JSON.stringify({ [riverside.id]: { baseUrl: upstream.baseUrl, token } }) },
  outbound: limits,
})

const at = (day: number): string => `2026-12-${String(day).padStart(2, '0')}T09:00:00.000Z`
const visits: Visit[] = [
  ...[1, 2, 3, 4, 5].map((day) => ({ id: `ana-robin-${day}`, patientId: ana, providerId: robin, start: at(day) })),
  { id: 'ana-kim', patientId: ana, providerId: kim, start: at(6), status: 'checked-in' },
  { id: 'ben-robin', patientId: ben, providerId: robin, start: at(7), status: 'noshow' },
  { id: 'ben-kim', patientId: ben, providerId: kim, start: at(8), status: 'proposed' },
]
/** Nobody's yet, and without a time: what a server holds besides calendars of patients. */
const asides = [
  {
    ...appointmentOf({ id: 'blocked', patientId: ana, providerId: robin, start: at(9) }),
    participant: [{ actor: { reference: `Practitioner/${robin}` } }],
  },
  { ...appointmentOf({ id: 'wished', patientId: ana, providerId: robin, start: at(9) }), start: undefined, end: undefined },
]
/** Some servers reference their own people in full. */
const inFull = ({ participant, ...rest }: ReturnType<typeof appointmentOf>) => ({
  ...rest,
  participant: participant.map(({ actor, ...more }) => ({ actor: { reference: `${upstream.baseUrl}/${actor.reference}` }, ...more })),
})
const held = [...visits.map(appointmentOf).map((one, index) => (index === 2 ? inFull(one) : one)), ...asides]
await upstream.hold(held)
await elsewhere.hold(visits.map(appointmentOf))
await importResources(host, [appointmentOf({ id: 'from-a-file', patientId: ana, providerId: robin, start: at(1) })])

const get = async (persona: string, path = '') => {
  const response = await host.call('GET', `/api/appointments${path}`, { as: persona })
  return { status: response.statusCode, body: response.json() }
}
const idsOf = async (persona: string, query = ''): Promise<string[]> =>
  (await get(persona, query)).body.items.map(({ id }: { id?: string }) => id ?? 'redacted')
const consent = async (persona: string): Promise<void> => {
  const body = { patientId: personaNamed(persona)!.patientId, scope: 'appointments' }
  const { statusCode } = await host.call('POST', '/api/consents', { as: persona, body })
  t.equal(statusCode, 201)
}
const anas = ['ana-kim', ...[5, 4, 3, 2, 1].map((day) => `ana-robin-${day}`)]

t.beforeEach(async () => {
  await upstream.be('honest')
  host.clock.advance(limits.pauseMs)
  // What failed before is forgotten.
  await get('patient-ana')
  await upstream.requests()
  await elsewhere.requests()
  host.lines.length = 0
})
t.afterEach(() => {
  const said = host.lines.join('\n')
  for (const secret of ['Secret', ana, ben, 'ana-', 'Appointment?']) t.notOk(said.includes(secret), `no log line holds ${secret}`)
})

t.test('an agency’s server is read, page by page, and the read model is not', async (t) => {
  const { body } = await get('patient-ana')
  t.same(
    body.items.map(({ id }: { id: string }) => id),
    anas,
  )
  t.match(body, { nextCursor: null, asOf: new Date(host.clock.now()).toISOString(), stale: false })
  t.match(body.items[0], { patientId: ana, providerIds: [kim], status: 'checked-in', start: at(6), redacted: false })
  const asked = await upstream.requests()
  t.ok(asked.length >= 3 && asked.every(({ method, authorized }) => method === 'GET' && authorized), 'GET, with the credential')
  t.match(asked[0]!.url, `patient=Patient%2F${ana}`)
  t.match((await get('patient-ana', '/ana-kim')).body, { id: 'ana-kim', stale: false })
  t.equal((await get('patient-ana', '/ben-kim')).status, 404)
  t.equal((await get('patient-ana', '/from-a-file')).status, 404)
  t.equal((await get('patient-ana', '/wished')).status, 404, 'without a time it stands in no calendar')
  const cho = await host.call('GET', '/api/appointments', { as: 'patient-cho' })
  t.same(cho.json().items, [], 'an agency without a server has its read model')
})

t.test('the same rules hold as for the read model', async (t) => {
  t.same(
    await idsOf('clinician'),
    Array.from({ length: 6 }, () => 'redacted'),
  )
  await upstream.requests()
  t.match(await get('clinician', `?patientId=${ben}`), { status: 403, body: { code: 'CONSENT_REQUIRED' } })
  t.match(await get('clinician', `?providerId=${kim}`), { status: 403, body: { code: 'FORBIDDEN' } })
  t.same(await upstream.requests(), [], 'and the server is not asked before consent is')
  t.match(await get('clinician', '/ben-robin'), { status: 403, body: { code: 'CONSENT_REQUIRED' } })
  t.equal((await get('clinician', '/ana-kim')).status, 404)
  await consent('patient-ana')
  t.same(await idsOf('clinician'), ['redacted', ...anas.slice(1)])
  t.same(await idsOf('clinician', `?patientId=${ana}`), anas.slice(1))
  t.same(await idsOf('agency-admin'), anas, 'unconsented patients are left out')
  t.same(await idsOf('agency-admin', `?providerId=${kim}`), ['redacted', 'ana-kim'])
  t.same(await idsOf('ai-agent'), ['redacted', ...anas.slice(1)])
  t.same(await idsOf('patient-ana', '?status=checked-in'), ['ana-kim'])
  t.same(await idsOf('patient-ana', `?from=${at(2)}&to=${at(4)}`), ['ana-robin-3', 'ana-robin-2'])
})

t.test('pages of ours over pages of theirs', async (t) => {
  for (const [persona, limit] of [
    ['patient-ana', 1],
    ['patient-ana', 2],
    ['clinician', 2],
    ['agency-admin', 4],
  ] as const) {
    const all = await idsOf(persona)
    const seen: string[] = []
    let cursor: string | null = ''
    for (let pages = 0; cursor !== null && pages < 12; pages++) {
      const { body } = await get(persona, `?limit=${limit}${cursor && `&cursor=${cursor}`}`)
      seen.push(...body.items.map(({ id }: { id?: string }) => id ?? 'redacted'))
      cursor = body.nextCursor
    }
    t.same(seen, all, `${persona} by ${limit}`)
  }
})

/** Answers that are not believed, and whether security staff hear of it. */
const disbelieved: readonly (readonly [FhirMode, string | null])[] = [
  ['foreign-resource', 'foreign-resource'],
  ['foreign-link', 'foreign-host'],
  ['redirect', 'foreign-host'],
  ['loop', null],
  ['nonsense', null],
  ['not-a-bundle', null],
  ['bad-status', null],
  ['html', null],
  ['unauthorized', null],
]
for (const [mode, cause] of disbelieved) {
  t.test(`${mode}: refused`, async (t) => {
    await upstream.be(mode, elsewhere.baseUrl)
    const answer = await get('patient-ana')
    t.match(answer, { status: 503, body: { code: 'UPSTREAM_UNAVAILABLE' } })
    t.same(await elsewhere.requests(), [], 'nobody else is asked')
    const events = host.lines.map((line) => JSON.parse(line)).filter(({ event }) => event === 'security.upstream')
    t.same(
      events.map((event) => event.cause),
      cause === null ? [] : [cause],
    )
    const audit = (await host.call('GET', '/api/audit/events?action=security.upstream', { as: 'compliance-officer' })).json().items
    if (cause)
      t.match(audit[0], {
        action: 'security.upstream',
        outcome: 'UPSTREAM_UNAVAILABLE',
        reason: cause,
        entityId: 'appointments',
        patientId: null,
      })
    const byId = await get('patient-ana', '/ana-kim')
    t.equal(byId.status, 503, 'one appointment too')
  })
}

t.test('a redirect that stays at home is followed; one failure is tried again', async (t) => {
  await upstream.be('redirect-home')
  t.same(await idsOf('patient-ana'), anas)
  await upstream.be('flaky')
  t.same(await idsOf('patient-ana'), anas)
})

t.test('an endless body is cut off', async (t) => {
  await upstream.be('endless')
  t.match(await get('patient-ana'), { status: 503, body: { code: 'UPSTREAM_UNAVAILABLE' } })
  t.equal((await upstream.requests()).length, 1, 'and not asked for again')
})

t.test('slow: bounded, and says so', async (t) => {
  await upstream.be('slow')
  const started = performance.now()
  t.match(await get('patient-ana'), { status: 504, body: { code: 'UPSTREAM_UNAVAILABLE', reason: 'timeout' } })
  t.ok(performance.now() - started < limits.patienceMs + 1_000)
  t.ok((await upstream.requests()).length <= 3)
})

t.test('down: a few tries, then not asked until a pause is over', async (t) => {
  await upstream.be('error')
  t.match(await get('patient-ana'), { status: 503 })
  t.equal((await upstream.requests()).length, 3, 'tries are bounded')
  t.match(await get('patient-ana'), { status: 503 })
  await upstream.requests()
  t.match(await get('patient-ana'), { status: 503, body: { code: 'UPSTREAM_UNAVAILABLE' } })
  t.same(await upstream.requests(), [], 'the circuit is open')
  await upstream.be('honest')
  t.equal((await get('patient-ana')).status, 503, 'still')
  host.clock.advance(limits.pauseMs)
  t.same(await idsOf('patient-ana'), anas, 'and closes when it answers')
})

t.test('a server that does not sort is read whole or not at all', async (t) => {
  await upstream.be('unsorted')
  t.same(await idsOf('patient-ana'), anas)
  t.equal((await get('patient-ana', '?limit=1')).status, 503)
})

t.test('more than can be read at once goes on behind a cursor', async (t) => {
  const many = Array.from({ length: 45 }, (_, index) => ({
    id: `many-${index}`,
    patientId: ana,
    providerId: robin,
    // Three of each start, nine a day.
    start: new Date(Date.parse(at(1)) + Math.floor(index / 3) * 8 * 3_600_000).toISOString(),
  }))
  await upstream.hold(many.map(appointmentOf))
  const seen: string[] = []
  let cursor: string | null = ''
  for (let pages = 0; cursor !== null && pages < 30; pages++) {
    const { body } = await get('agency-admin', `?limit=100${cursor && `&cursor=${cursor}`}`)
    seen.push(...body.items.map(({ id }: { id: string }) => id))
    cursor = body.nextCursor
    if (cursor) t.equal((decodeCursor(cursor)!.at + 1) % (24 * 3_600_000), 0, 'it tells a day and nobody’s time')
  }
  t.same([seen.length, new Set(seen).size], [45, 45], 'each once')
  const crowded = many.map((one, index) => ({ ...one, patientId: ben, start: new Date(Date.parse(at(1)) + index * 420_000).toISOString() }))
  await upstream.hold(crowded.map(appointmentOf))
  const { body } = await get('agency-admin', '?limit=100')
  t.same([body.items, (decodeCursor(body.nextCursor)!.at + 1) % 3_600_000], [[], 0], 'of one full day it tells an hour')
  await upstream.hold(visits.map(appointmentOf))
})

t.test('no other agency’s server is reached by it', async (t) => {
  await host.call('GET', '/api/appointments', { as: 'agency-admin-lakeside' })
  t.same(await upstream.requests(), [])
})
