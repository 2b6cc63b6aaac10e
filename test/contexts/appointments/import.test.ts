import { mkdtempSync, rmSync, utimesSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import pg from 'pg'
import t from 'tap'
import { demoAgencies, lakeside, personaNamed, riverside } from '../../../config/personas.ts'
import { mostOfOne, readResources } from '../../../plugins/contexts/appointments/appointments.reader.ts'
import { demoBundle } from '../../../plugins/dev/demo-bundle.ts'
import { addAgency } from '../../../plugins/host/agencies.ts'
import { importAppointments, importAppointmentsOnce } from '../../../plugins/import-appointments.ts'
import { testDatabase } from '../../database.ts'
import { appointmentOf } from '../../fixtures/appointments.ts'
import { runScript } from '../../house/service-process.ts'

const database = await testDatabase(t)
const directory = mkdtempSync(join(tmpdir(), 'postern-import-'))
t.teardown(() => rmSync(directory, { recursive: true, force: true }))
const superuser = new pg.Client({ connectionString: database.superuserUrl, connectionTimeoutMillis: 5_000, query_timeout: 30_000 })
superuser.on('error', () => {})
await superuser.connect()
t.teardown(() => superuser.end())
for (const agency of demoAgencies) await addAgency(database.ownerUrl, agency)

const now = new Date('2026-11-21T12:00:00Z')
const ana = personaNamed('patient-ana')!.patientId!
const [robin, kim] = ['clinician', 'clinician-2'].map((name) => personaNamed(name)!.providerId!) as [string, string]
const visit = (id: string, more: object = {}) => ({
  ...appointmentOf({ id, patientId: ana, providerId: robin, start: '2026-12-01T09:00:00Z' }),
  ...more,
})
const file = (name: string, content: string): string => {
  const path = join(directory, name)
  writeFileSync(path, content)
  utimesSync(path, now, new Date('2026-11-20T00:00:00Z'))
  return path
}
const ndjson = (...resources: unknown[]): string => resources.map((one) => (typeof one === 'string' ? one : JSON.stringify(one))).join('\n')
const rows = async (sql: string): Promise<any[]> => (await superuser.query(sql)).rows
const everything = () =>
  rows(`select (select json_agg(a order by a.agency_id, a.id) from appointments_appointment a)::text a,
    (select json_agg(p order by p.agency_id, p.appointment_id, p.provider_id) from appointments_participant p)::text p,
    (select json_agg(i order by i.agency_id) from appointments_import i)::text i, (select count(*) from audit_event) n`)
const run = async (path: string, agencyId?: string) => {
  const skipped: string[] = []
  const onSkipped = (place: string, rule: string): void => void skipped.push(`${place}: ${rule}`)
  const { added, changed, unchanged, different, asOf } = await importAppointments({
    ownerUrl: database.ownerUrl,
    path,
    agencyId,
    now,
    onSkipped,
  })
  return { added, changed, unchanged, different, asOf: asOf.toISOString(), skipped }
}

t.beforeEach(() => superuser.query('truncate appointments_appointment, appointments_participant, appointments_import'))

t.test('the demo bundles, and a second import of them changes nothing', async (t) => {
  for (const agency of demoAgencies) {
    const path = file(`${agency.name}.json`, JSON.stringify(demoBundle(agency, '2026-11-21'), null, 2))
    const first = await run(path)
    t.match(
      first,
      { changed: 0, unchanged: 0, different: true, asOf: '2026-11-21T00:00:00.000Z', skipped: [] },
      'its agency is in the file',
    )
    const before = await everything()
    t.match(await run(path), { added: 0, changed: 0, unchanged: first.added, different: false })
    t.same(await everything(), before)
    await importAppointmentsOnce({ ownerUrl: database.ownerUrl, path, agencyId: agency.id, now })
    t.same(await everything(), before)
  }
  const counts = await rows('select agency_id, patient_id, count(*)::int n from appointments_appointment group by 1, 2 order by 1, 2')
  const patients = ['patient-ana', 'patient-ben', 'patient-cho'].map((name) => personaNamed(name)!)
  t.same(
    counts.map(({ agency_id, patient_id }) => [agency_id, patient_id]),
    patients.map(({ agencyId, patientId }) => [agencyId, patientId]),
  )
  const audit = await rows(
    "select agency_id, role, entity_type, count from audit_event where action = 'appointments.import' order by agency_id",
  )
  t.match(audit, [
    { agency_id: riverside.id, role: 'owner', entity_type: 'appointment', count: 11 },
    { agency_id: lakeside.id, role: 'owner', count: 4 },
  ])
})

t.test('what changed is changed, with who takes part; what a file does not hold stays', async (t) => {
  await run(file('one.ndjson', ndjson(visit('a'), visit('b'), visit('c'))), riverside.id)
  const [before] = await rows("select slot from appointments_appointment where id = 'b'")
  const moved = visit('b', { start: '2026-12-02T09:00:00Z', end: '2026-12-02T09:30:00Z', status: 'cancelled' })
  const others = { participant: [{ actor: { reference: `Patient/${ana}` } }, { actor: { reference: `Practitioner/${kim}` } }] }
  t.match(await run(file('two.ndjson', ndjson(moved, visit('c', others), visit('d'))), riverside.id), {
    added: 1,
    changed: 2,
    unchanged: 0,
  })
  t.same(await rows('select id, status, starts_at::date::text as day from appointments_appointment order by id'), [
    { id: 'a', status: 'booked', day: '2026-12-01' },
    { id: 'b', status: 'cancelled', day: '2026-12-02' },
    { id: 'c', status: 'booked', day: '2026-12-01' },
    { id: 'd', status: 'booked', day: '2026-12-01' },
  ])
  t.same(await rows("select provider_id from appointments_participant where appointment_id = 'c'"), [{ provider_id: kim }])
  t.same(
    await rows(`select a.id from appointments_appointment a join appointments_participant p on p.appointment_id = a.id
    where (a.starts_at, a.slot, a.patient_id) is distinct from (p.starts_at, p.slot, p.patient_id)`),
    [],
    'calendars agree',
  )
  t.same((await rows("select slot from appointments_appointment where id = 'b'"))[0], before, 'its place among equals is kept')
})

t.test('a bad line is named by its place and skipped', async (t) => {
  const long = JSON.stringify(visit('long', { comment: 'x'.repeat(mostOfOne) }))
  const lines = [
    visit('first'), '{"resourceType":"Appointment","id":"Secret-Name"', '', visit('bad', { status: 'open' }), long, visit('first'),
    visit('nobody', { participant: [] }), { resourceType: 'Patient', id: ana, name: [{ family: 'Secret-Name' }] }, 'null',
    { resourceType: 'Observation', id: 'x' }, visit('last'),
  ] // prettier-ignore
  const skipped = [
    '2: it is no JSON',
    '4: its status is none of FHIR R4',
    '5: it is longer than 1 MiB',
    '6: its id stands in the file before',
    '7: it names no patient',
    '9: it is no Appointment',
    '10: it is no Appointment',
  ]
  const path = file('bad.ndjson', ndjson(...lines))
  t.same(await run(path, riverside.id), {
    added: 2, changed: 0, unchanged: 0, different: true, asOf: '2026-11-20T00:00:00.000Z', skipped: skipped.map((one) => `line ${one}`),
  }) // prettier-ignore
  t.match(await run(path, riverside.id), { added: 0, different: false }, 'when the file was written, and not when it was read')

  const worse = await run(file('worse.ndjson', ndjson('Secret-Name', visit('bad', { status: 'open' }))), lakeside.id)
  t.match(worse, { added: 0, different: false, skipped: ['line 1: it is no JSON', 'line 2: its status is none of FHIR R4'] })
  t.same(await rows(`select from appointments_import where agency_id = '${lakeside.id}'`), [], 'and nothing is known of its calendar')

  const first = [
    '{"resourceType":"Appointment","id":"Secret-Name"',
    'Secret-Name',
    '[]',
    long,
    visit('told', { contained: [{ resourceType: 'Bundle' }] }),
  ]
  for (const [index, bad] of first.entries()) {
    const { added, skipped: named } = await run(file('first.ndjson', ndjson(bad, visit(`after-${index}`))), riverside.id)
    t.same([added, named.length], index < 4 ? [1, 1] : [2, 0], `the first line: ${index}`)
  }

  const entry = [
    { resource: visit('in-bundle') },
    7,
    { resource: visit('wrong', { id: '?' }) },
    { resource: JSON.parse(long) },
    {},
    { resource: visit('in-bundle-2') },
  ]
  const bundle = file(
    'bad.json',
    JSON.stringify({ entry, resourceType: 'Bundle', timestamp: '2026-11-19T00:00:00Z', link: [{ url: 'a"}]' }] }),
  )
  t.match(await run(bundle, riverside.id), {
    added: 2,
    asOf: '2026-11-19T00:00:00.000Z',
    skipped: ['entry 2: it is no entry', 'entry 3: its id is none', 'entry 4: it is longer than 1 MiB', 'entry 5: it is no Appointment'],
  })
  const broken = `{"meta":{"source":"x"}\n,"resourceType":"Bundle","entry":[{"resource":\n${JSON.stringify(visit('in-lines'))}\n}]}`
  t.match(await run(file('lines.json', broken), riverside.id), { added: 1, skipped: [] }, 'a bundle in lines is no NDJSON')
})

t.test('a file that is neither, or is cut off, imports nothing at all', async (t) => {
  const before = await everything()
  const whole = JSON.stringify({ resourceType: 'Bundle', entry: [{ resource: visit('a') }, { resource: visit('b') }] })
  const broken: [string, RegExp][] = [
    [whole.slice(0, -3), /ends before its bundle/],
    [whole.slice(0, whole.length / 2), /ends before its bundle|no FHIR bundle/],
    ['hello', /no FHIR bundle and no NDJSON/],
    ['', /no FHIR bundle and no NDJSON/],
    [']', /no FHIR bundle and no NDJSON/],
    ['{"resourceType":"Patient",\n"id":"x"}', /no FHIR bundle and no NDJSON/],
  ]
  for (const [content, message] of broken) await t.rejects(run(file('broken.json', content), riverside.id), { message })
  await t.rejects(run(file('a.ndjson', ndjson(visit('a'))), '01920000-0000-7000-8000-a0000000000f'), { message: /There is no agency/ })
  await t.rejects(run(file('a.ndjson', ndjson(visit('a')))), { message: /--agency ID/ })
  await t.rejects(run(join(directory, 'absent'), riverside.id), { code: 'ENOENT' })
  t.same(await everything(), before)
})

t.test('a file is read in pieces of any size, one resource at a time', async (t) => {
  const text = JSON.stringify(
    {
      meta: { tag: ['entry', { entry: [1] }] },
      resourceType: 'Bundle',
      entry: [{ resource: { a: '\\"}]{[' } }, { resource: { b: [[{}]] } }],
    },
    null,
    1,
  )
  for (const size of [1, 2, 3, 7, 10_000]) {
    const chunks = async function* () {
      for (let at = 0; at < text.length; at += size) yield text.slice(at, at + size)
    }
    const pieces: unknown[] = []
    for await (const piece of readResources(chunks())) pieces.push(piece)
    t.same(
      pieces,
      [
        { place: 'entry 1', resource: { a: '\\"}]{[' } },
        { place: 'entry 2', resource: { b: [[{}]] } },
      ],
      `by ${size}`,
    )
  }
  // 64 MiB in one line: never held.
  const endless = async function* () {
    yield '{"resourceType":"Appointment"}\n{"a":"'
    for (let count = 0; count < 64; count++) yield 'x'.repeat(1024 * 1024)
    yield '"}\n{"b":1}'
  }
  const before = process.memoryUsage().heapUsed
  let most = 0
  const places: string[] = []
  for await (const piece of readResources(endless())) {
    most = Math.max(most, process.memoryUsage().heapUsed - before)
    places.push('problem' in piece ? piece.problem : 'read')
  }
  t.same(places, ['read', 'it is longer than 1 MiB', 'read'])
  t.ok(most < 48 * 1024 * 1024, String(most))
})

t.test('npm run import:appointments', async (t) => {
  const env = { DATA_DIR: directory, DATABASE_URL: database.appUrl, DATABASE_MIGRATION_URL: database.ownerUrl }
  const command = (...args: string[]) => runScript('import:appointments', args, { env })
  const path = file('cli.ndjson', ndjson(visit('one'), 'x', visit('two')))
  const asOf = '2026-11-20T00:00:00.000Z'
  t.same(await command(path, '--agency', riverside.id), {
    code: 0, out: `${riverside.id} as of ${asOf}: 2 new, 0 changed, 0 unchanged, 1 skipped.\n`, err: 'Skipped line 2: it is no JSON.\n',
  }) // prettier-ignore
  t.match((await command(path, '--agency', riverside.id)).out, / 0 new, 0 changed, 2 unchanged, 1 skipped\. Nothing was changed\.\n$/)
  t.match(await command(), { code: 2, out: '', err: /^Say which file\.\nnpm run import:appointments/ })
  t.match(await command(path, '--agency', 'Riverside'), { code: 2, err: /^--agency is a UUID/ })
  t.match(await command(path), { code: 2, err: /Say whose it is: --agency ID/ })
})
