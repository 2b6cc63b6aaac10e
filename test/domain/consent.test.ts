import fc from 'fast-check'
import t from 'tap'
import {
  type Consent, type ConsentStatus, type ConsentStore, checkExpiry, consentScopes, consentStatuses, decide, grant, mayBecome, permits, reasonProblem,
  revocationOf, revoke, statusAt,
} from '../../domain/consent/index.ts' // prettier-ignore
import { consentScopes as scopesOfTheHost } from '../../routes/shared/operation.ts'

const now = new Date('2026-11-21T10:00:00.000Z')
const earlier = new Date(now.getTime() - 1)
const later = new Date(now.getTime() + 1)
const agencyId = '01920000-0000-7000-8000-a00000000001'
const patientId = '01920000-0000-7000-8000-c00000000001'
const auditId = '01920000-0000-7000-8000-e00000000001'

/** A store in memory that holds its caller to the port's promises. */
const memoryStore = (consents: Consent[] = []): ConsentStore & { consents: Consent[] } => {
  const change = (match: (consent: Consent) => boolean, to: Partial<Consent>): void =>
    consents.forEach((consent, index) => match(consent) && (consents[index] = { ...consent, ...to }))
  return {
    consents,
    take: async (id) => consents.find((consent) => consent.id === id) ?? null,
    retireExpired: async (patient, scope, at) =>
      change((c) => c.patientId === patient && c.scope === scope && c.status === 'active' && !permits(c, at), { status: 'inactive' }),
    add: async ({ auditId, ...consent }) => {
      if (!auditId) throw new Error('a consent without its audit row')
      if (consents.some((c) => c.patientId === consent.patientId && c.scope === consent.scope && c.status === 'active')) return false
      consents.push({ ...consent, status: 'active', revokedAt: null, reason: null })
      return true
    },
    revoke: async (id, { at, reason }) => change((c) => c.id === id, { status: 'inactive', revokedAt: at, reason }),
  }
}

const asked = { agencyId, patientId, scope: 'messaging', expiresAt: null, grantedBy: 'ana', now, auditId } as const

t.test('vocabulary', async (t) => {
  t.same([...consentScopes], ['messaging', 'clinical-documentation', 'appointments', 'advisor'])
  t.same([...consentScopes], [...scopesOfTheHost], 'the host gates by the same scopes')
  t.same([...consentStatuses], ['draft', 'proposed', 'active', 'rejected', 'inactive', 'entered-in-error'], 'FHIR R4')
})

t.test('only an active and unexpired consent permits', async (t) => {
  const table: [ConsentStatus, Date | null, boolean, ConsentStatus][] = [
    ['active', null, true, 'active'],
    ['active', later, true, 'active'],
    ['active', now, false, 'inactive'],
    ['active', earlier, false, 'inactive'],
    ['draft', null, false, 'draft'],
    ['proposed', later, false, 'proposed'],
    ['rejected', null, false, 'rejected'],
    ['inactive', null, false, 'inactive'],
    ['inactive', later, false, 'inactive'],
    ['entered-in-error', null, false, 'entered-in-error'],
  ]
  for (const [status, expiresAt, expected, shown] of table) {
    t.equal(permits({ status, expiresAt }, now), expected, `${status} until ${expiresAt?.toISOString() ?? 'revoked'}`)
    t.equal(statusAt({ status, expiresAt }, now), shown)
  }
  fc.assert(
    fc.property(
      fc.constantFrom(...consentStatuses),
      fc.option(fc.date({ noInvalidDate: true })),
      (status, expiresAt) => permits({ status, expiresAt }, now) === (statusAt({ status, expiresAt }, now) === 'active'),
    ),
  )
})

t.test('a consent goes from state to state as this table says', async (t) => {
  const allowed = new Set([
    'draft>proposed', 'draft>active', 'draft>rejected', 'draft>entered-in-error', 'proposed>active', 'proposed>rejected', 'proposed>entered-in-error',
    'active>inactive', 'active>entered-in-error', 'rejected>entered-in-error', 'inactive>entered-in-error',
  ]) // prettier-ignore
  for (const from of consentStatuses)
    for (const to of consentStatuses) t.equal(mayBecome(from, to), allowed.has(`${from}>${to}`), `${from} to ${to}`)
  const acts = { draft: 'refuse', proposed: 'refuse', active: 'revoke', rejected: 'refuse', inactive: 'keep', 'entered-in-error': 'refuse' }
  for (const status of consentStatuses) t.equal(revocationOf(status), acts[status], `revoking ${status}`)
})

