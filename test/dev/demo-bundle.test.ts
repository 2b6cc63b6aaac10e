import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { demoAgencies, lakeside, personaNamed, riverside } from '../../config/personas.ts'
import { demoBundle, type Resource } from '../../plugins/dev/demo-bundle.ts'
import { writeDemoFiles } from '../../plugins/dev/demo-files.ts'

const today = '2026-03-01'
const bundles = demoAgencies.map((agency) => ({ agency, bundle: demoBundle(agency, today) }))
const resourcesOf = (bundle: { entry: readonly { resource: Resource }[] }): any[] => bundle.entry.map(({ resource }) => resource)

/** By hand, from the pages of FHIR R4: what each resource must have, and what its coded elements may say. */
const required: Readonly<Record<string, readonly string[]>> = {
  Organization: ['name'],
  Patient: ['identifier', 'name', 'birthDate', 'telecom', 'managingOrganization'],
  Practitioner: ['identifier', 'name', 'telecom'],
  Appointment: ['status', 'participant', 'start', 'end'],
}
const elements: Readonly<Record<string, readonly string[]>> = {
  Organization: ['active', 'name', 'telecom'],
  Patient: ['active', 'identifier', 'name', 'telecom', 'gender', 'birthDate', 'managingOrganization'],
  Practitioner: ['active', 'identifier', 'name', 'telecom', 'gender', 'birthDate'],
  Appointment: ['identifier', 'status', 'cancelationReason', 'description', 'start', 'end', 'minutesDuration', 'created', 'participant'],
}
const valueSets = {
  gender: ['male', 'female', 'other', 'unknown'],
  appointment: [
    'proposed',
    'pending',
    'booked',
    'arrived',
    'fulfilled',
    'cancelled',
    'noshow',
    'entered-in-error',
    'checked-in',
    'waitlist',
  ],
  participation: ['accepted', 'declined', 'tentative', 'needs-action'],
  participantRequired: ['required', 'optional', 'information-only'],
  telecomSystem: ['phone', 'fax', 'email', 'pager', 'url', 'sms', 'other'],
  telecomUse: ['home', 'work', 'temp', 'old', 'mobile'],
  nameUse: ['usual', 'official', 'temp', 'nickname', 'anonymous', 'old', 'maiden'],
}
const instant = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/
const id = /^[A-Za-z0-9.-]{1,64}$/

t.test('every resource has what FHIR R4 requires and nothing that it does not know', async (t) => {
  for (const { bundle } of bundles) {
    t.match(bundle, { resourceType: 'Bundle', type: 'collection', timestamp: instant })
    t.equal(new Set(bundle.entry.map(({ fullUrl }) => fullUrl)).size, bundle.entry.length, 'each address once')
    for (const { fullUrl, resource } of bundle.entry) {
      const { resourceType, id: own, ...rest } = resource
      t.match(own, id)
      t.equal(fullUrl.split('/').slice(-2).join('/'), `${resourceType}/${own}`)
      for (const name of required[resourceType]!) t.ok(rest[name], `${resourceType}.${name}`)
      for (const name of Object.keys(rest)) t.ok(elements[resourceType]!.includes(name), `${resourceType}.${name} is of R4`)
    }
  }
})

t.test('coded elements come from their value sets', async (t) => {
  for (const resource of bundles.flatMap(({ bundle }) => resourcesOf(bundle))) {
    if (resource.gender) t.ok(valueSets.gender.includes(resource.gender))
    for (const { system, use } of resource.telecom ?? []) {
      t.ok(valueSets.telecomSystem.includes(system))
      t.ok(use === undefined || valueSets.telecomUse.includes(use))
    }
    if (Array.isArray(resource.name)) for (const { use, family } of resource.name) t.ok(valueSets.nameUse.includes(use) && family)
    for (const { system, value } of resource.identifier ?? []) t.ok(URL.canParse(system) && value)
    if (resource.birthDate) t.match(resource.birthDate, /^\d{4}-\d\d-\d\d$/)
    if (resource.resourceType !== 'Appointment') continue
    t.ok(valueSets.appointment.includes(resource.status))
    for (const one of resource.participant)
      t.ok(valueSets.participation.includes(one.status) && valueSets.participantRequired.includes(one.required))
  }
})

