import type pg from 'pg'
import t, { type Test } from 'tap'
import { createAuditTrail, verifyAudit, type AuditTrail, type Verification } from '../../../plugins/host/audit/index.ts'
import { testDatabase, type TestDatabase } from '../../database.ts'
import { auditKeys, connect, facts, frozenClock, lakeside, memoryCheckpoints, poolFor, riverside, signer } from './helper.ts'

interface Scene {
  db: TestDatabase
  superuser: pg.Client
  trail: AuditTrail
  checkpoints: ReturnType<typeof memoryCheckpoints>
  verify(agencyId?: string): Promise<Verification>
  ids: string[]
}

const clock = frozenClock()

/** Twelve chained rows of one agency and two of another, heads signed at the eighth and at the last. */
const scene = async (test: Test): Promise<Scene> => {
  const db = await testDatabase(test)
  const superuser = await connect(test, db.superuserUrl)
  const checkpoints = memoryCheckpoints()
  const trail = createAuditTrail({ pool: poolFor(test, db.appUrl), lanes: [3], keys: auditKeys, clock, signer, checkpoints })
  test.teardown(() => trail.close())
  const ids: string[] = []
  for (let n = 1; n <= 12; n += 1) {
    const event = facts({ payload: { body: `message ${n}` }, idempotencyKey: `key-${n}` })
    ids.push(event.id)
    await trail.record(event, n % 3 === 0 ? 'FORBIDDEN' : 'success')
    if (n === 8) await trail.checkpoint()
  }
  await trail.record(facts({ agencyId: lakeside }), 'success')
  await trail.record(facts({ agencyId: lakeside }), 'success')
  await trail.checkpoint()
  const verify = (agencyId?: string): Promise<Verification> =>
    verifyAudit({ connectionString: db.ownerUrl, checkpoints, publicKeys: [signer.publicKey], clock, agencyId })
  return { db, superuser, trail, checkpoints, verify, ids }
}

const triggersOff = ['audit_event', 'audit_head', 'audit_ai_action'].map((table) => `alter table ${table} disable trigger all`)

/** Tampers as somebody who can do anything in the database: triggers off, row security bypassed. */
const tamper = async ({ superuser }: Scene, ...statements: string[]): Promise<void> => {
  await superuser.query(['begin', ...triggersOff, ...statements].join('; '))
}

const row = (seq: number): string => `agency_id = '${riverside}' and seq = ${seq}`

t.test('an untouched store is valid, and says how far it was looked at', async (t) => {
  const { verify } = await scene(t)
  const all = await verify()
  t.equal(all.valid, true)
  t.equal(all.rows, 14)
  t.equal(all.firstBreak, undefined)
  t.equal(all.checkedAt, '2026-12-01T10:00:00.123Z')
  t.same(
    all.heads.map(({ agencyId, lane, seq }) => [agencyId, lane, seq]),
    [
      [riverside, 3, 12],
      [lakeside, 3, 2],
    ],
  )
  t.same(all.checkpoint, { signedAt: '2026-12-01T10:00:00.123Z', heads: 2, matched: 2, unknownKeys: 0 })
  const one = await verify(lakeside)
  t.equal(one.valid, true)
  t.equal(one.rows, 2)
})

t.test('every column of a row is covered by its hash', async (t) => {
  const s = await scene(t)
  const changes: Record<string, string> = {
    id: `'99999999-9999-4999-8999-999999999999'`,
    at: `at + interval '1 millisecond'`,
    action: `'readMessage'`,
    outcome: `'CONFLICT'`,
    reason: `''`,
    user_id: `'ben'`,
    role: `null`,
    agent_id: `'agent'`,
    policy_version_id: `'v1'`,
    under_role: `'clinical_staff'`,
    patient_id: `null`,
    entity_type: `'consent'`,
    entity_id: `'x'`,
    ip: `'127.0.0.2'`,
    request_id: `null`,
    idempotency_key: `null`,
    bypass: `true`,
    count: `1`,
    payload: `set_byte(payload, 20, (get_byte(payload, 20) + 1) % 256)`,
    changes: `'\\x00'`,
    hash: `set_byte(hash, 0, (get_byte(hash, 0) + 1) % 256)`,
  }
  for (const [column, value] of Object.entries(changes)) {
    await tamper(s, `update audit_event set ${column} = ${value} where ${row(5)}`)
    const found = await verifyAudit({ client: dirty(s.superuser), clock })
    t.equal(found.valid, false, column)
    t.equal(found.firstBreak?.kind, 'changed', column)
    t.equal(found.firstBreak?.seq, 5, column)
    await s.superuser.query('rollback')
  }
})

