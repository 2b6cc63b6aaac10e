import t from 'tap'
import { contract } from '../../../config/contract.ts'
import { everyScope } from '../../../config/permissions.ts'
import { contexts } from '../../../plugins/contexts.ts'
import { checkManifests, checkOperation } from '../../../plugins/host/contract-check.ts'
import type { Manifest } from '../../../plugins/host/define-context.ts'
import type { Service } from '../../../plugins/host/service.ts'
import * as advisor from '../../../routes/advisor/index.ts'
import type { AnyOperation } from '../../../routes/shared/operation.ts'

const manifests = contexts.map(({ manifest }) => manifest)
const own = manifests.find(({ name }) => name === 'advisor')!
const without = (name: string): Manifest[] => manifests.filter((manifest) => manifest.name !== name)
const replaced = (name: string, change: Partial<Manifest>): Manifest[] =>
  manifests.map((manifest) => (manifest.name === name ? { ...manifest, ...change } : manifest))

t.test('the advisor comes last of the four, and needs the three before it', async (t) => {
  t.doesNotThrow(() => checkManifests(contract, manifests))
  for (const name of ['consent', 'clinical-drafts', 'appointments'])
    t.throws(() => checkManifests(contract, without(name)), /MIG-03 §6/, `without ${name}`)
  const first = [own, ...without('advisor')]
  t.throws(() => checkManifests(contract, first), { message: 'MIG-03 §6: advisor cannot load before consent.' })
  const upToDrafts = manifests.filter(({ name }) => ['consent', 'clinical-drafts', 'advisor'].includes(name))
  t.throws(() => checkManifests(contract, upToDrafts), { message: 'MIG-03 §6: advisor cannot load before appointments.' })
  const upToConsent = manifests.filter(({ name }) => ['consent', 'advisor'].includes(name))
  t.throws(() => checkManifests(contract, upToConsent), { message: 'MIG-03 §6: advisor cannot load before clinical-drafts.' })
})

t.test('it is given no further reach', async (t) => {
  const cases: [Partial<Manifest>, string][] = [
    [{ capabilities: [...own.capabilities, 'queue'] }, 'MIG-03 §6.4: advisor was not granted the capability "queue".'],
    [{ capabilities: [...own.capabilities, 'outbound-http'] }, 'MIG-03 §6.4: advisor was not granted the capability "outbound-http".'],
    [{ effects: ['read', 'advise', 'write'] }, 'MIG-03 §6.4: advisor was not granted the effect "write".'],
    [{ audience: ['staff', 'service'] }, 'MIG-03 §6.4: advisor was not granted the audience "service".'],
    [{ upstreamHosts: ['elsewhere.example'] }, 'MIG-03 §6.4: advisor was not granted the upstream host "elsewhere.example".'],
    [{ upstreamHosts: [] }, "MIG-03 §6.4: advisor is given the advisor's source and does not list ADVISOR_URL."],
    [{ step: 3 }, 'MIG-03 §6: advisor declares step 3, the contract says 4.'],
  ]
  for (const [change, message] of cases) t.throws(() => checkManifests(contract, replaced('advisor', change)), { message })
  t.throws(() => checkManifests(contract, replaced('clinical-drafts', { provides: [] })), {
    message: 'MIG-03 §6.1: advisor needs the port "own-draft", which no context before it provides.',
  })
  const wider = contract.approvals.map((one) => (one.name === 'advisor' ? { ...one, effects: [...one.effects, 'write'] } : one))
  t.throws(() => checkManifests({ ...contract, approvals: wider }, replaced('advisor', { effects: ['read', 'write'] })), {
    message: 'MIG-03 §6.4: advisor is given the advisor\'s source and has the effect "write"; an advisor advises.',
  })
})

t.test('an amendment permits what it names, once somebody has approved it', async (t) => {
  const wider = replaced('appointments', { capabilities: ['outbound-http', 'fields'] })
  const amendment = {
    id: 'A-1', clause: 'MIG-03 §6.3', decision: 'amended', permits: ['appointments: fields'], approvedBy: 'Migration Roadmap Owner',
    date: '2026-01-01', reason: 'asked for',
  } as const // prettier-ignore
  const check = (change: object): void => checkManifests({ ...contract, amendments: [{ ...amendment, ...change }] }, wider)
  t.doesNotThrow(() => check({}))
  const refused = { message: 'MIG-03 §6.3: appointments was not granted the capability "fields".' }
  for (const change of [{ approvedBy: '' }, { date: '' }, { reason: '' }, { permits: [] }, { permits: ['advisor: fields'] }])
    t.throws(() => check(change), refused)
})

t.test('an operation that asks an advisor is one that advises, in a transaction', async (t) => {
  const consulting = {
    agent: { agentId: 'a', policyVersionId: 'v' },
    read: async () => 0,
    consult: async () => 0,
    store: async () => ({ body: {} }),
  }
  const service = consulting as unknown as Service<AnyOperation>
  const check = (change: Partial<AnyOperation>, manifest: Partial<Manifest> = {}, served: Service<AnyOperation> = service): void =>
    checkOperation({ ...own, ...manifest }, { ...(advisor.createConsultation as AnyOperation), ...change }, served, new Set(everyScope))
  t.doesNotThrow(() => check({}))
  const cases: [() => void, string][] = [
    [() => check({ effect: 'write' }, { effects: ['write'] }), 'MIG-03 §6.4: createConsultation asks an advisor and has the effect "write".'],
    [() => check({}, { capabilities: ['advice'] }), 'MIG-03 §4, least privilege: createConsultation opens a domain transaction, and advisor was not granted the capability "transaction".'],
    [() => check({}, { needs: ['consent-decision'] }), 'MIG-03 §6.1: createConsultation asks through the port "own-draft", which advisor does not need.'],
    [() => check({ effect: 'read', method: 'GET', idempotency: 'none' }, {}, { answer: () => ({ body: {} }) }),
      'FusionEMS part 4, deny by default: createConsultation asks through a port, which only a domain transaction does.'],
  ] // prettier-ignore
  for (const [act, message] of cases) t.throws(act, { message })
})