t.test('appointments keep the invariants of R4 and of the calendar', async (t) => {
  for (const resource of bundles
    .flatMap(({ bundle }) => resourcesOf(bundle))
    .filter(({ resourceType }) => resourceType === 'Appointment')) {
    for (const name of ['start', 'end', 'created']) t.match(resource[name], instant)
    t.equal((Date.parse(resource.end) - Date.parse(resource.start)) / 60_000, resource.minutesDuration)
    t.ok(resource.created < resource.start)
    t.ok(
      resource.participant.every((one: any) => one.actor || one.type),
      'app-1',
    )
    t.equal(resource.cancelationReason !== undefined && !['cancelled', 'noshow'].includes(resource.status), false, 'app-4')
    if (['fulfilled', 'noshow'].includes(resource.status)) t.ok(resource.start < `${today}T`, 'what took place lies behind')
    if (resource.status === 'booked') t.ok(resource.start > `${today}T`, 'what is booked lies ahead')
  }
})

const references = (value: unknown): string[] => {
  if (typeof value !== 'object' || value === null) return []
  return Object.entries(value).flatMap(([name, inner]) => (name === 'reference' ? [inner as string] : references(inner)))
}

t.test('every reference resolves within its bundle', async (t) => {
  for (const { bundle } of bundles) {
    const known = new Set(resourcesOf(bundle).map(({ resourceType, id: own }) => `${resourceType}/${own}`))
    const all = references(bundle)
    t.ok(all.length >= 9)
    for (const one of all) t.ok(known.has(one), one)
  }
})

/** By hand, from the design: who belongs where, each with appointments with `clinician`. */
const patients = { [riverside.id]: ['patient-ana', 'patient-ben'], [lakeside.id]: ['patient-cho'] }

t.test('the personas are there, each with past and coming appointments with the clinician', async (t) => {
  const clinician = `Practitioner/${personaNamed('clinician')!.providerId}`
  for (const { agency, bundle } of bundles) {
    const all = resourcesOf(bundle)
    const ids = all.filter(({ resourceType }) => resourceType === 'Patient').map((one) => one.id)
    t.same(ids.sort(), patients[agency.id]!.map((name) => personaNamed(name)!.patientId).sort())
    for (const own of ids) {
      const withClinician = all.filter((one) =>
        ['Patient', clinician].every((actor) => references(one.participant).some((each) => each === actor || each === `${actor}/${own}`)),
      )
      t.same([...new Set(withClinician.map(({ status }) => status))].sort(), ['booked', 'cancelled', 'fulfilled', 'noshow'], own)
    }
  }
  const practitioners = resourcesOf(bundles[0]!.bundle).filter(({ resourceType }) => resourceType === 'Practitioner')
  t.same(practitioners.map((one) => one.id).sort(), ['clinician', 'clinician-2'].map((name) => personaNamed(name)!.providerId).sort())
})

t.test('nobody real, and the same for the same date', async (t) => {
  for (const { agency, bundle } of bundles) {
    const text = JSON.stringify(bundle)
    t.same(demoBundle(agency, today), bundle)
    t.not(JSON.stringify(demoBundle(agency, '2026-03-02')), text)
    for (const [address] of text.matchAll(/[\w.]+@[\w.]+/g)) t.match(address, /@(?:\w+\.)?example\.org$/)
    for (const [number] of text.matchAll(/\+1-\d{3}-\d{3}-\d{4}/g)) t.match(number, /-555-01\d\d$/)
  }
  t.throws(() => demoBundle(riverside, 'soon'), RangeError)
})

t.test('the files are written once', async (t) => {
  const dataDir = mkdtempSync(join(tmpdir(), 'postern-demo-'))
  t.teardown(() => rmSync(dataDir, { recursive: true, force: true }))
  writeDemoFiles(dataDir, Date.parse(`${today}T12:00:00Z`))
  t.same(readdirSync(join(dataDir, 'demo')).sort(), ['lakeside.fhir.json', 'riverside.fhir.json'])
  t.same(JSON.parse(readFileSync(join(dataDir, 'demo/lakeside.fhir.json'), 'utf8')), bundles[1]!.bundle)
  writeFileSync(join(dataDir, 'demo/riverside.fhir.json'), 'mine')
  writeDemoFiles(dataDir, Date.parse('2027-01-01T00:00:00Z'))
  t.equal(readFileSync(join(dataDir, 'demo/riverside.fhir.json'), 'utf8'), 'mine')
  t.same(JSON.parse(readFileSync(join(dataDir, 'demo/lakeside.fhir.json'), 'utf8')), bundles[1]!.bundle)
})