/** Verification inside the tampering transaction itself, so that each case can be rolled back. */
const dirty = (client: pg.Client): pg.Client => {
  const query = (first: unknown, ...rest: unknown[]): unknown =>
    typeof first === 'string' && /^(begin|rollback)/.test(first)
      ? Promise.resolve({ rows: [] })
      : Reflect.apply(client.query, client, [first, ...rest])
  return new Proxy(client, { get: (target, name) => (name === 'query' ? query : Reflect.get(target, name)) })
}

interface Case {
  readonly what: string
  readonly statements: readonly string[]
  readonly kind: string
  readonly seq: number
  /** The row that must be named: its place in the scene, or the forged one. */
  readonly names?: number | typeof forged
}

const forged = '77777777-7777-4777-8777-777777777777'

const hashed = (where: string): string => `
  update audit_event e set hash = sha256((select p.hash from audit_event p where p.agency_id = e.agency_id and p.seq = e.seq - 1) ||
    audit_canonical(lane, seq, outcome, reason, id, agency_id, at, action, user_id, role, agent_id, policy_version_id, under_role, patient_id, entity_type,
      entity_id, ip, request_id, idempotency_key, bypass, count, payload, changes)) where ${where}`
const rehash = (seq: number): string => hashed(row(seq))
const rehashFrom = (first: number, last: number): string[] => Array.from({ length: last - first + 1 }, (_, n) => rehash(first + n))
const swap = `update audit_event set seq = case seq when 5 then 9 else 5 end where agency_id = '${riverside}' and seq in (5, 9)`
const headOf = (seq: number): string =>
  `update audit_head set seq = ${seq}, hash = (select hash from audit_event where ${row(seq)}) where agency_id = '${riverside}'`
const copyOf5 = (seq: string): string => `
  insert into audit_event (id, agency_id, lane, seq, at, action, outcome, bypass, hash)
  select '${forged}', agency_id, lane, ${seq}, at, 'forged', 'success', false, hash from audit_event where ${row(5)}`

const cases: readonly Case[] = [
  { what: 'a changed row', statements: [`update audit_event set user_id = 'ben' where ${row(6)}`], kind: 'changed', seq: 6, names: 5 },
  {
    what: 'a changed row with its hash made anew',
    statements: [`update audit_event set user_id = 'ben' where ${row(6)}`, rehash(6)],
    kind: 'changed',
    seq: 7,
  },
  { what: 'a removed row', statements: [`delete from audit_event where ${row(6)}`], kind: 'removed', seq: 6 },
  {
    what: 'removed rows',
    statements: [`delete from audit_event where agency_id = '${riverside}' and seq between 4 and 7`],
    kind: 'removed',
    seq: 4,
  },
  { what: 'the first row removed', statements: [`delete from audit_event where ${row(1)}`], kind: 'removed', seq: 1 },
  {
    what: 'a removed row, and those behind it moved down',
    statements: [
      `delete from audit_event where ${row(6)}`,
      `update audit_event set seq = seq - 1 where agency_id = '${riverside}' and seq > 6`,
      headOf(11),
    ],
    kind: 'removed',
    seq: 6,
  },
  { what: 'a second row of one number', statements: [copyOf5('5')], kind: 'inserted', seq: 5, names: forged },
  {
    what: 'a second row of one number with a hash that fits',
    statements: [copyOf5('5'), hashed(`id = '${forged}'`)],
    kind: 'inserted',
    seq: 5,
    names: forged,
  },
  {
    what: 'a row put between others',
    statements: [`update audit_event set seq = seq + 1 where agency_id = '${riverside}' and seq > 5`, copyOf5('6'), headOf(13)],
    kind: 'inserted',
    seq: 6,
    names: forged,
  },
  { what: 'two rows in each other’s place', statements: [swap], kind: 'reordered', seq: 9, names: 4 },
  { what: 'a row moved to the end', statements: [`update audit_event set seq = 13 where ${row(6)}`], kind: 'reordered', seq: 13, names: 5 },
  { what: 'a row moved to another lane', statements: [`update audit_event set lane = 9 where ${row(6)}`], kind: 'removed', seq: 6 },
  { what: 'a cut tail', statements: [`delete from audit_event where agency_id = '${riverside}' and seq > 10`], kind: 'cut-tail', seq: 11 },
  {
    what: 'a cut tail with the head set back',
    statements: [`delete from audit_event where agency_id = '${riverside}' and seq > 10`, headOf(10)],
    kind: 'cut-tail',
    seq: 11,
  },
  {
    what: 'a chain that is gone, head and all',
    statements: [`delete from audit_event where agency_id = '${riverside}'`, `delete from audit_head where agency_id = '${riverside}'`],
    kind: 'cut-tail',
    seq: 1,
  },
  { what: 'a head set back', statements: [headOf(9)], kind: 'head', seq: 9 },
  {
    what: 'a head with another hash',
    statements: [`update audit_head set hash = sha256('x') where agency_id = '${riverside}'`],
    kind: 'head',
    seq: 12,
  },
  { what: 'a missing head', statements: [`delete from audit_head where agency_id = '${riverside}'`], kind: 'head', seq: 12 },
  {
    what: 'a chain written anew from row 7 on, with its head',
    statements: [`update audit_event set user_id = 'ben' where ${row(7)}`, ...rehashFrom(7, 12), headOf(12)],
    kind: 'rewritten',
    seq: 8,
  },
  {
    what: 'a row before the first',
    statements: [copyOf5('0')],
    kind: 'inserted',
    seq: 0,
  },
  {
    what: 'a row of a chain without a head',
    statements: [
      `insert into audit_event (id, agency_id, lane, seq, at, action, outcome, bypass, hash)
       values ('${forged}', '88888888-8888-4888-8888-888888888888', 0, 1, now(), 'forged', 'success', false, sha256('x'))`,
    ],
    kind: 'inserted',
    seq: 1,
  },
]

