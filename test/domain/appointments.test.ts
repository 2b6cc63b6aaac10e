import t from 'tap'
import {
  appointmentStatuses, freshForMs, isStale, isWithin, readAppointment, seesNothing, sightOf, viewerOf,
} from '../../domain/appointments/index.ts' // prettier-ignore

const [ana, ben, robin, kim] = [1, 2, 3, 4].map((n) => `01920000-0000-7000-8000-00000000000${n}`) as [string, string, string, string]
const caller = { audience: 'staff', roles: ['clinical_staff'], patientId: null, providerId: robin }

t.test('who looks', async (t) => {
  t.same(viewerOf(caller), { kind: 'clinician', providerId: robin })
  t.same(viewerOf({ ...caller, roles: ['clinical_staff', 'agency_administrator'] }), { kind: 'administrator' }, 'roles combine')
  t.same(viewerOf({ ...caller, roles: ['founder'], providerId: null }), { kind: 'administrator' })
  t.same(viewerOf({ audience: 'patient', roles: ['patient'], patientId: ana, providerId: null }), { kind: 'patient', patientId: ana })
  t.same(viewerOf({ audience: 'patient', roles: ['founder'], patientId: ana, providerId: null }).kind, 'patient')
  for (const audience of [null, 'provider', 'service'])
    t.same(viewerOf({ ...caller, audience, roles: ['agency_administrator'] }), { kind: 'clinician', providerId: null }, String(audience))
})

t.test('asking narrows and never widens', async (t) => {
  const patient = { kind: 'patient', patientId: ana } as const
  t.same(sightOf(patient, { patientId: ben, providerId: kim }), { patientId: ana, providerId: kim, redacts: false })
  const clinician = { kind: 'clinician', providerId: robin } as const
  t.same(sightOf(clinician, {}), { patientId: null, providerId: robin, redacts: true })
  t.same(sightOf(clinician, { providerId: kim, patientId: ana }), { patientId: ana, providerId: robin, redacts: false })
  t.ok(seesNothing(sightOf({ kind: 'clinician', providerId: null }, { providerId: kim })))
  const administrator = { kind: 'administrator' } as const
  t.same(sightOf(administrator, {}), { patientId: null, providerId: null, redacts: false }, 'over everybody: left out, not redacted')
  t.same(sightOf(administrator, { providerId: kim }), { patientId: null, providerId: kim, redacts: true })
  t.same(sightOf(administrator, { providerId: kim, patientId: ana }), { patientId: ana, providerId: kim, redacts: false })
  t.notOk(seesNothing(sightOf(administrator, {})))
})

t.test('what belongs to what was asked', async (t) => {
  const people = { patientIds: [ana], providerIds: [robin, kim] }
  t.ok(isWithin({ patientId: null, providerId: null }, people))
  t.ok(isWithin({ patientId: ana, providerId: kim }, people))
  t.notOk(isWithin({ patientId: ben, providerId: null }, people))
  t.notOk(isWithin({ patientId: ana, providerId: ben }, people))
})

t.test('stale after a day, and where nothing is known', async (t) => {
  const asOf = new Date(0)
  t.notOk(isStale(asOf, new Date(freshForMs)))
  t.ok(isStale(asOf, new Date(freshForMs + 1)))
  t.ok(isStale(null, asOf))
})

const whole = {
  resourceType: 'Appointment',
  id: 'A-1.x',
  status: 'booked',
  start: '2026-03-29T01:30:00+02:00',
  end: '2026-03-29T02:00:00+02:00',
  participant: [
    { actor: { reference: `Patient/${ana}`, display: 'Somebody' } },
    { actor: { reference: `Practitioner/${robin}/_history/2` } },
    { actor: { reference: `Practitioner/${robin}` } },
    { actor: { reference: 'Practitioner/of-another-platform' } },
    { actor: { reference: 'Location/1' } },
    { type: [{ text: 'somebody' }] },
  ],
}

t.test('an Appointment of FHIR R4', async (t) => {
  const [start, end] = [new Date('2026-03-28T23:30:00Z'), new Date('2026-03-29T00:00:00Z')]
  const appointment = { id: 'A-1.x', patientId: ana, providerIds: [robin], status: 'booked', start, end }
  t.same(readAppointment(whole), { kind: 'appointment', appointment })
  t.equal(appointmentStatuses.length, 10)
  for (const status of appointmentStatuses) t.match(readAppointment({ ...whole, status }), { kind: 'appointment', appointment: { status } })
  const base = 'https://fhir.example.org/r4'
  const inFull = { ...whole, participant: [{ actor: { reference: `${base}/Patient/${ana}` } }] }
  t.equal(readAppointment(inFull, base).kind, 'appointment')
  t.match(readAppointment(inFull, 'https://fhir.example.org/r'), { kind: 'left-out' }, 'another server’s people are nobody here')
  t.match(readAppointment(inFull), { kind: 'left-out' })
})

t.test('what cannot stand in a calendar is left out, and nonsense is named', async (t) => {
  const of = (...references: string[]) => ({ ...whole, participant: references.map((reference) => ({ actor: { reference } })) })
  const leftOut = [
    of(),
    of(`Practitioner/${robin}`),
    of(`Patient/${ana}`, `Patient/${ben}`),
    of('Patient/17'),
    { ...whole, start: undefined, end: undefined },
  ]
  for (const resource of leftOut) t.equal(readAppointment(resource).kind, 'left-out')
  const wrong: unknown[] = [
    null, 7, 'Appointment', [], { ...whole, resourceType: 'Patient' }, { ...whole, id: 'a b' }, { ...whole, id: 'x'.repeat(65) },
    { ...whole, id: 7 }, { ...whole, status: 'BOOKED' }, { ...whole, status: ['booked'] }, { ...whole, participant: undefined },
    { ...whole, participant: Array.from({ length: 101 }, () => ({})) }, { ...whole, start: '2026-02-30T00:00:00Z' },
    { ...whole, start: '2026-03-01' }, { ...whole, start: '1969-12-31T23:59:59Z' }, { ...whole, end: '2026-03-28T00:00:00Z' },
    { ...whole, end: 7 },
  ] // prettier-ignore
  for (const resource of wrong) {
    const reading = readAppointment(resource)
    t.equal(reading.kind, 'wrong', JSON.stringify(resource)?.slice(0, 80))
    t.notMatch(JSON.stringify(reading), /Somebody|BOOKED|2026/)
  }
  for (const participant of [
    [null],
    [7],
    [{ actor: 7 }],
    [{ actor: { reference: 7 } }],
    [{ actor: { reference: `x/${'y'.repeat(3_000)}` } }],
  ])
    t.equal(readAppointment({ ...whole, participant }).kind, 'left-out')
})
