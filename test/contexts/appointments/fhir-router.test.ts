import t from 'tap'
import { personaNamed, riverside } from '../../../config/personas.ts'
import { demoBundle } from '../../../plugins/dev/demo-bundle.ts'
import { testDatabase } from '../../database.ts'
import { appointmentOf, importResources } from '../../fixtures/appointments.ts'
import { startRouterServer } from '../../fixtures/fhir-router-server.ts'
import { frozenClock, startHost } from '../../helper.ts'

/** The client against a FHIR R4 server that knows nothing of it. What a hostile one can do is in `upstream.test.ts`. */
const token = 'Secret-Credential'
const [server, database] = await Promise.all([startRouterServer(t, { token, pageSize: 3 }), testDatabase(t)])
const clock = frozenClock(Date.parse('2026-11-21T12:00:00Z'))
const outbound = { timeoutMs: 5_000, patienceMs: 15_000, retryMs: 5, pauseMs: 10_000 }
const env = { APPOINTMENTS_FHIR: JSON.stringify({ [riverside.id]: { baseUrl: server.baseUrl, token } }) }
const hosts = { upstream: await startHost(t, { database, clock, env, outbound }), readModel: await startHost(t, { database, clock }) }

const [ana, ben] = ['patient-ana', 'patient-ben'].map((name) => personaNamed(name)!.patientId!) as [string, string]
const [robin, kim] = ['clinician', 'clinician-2'].map((name) => personaNamed(name)!.providerId!) as [string, string]
const exported = demoBundle(riverside, '2026-11-21').entry.map(({ resource }) => resource)
/** As servers write it down: with a room, a zone of its own, and a version in the reference. */
const elaborate = {
  ...appointmentOf({ id: 'elaborate', patientId: ana, providerId: robin, start: '2026-12-24T10:00:00+01:00', end: '2026-12-24T10:20:00+01:00' }),
  status: 'arrived',
  meta: { tag: [{ system: 'urn:example', code: 'walk-in' }] },
  reasonCode: [{ coding: [{ system: 'http://snomed.info/sct', code: '271594007', display: 'Secret-Reason' }] }],
  extension: [{ url: 'https://fhir.example.org/channel', valueString: 'Secret-Channel' }],
} // prettier-ignore
await server.hold([...exported, elaborate])
await importResources(hosts.readModel, [...exported, elaborate], riverside.id, '2026-11-21T12:00:00Z')

type Source = keyof typeof hosts
const get = async (source: Source, persona: string, path: string) => {
  const response = await hosts[source].call('GET', `/api/appointments${path}`, { as: persona })
  return { status: response.statusCode, body: response.json() }
}
const consent = (persona: string) =>
  hosts.upstream.call('POST', '/api/consents', {
    as: persona,
    body: { patientId: personaNamed(persona)!.patientId, scope: 'appointments' },
  })

/** Everything that is shown along a list's pages; the cursors differ, since each source has places of its own. */
const walked = async (source: Source, persona: string, query: string): Promise<{ statuses: number[]; items: unknown[] }> => {
  const [statuses, items]: [number[], unknown[]] = [[], []]
  for (let [cursor, pages] = ['', 0] as [string | null, number]; cursor !== null && pages < 20; pages += 1) {
    const { status, body } = await get(source, persona, `?${query}${cursor && `&cursor=${cursor}`}`)
    statuses.push(status)
    items.push(...(body.items ?? [body.code]))
    cursor = body.nextCursor ?? null
  }
  return { statuses, items }
}

const lists: readonly (readonly [string, string])[] = [
  ['patient-ana', ''],
  ['patient-ana', 'limit=2'],
  ['patient-ana', `providerId=${kim}`],
  ['patient-ana', `patientId=${ben}`],
  ['patient-ben', 'status=noshow'],
  ['patient-ben', 'from=2026-10-01T00:00:00Z&to=2026-11-26T13:00:00Z'],
  ['clinician', ''],
  ['clinician', 'limit=4'],
  ['clinician', `patientId=${ana}`],
  ['clinician', `patientId=${ben}`],
  ['clinician', `providerId=${kim}`],
  ['clinician-2', 'limit=1'],
  ['ai-agent', 'status=booked'],
  ['agency-admin', 'limit=5'],
  ['agency-admin', `providerId=${robin}&status=cancelled`],
  ['founder', `patientId=${ben}`],
]
const single = ['elaborate', exported.at(-1)!.id, exported.at(-4)!.id, 'nowhere']

const compare = async (title: string): Promise<void> => {
  for (const [persona, query] of lists)
    t.same(await walked('upstream', persona, query), await walked('readModel', persona, query), `${title}: ${persona} ${query}`)
  for (const persona of ['patient-ana', 'clinician', 'agency-admin']) {
    for (const id of single) {
      const [theirs, ours] = [await get('upstream', persona, `/${id}`), await get('readModel', persona, `/${id}`)]
      t.same(
        [theirs.status, theirs.body.start, theirs.body.code],
        [ours.status, ours.body.start, ours.body.code],
        `${title}: ${persona} ${id}`,
      )
    }
  }
}

t.test('a server gives what an import of its export gives, whoever asks, with consent and without', async (t) => {
  const { items } = await walked('upstream', 'patient-ana', '')
  t.equal(items.length, 7, 'over several pages of theirs')
  t.match(items[0], { id: 'elaborate', status: 'arrived', start: '2026-12-24T09:00:00.000Z', end: '2026-12-24T09:20:00.000Z' })
  await compare('nobody consents')
  await consent('patient-ana')
  await compare('one consents')
  const asked = await server.requests()
  t.ok(asked.length > 50 && asked.every((one) => one === 'GET /Appointment'), 'it was searched and nothing else')
})

t.test('what a server includes beside the matches is nobody’s appointment', async (t) => {
  await server.behave('includes')
  for (const [persona, query] of lists.slice(6, 9))
    t.same(await walked('upstream', persona, query), await walked('readModel', persona, query), `${persona} ${query}`)
  await server.behave('plain')
})

t.test('a server that takes no notice of the patient is not believed', async (t) => {
  await server.behave('forgets-the-patient')
  t.match(await get('upstream', 'patient-ana', ''), { status: 503, body: { code: 'UPSTREAM_UNAVAILABLE' } })
  const [event] = (await hosts.upstream.call('GET', '/api/audit/events?action=security.upstream', { as: 'compliance-officer' })).json()
    .items
  t.match(event, { action: 'security.upstream', reason: 'foreign-resource' })
  await server.behave('plain')
  t.equal((await get('upstream', 'patient-ana', '')).status, 200)
})

t.test('nothing of a person is in the log', async (t) => {
  const said = [...hosts.upstream.lines, ...hosts.readModel.lines].join('\n')
  for (const secret of ['Secret', 'Testpatient', 'Examplesson', ana, ben, 'elaborate', 'Appointment?'])
    t.notOk(said.includes(secret), `no line holds ${secret}`)
})