t.test('whatever somebody with every right does is named', async (t) => {
  const s = await scene(t)
  for (const { what, statements, kind, seq, names } of cases) {
    await tamper(s, ...statements)
    for (const rangeRows of [20_000, 2, 5]) {
      const found = await verifyAudit({
        client: dirty(s.superuser),
        checkpoints: s.checkpoints,
        publicKeys: [signer.publicKey],
        clock,
        rangeRows,
      })
      const said = `${what}, in ranges of ${rangeRows}`
      t.equal(found.valid, false, said)
      t.match(found.firstBreak, { kind, seq }, said)
      if (names !== undefined) t.equal(found.firstBreak?.id, names === forged ? forged : s.ids[names], `${said}: the row`)
    }
    await s.superuser.query('rollback')
  }
  t.equal((await s.verify()).valid, true, 'each case was undone')
})

t.test('signed heads: forged, torn and foreign lines', async (t) => {
  const s = await scene(t)
  const [first, ...others] = s.checkpoints.lines
  s.checkpoints.lines = [first!.slice(0, 40), ...others]
  t.equal((await s.verify()).valid, true, 'a torn line says nothing')
  s.checkpoints.lines = [first!, ...others].map((line) => line.replace('\\"v\\":1', '\\"v\\":2'))
  t.match((await s.verify()).firstBreak, { kind: 'checkpoint' }, 'a line that was changed is named')
  s.checkpoints.lines = [first!, ...others]
  const foreign = await verifyAudit({ connectionString: s.db.ownerUrl, checkpoints: s.checkpoints, publicKeys: [], clock })
  t.equal(foreign.valid, true)
  t.equal(foreign.checkpoint, null, 'heads signed by a key that is not known prove nothing')
})

t.test('the AI action log must agree with the chain', async (t) => {
  const s = await scene(t)
  const agent = { agentId: 'scribe', policyVersionId: 'p-1', underRole: 'clinical_staff' }
  await s.trail.record(facts({ agent, action: 'listConsents' }), 'success')
  t.equal((await s.verify()).valid, true)
  await s.superuser.query(triggersOff.join('; '))
  await s.superuser.query(`update audit_ai_action set outcome = 'FORBIDDEN'`)
  t.match((await s.verify()).firstBreak, { kind: 'ai-action', seq: 13 })
  await s.superuser.query('delete from audit_ai_action')
  t.match((await s.verify()).firstBreak, { kind: 'ai-action', seq: 13 })
})

t.test('ranges that are checked side by side find the first break', async (t) => {
  const s = await scene(t)
  const beside = {
    connectionString: s.db.ownerUrl,
    checkpoints: s.checkpoints,
    publicKeys: [signer.publicKey],
    clock,
    connections: 3,
    rangeRows: 2,
  }
  t.match(await verifyAudit(beside), { valid: true, rows: 14 })
  await s.superuser.query(triggersOff.join('; '))
  await s.superuser.query(`update audit_event set user_id = 'ben' where ${row(11)}; delete from audit_event where ${row(6)}`)
  t.match(await verifyAudit(beside), { valid: false, firstBreak: { kind: 'removed', seq: 6 } })
  await t.rejects(verifyAudit({ ...beside, connectionString: s.db.ownerUrl.replace(/:\d+\//, ':1/') }))
})