t.test('rules of the input', async (t) => {
  checkExpiry(null, now)
  checkExpiry(later, now)
  for (const past of [now, earlier])
    t.throws(() => checkExpiry(past, now), { code: 'VALIDATION_FAILED', details: { errors: [{ pointer: '/expiresAt', rule: 'future' }] } })
  t.equal(reasonProblem(null), null)
  t.equal(reasonProblem('🙂'.repeat(500)), null)
  t.match(reasonProblem('🙂'.repeat(501)), { code: 'VALIDATION_FAILED', details: { errors: [{ pointer: '/reason', rule: 'maxLength' }] } })
  t.match(reasonProblem('\u200b '), { details: { errors: [{ pointer: '/reason', rule: 'not-blank' }] } })
  t.same(decide('x', now), { decision: 'permit', consentId: 'x', evaluatedAt: now })
  t.same(decide(null, now), { decision: 'deny', consentId: null, evaluatedAt: now })
})

t.test('granting', async (t) => {
  const store = memoryStore()
  const granted = await grant(store, asked)
  t.match(granted, {
    agencyId,
    patientId,
    scope: 'messaging',
    status: 'active',
    grantedAt: now,
    grantedBy: 'ana',
    expiresAt: null,
    revokedAt: null,
    reason: null,
  })
  t.same(store.consents, [granted])
  await t.rejects(grant(store, asked), { code: 'CONFLICT', reason: 'duplicate' })
  await grant(store, { ...asked, scope: 'advisor' })
  await t.rejects(grant(store, { ...asked, scope: 'appointments', expiresAt: now }), { code: 'VALIDATION_FAILED' })
  t.equal(store.consents.length, 2)
})

t.test('an expired consent does not stand in the way of a new one', async (t) => {
  const store = memoryStore()
  const first = await grant(store, { ...asked, expiresAt: later })
  await t.rejects(grant(store, asked), { code: 'CONFLICT' }, 'not while it permits')
  const second = await grant(store, { ...asked, now: later })
  t.same(
    store.consents.map(({ id, status }) => [id, status]),
    [
      [first.id, 'inactive'],
      [second.id, 'active'],
    ],
  )
})

t.test('revoking', async (t) => {
  const store = memoryStore()
  const granted = await grant(store, asked)
  const withdrawal = { consentId: granted.id, reason: 'I moved', now: later, auditId }
  const first = await revoke(store, withdrawal)
  t.same(first.before, granted)
  t.same(first.after, { ...granted, status: 'inactive', revokedAt: later, reason: 'I moved' })
  const again = await revoke(store, { ...withdrawal, reason: 'another reason', now: new Date(later.getTime() + 5000) })
  t.same(again.after, first.after, 'twice: nothing changes and the answer is the same')
  await grant(store, { ...asked, now: later })
  t.equal(store.consents.length, 2, 'and a new consent can be granted')
  await t.rejects(revoke(store, { ...withdrawal, consentId: auditId }), { code: 'NOT_FOUND' })
  await t.rejects(revoke(store, { ...withdrawal, reason: ' ' }), { code: 'VALIDATION_FAILED' })
})

t.test('a clock that is behind the one of the grant keeps nobody from withdrawing', async (t) => {
  const store = memoryStore()
  const granted = await grant(store, { ...asked, now: later })
  const { after } = await revoke(store, { consentId: granted.id, reason: null, now: new Date(later.getTime() - 200), auditId })
  t.same(after.revokedAt, later, 'no revocation is older than its consent')
})

t.test('revoking one that has expired or never was in force', async (t) => {
  const store = memoryStore()
  const granted = await grant(store, { ...asked, expiresAt: later })
  const { after } = await revoke(store, { consentId: granted.id, reason: null, now: later, auditId })
  t.same(after, granted, 'it is over already')
  const proposed: Consent = { ...granted, id: auditId, status: 'proposed' }
  store.consents.push(proposed)
  await t.rejects(revoke(store, { consentId: auditId, reason: null, now, auditId }), { code: 'CONFLICT', reason: 'default' })
})
