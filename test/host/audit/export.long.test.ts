import { execFile } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { fileURLToPath } from 'node:url'
import t, { type Test } from 'tap'
import { newId } from '../../../domain/shared/ids.ts'
import { newest } from '../../../domain/shared/page.ts'
import { createAuditStore, createAuditTrail, verifyAudit, type AuditStore, type AuditTrail } from '../../../plugins/host/audit/index.ts'
import { extendMonths, retirableMonths } from '../../../plugins/host/audit/months.ts'
import { retireMonth } from '../../../plugins/host/audit/retire.ts'
import { checkIsolation } from '../../../plugins/host/database/isolation-check.ts'
import { createSigner, generateKey, parseKeySet } from '../../../plugins/host/crypto/index.ts'
import { verifyExport } from '../../../plugins/cli/verify-export.mjs'
import { testDatabase, type TestDatabase } from '../../database.ts'
import { auditKeys, connect, facts, frozenClock, lakeside, memoryCheckpoints, poolFor, riverside, signer, signingKey } from './helper.ts'

const unavailable = { code: 'UPSTREAM_UNAVAILABLE' }
const first = { before: { at: new Date(newest.at), id: newest.id }, limit: 50 }
const clock = frozenClock()
const anotherKey = createSigner(randomBytes(32).toString('base64')).publicKey

interface Scene {
  db: TestDatabase
  trail: AuditTrail
  store: AuditStore
  checkpoints: ReturnType<typeof memoryCheckpoints>
}

const scene = async (test: Test): Promise<Scene> => {
  const db = await testDatabase(test)
  const checkpoints = memoryCheckpoints()
  const pool = poolFor(test, db.appUrl)
  const trail = createAuditTrail({ pool, lanes: [1], keys: auditKeys, clock, signer, checkpoints })
  test.teardown(() => trail.close())
  return { db, trail, checkpoints, store: createAuditStore({ pool, keys: auditKeys, clock, checkpoints, signingKey }) }
}

const minute = (n: number): number => Date.parse('2026-12-01T10:00:00.000Z') + n * 60_000

t.test('an auditor finds events by who, what, when and how it ended, in their agency alone', async (t) => {
  const { trail, store } = await scene(t)
  const told = [
    facts({ at: minute(1), userId: 'ana', action: 'sendMessage', entityId: 'c-1' }),
    facts({ at: minute(2), userId: 'ben', action: 'sendMessage', entityId: 'c-2' }),
    facts({ at: minute(3), userId: 'ana', action: 'grantConsent', entityId: 'c-3', before: null, after: { status: 'active' } }),
    facts({ at: minute(4), userId: 'ana', action: 'sendMessage', entityId: 'c-1' }),
    facts({ at: minute(5), userId: 'zoe', action: 'sendMessage', agencyId: lakeside }),
  ]
  const outcomes = ['success', 'FORBIDDEN', 'success', 'CONSENT_REQUIRED', 'success']
  for (const [n, event] of told.entries()) await trail.record(event, outcomes[n]!)
  const found = async (filter: object): Promise<number[]> =>
    (await store.events(riverside, { ...first, ...filter })).map(({ id }) => told.findIndex((event) => event.id === id))
  t.same(await found({}), [3, 2, 1, 0], 'the newest first')
  t.same(await found({ actor: 'ana' }), [3, 2, 0])
  t.same(await found({ action: 'grantConsent' }), [2])
  t.same(await found({ entity: 'c-1' }), [3, 0])
  t.same(await found({ outcome: 'success' }), [2, 0])
  t.same(await found({ outcome: 'FORBIDDEN' }), [1])
  t.same(await found({ actor: 'ana', outcome: 'CONSENT_REQUIRED', action: 'sendMessage', entity: 'c-1' }), [3])
  t.same(await found({ from: new Date(minute(2)), to: new Date(minute(4)) }), [2, 1], 'from on, before to')
  t.same(await found({ actor: "'; drop table audit_event; --" }), [])
  t.same(await found({ limit: 2 }), [3, 2])
  t.same(await found({ before: { at: new Date(minute(3)), id: told[2]!.id } }), [1, 0], 'a page goes on behind its cursor')
  const [grant] = await store.events(riverside, { ...first, action: 'grantConsent' })
  t.match(grant, {
    payload: { body: 'MARKED hello' },
    before: null,
    after: { status: 'active' },
    readable: true,
    lane: 1,
    seq: 3,
    accessReason: null,
    count: null,
  })
  t.match(await store.events(lakeside, first), [{ userId: 'zoe', agencyId: lakeside }])
  t.same(await store.events('99999999-9999-4999-8999-999999999999', first), [])
})

t.test('agents have a log of their own', async (t) => {
  const { trail, store } = await scene(t)
  const agent = { agentId: 'scribe', policyVersionId: 'p-1', underRole: 'clinical_staff' }
  await trail.record(facts({ at: minute(1), agent, action: 'listConsents' }), 'success')
  await trail.record(facts({ at: minute(2), agent, action: 'sendMessage' }), 'FORBIDDEN')
  await trail.record(facts({ at: minute(3) }), 'success')
  t.match(await store.aiActions(riverside, first), [
    { action: 'sendMessage', outcome: 'FORBIDDEN', executedBy: 'AI Agent under clinical_staff authority' },
    { action: 'listConsents', outcome: 'success', agentId: 'scribe', userId: 'ana', policyVersionId: 'p-1' },
  ])
  t.same(await store.aiActions(lakeside, first), [])
})

t.test('payloads of old keys open, those of unknown keys are said to be unreadable', async (t) => {
  const { db, trail } = await scene(t)
  await trail.record(facts({ after: { a: 1 } }), 'success')
  const fresh = generateKey('audit2')
  const storeWith = (keys: ReturnType<typeof parseKeySet>) =>
    createAuditStore({ pool: poolFor(t, db.appUrl, 1), keys, clock, checkpoints: memoryCheckpoints(), signingKey })
  t.match(await storeWith([...parseKeySet(fresh), ...auditKeys]).events(riverside, first), [
    { readable: true, payload: { body: 'MARKED hello' } },
  ])
  t.match(await storeWith(parseKeySet(fresh)).events(riverside, first), [{ readable: false, payload: null, after: null }])
})

t.test('verification by an auditor covers their agency, and a store that is down is 503', async (t) => {
  const { db, trail, store } = await scene(t)
  for (let n = 0; n < 5; n += 1) await trail.record(facts(), 'success')
  await trail.record(facts({ agencyId: lakeside }), 'success')
  await trail.checkpoint()
  const [one, again, other] = await Promise.all([store.verify(riverside), store.verify(riverside), store.verify(lakeside)])
  t.match(one, { valid: true, rows: 5, heads: [{ lane: 1, seq: 5 }], checkpoint: { heads: 1, matched: 1 } })
  t.equal(one, again, 'asked twice at once, checked once')
  t.match(other, { valid: true, rows: 1 })
  const superuser = await connect(t, db.superuserUrl)
  await superuser.query('alter table audit_event disable trigger all; delete from audit_event where seq = 3')
  t.match(await store.verify(riverside), { valid: false, firstBreak: { kind: 'removed', seq: 3, agencyId: riverside } })
  t.match(await store.verify(lakeside), { valid: true })
  await superuser.query('alter table audit_event rename to gone')
  await t.rejects(store.verify(riverside), unavailable)
  await t.rejects(store.events(riverside, first), unavailable)
  await t.rejects(store.aiActions(riverside, { ...first, limit: -1 }), unavailable)
  await t.rejects(store.export(riverside, {}), unavailable)
  const closed = createAuditStore({
    pool: poolFor(t, db.appUrl.replace(/:\d+\//, ':1/')),
    keys: auditKeys,
    clock,
    checkpoints: memoryCheckpoints(),
    signingKey,
  })
  await t.rejects(closed.verify(riverside), unavailable)
})

/** Twelve rows in two lanes, the head of the first lane signed at its fourth row and at its end. */
const exported = async (test: Test): Promise<string[]> => {
  const { db, trail, store, checkpoints } = await scene(test)
  const second = createAuditTrail({ pool: poolFor(test, db.appUrl), lanes: [2], keys: auditKeys, clock, signer, checkpoints })
  test.teardown(() => second.close())
  for (let n = 0; n < 6; n += 1) {
    await trail.record(facts({ userId: `größe ${n}`, reason: null, after: { n } } as object), 'success')
    await second.record(
      facts({ count: n, payload: undefined, agent: { agentId: 'a', policyVersionId: 'p', underRole: 'r' } }),
      'replayed',
      'x',
    )
    if (n === 3) await trail.checkpoint()
  }
  await trail.record(facts({ agencyId: lakeside }), 'success')
  await Promise.all([trail.checkpoint(), second.checkpoint()])
  const whole = await text(await store.export(riverside, {}))
  return whole.split('\n').filter(Boolean)
}

t.test('an export checks offline; it holds ciphertext and plaintext, and nothing of other agencies', async (t) => {
  const lines = await exported(t)
  t.notMatch(lines.join(), lakeside)
  const found = await verifyExport(lines, [signer.publicKey])
  t.same(found, { valid: true, rows: 12, chains: 2, signedHeads: 2, sealed: true, ownKey: false })
  t.match(await verifyExport(lines), { valid: true, ownKey: true })
  const event = lines.map((line) => JSON.parse(line)).find(({ type }) => type === 'event')
  t.match(event, { opened: { payload: { body: 'MARKED hello' }, after: { n: 0 } }, payload: /^[A-Za-z0-9+/]+=*$/, user_id: 'größe 0' })
  t.notMatch(Buffer.from(event.payload, 'base64').toString('latin1'), 'MARKED')
  t.match(await verifyExport(lines, [anotherKey]), { valid: false, sealed: false })
})

t.test('whatever is done to an export is found, and rows are named', async (t) => {
  const lines = await exported(t)
  const at = (lane: number, seq: number): number =>
    lines.findIndex((line) => line.includes('"type":"event"') && line.includes(`"lane":${lane},"seq":${seq},`))
  const edit = (index: number, from: string | RegExp, to: string): string[] => {
    const copy = lines.with(index, lines[index]!.replace(from, to))
    t.not(copy[index], lines[index], 'the case does what it says')
    return copy
  }
  const id = (lane: number, seq: number): string => JSON.parse(lines[at(lane, seq)]!).id
  const swapped = lines.with(at(1, 2), lines[at(1, 4)]!).with(at(1, 4), lines[at(1, 2)]!)
  const chainLine = lines.findIndex((line) => line.includes('"type":"chain"'))
  const cases: [string, string[], object][] = [
    ['a changed row', edit(at(1, 3), '"user_id":"größe 2"', '"user_id":"ben"'), { kind: 'changed', seq: 3, id: id(1, 3) }],
    ['a changed ciphertext', edit(at(1, 3), /"payload":"(....)/, '"payload":"AAAA'), { kind: 'changed', seq: 3, id: id(1, 3) }],
    ['a changed plaintext', edit(at(1, 3), 'MARKED hello', 'MARKED bye'), { kind: 'seal' }],
    ['a changed hash', edit(at(1, 3), /"hash":"."?/, '"hash":"0'), { kind: 'changed', seq: 3 }],
    ['a removed row', lines.toSpliced(at(1, 3), 1), { kind: 'removed', seq: 3 }],
    ['a removed last row', lines.toSpliced(at(2, 6), 1), { kind: 'cut-tail', seq: 6, lane: 2 }],
    ['a row twice', lines.toSpliced(at(1, 3), 0, lines[at(1, 3)]!), { kind: 'inserted', seq: 3 }],
    ['a forged row of a number', lines.toSpliced(at(1, 3), 0, lines[at(1, 3)]!.replace('größe 2', 'ben')), { kind: 'inserted', seq: 3 }],
    ['two rows in each other’s place', swapped, { kind: 'reordered', seq: 2, id: id(1, 2) }],
    [
      'numbers exchanged',
      edit(at(1, 2), '"seq":2,', '"seq":5,').with(at(1, 5), lines[at(1, 5)]!.replace('"seq":5,', '"seq":2,')),
      { kind: 'reordered', id: id(1, 2) },
    ],
    ['a row of another lane', lines.toSpliced(at(1, 3), 1, lines[at(2, 3)]!), { kind: 'changed', seq: 3 }],
    ['another beginning', edit(chainLine, /"before":"0/, '"before":"1'), { kind: 'changed', seq: 1 }],
    ['a shorter chain', edit(chainLine, '"to":6', '"to":5'), { kind: 'inserted', seq: 6 }],
    ['a removed signed head', lines.filter((line) => !line.includes('"type":"checkpoint"')), { kind: 'seal' }],
    ['a changed signed head', edit(1, ',6,', ',5,'), { kind: 'checkpoint' }],
    ['no seal', lines.slice(0, -1), { kind: 'cut-tail' }],
    ['lines behind the seal', [...lines, lines[at(1, 1)]!], { kind: 'inserted' }],
    ['no first line', lines.slice(1), { kind: 'removed' }],
    ['no JSON', lines.with(at(1, 2), 'nonsense'), { kind: 'changed' }],
    ['a line of no kind', lines.toSpliced(3, 0, '{"type":"__proto__"}'), { kind: 'inserted' }],
    ['a row of wrong types', lines.with(at(1, 2), '{"type":"event","agency_id":1,"lane":1,"seq":2}'), { kind: 'changed' }],
    ['nothing', [], { kind: 'cut-tail' }],
  ]
  for (const [what, tampered, firstBreak] of cases) {
    const found = await verifyExport(tampered, [signer.publicKey])
    t.equal(found.valid, false, what)
    t.match(found.firstBreak, firstBreak, what)
  }
})

t.test('an export of some days begins and ends where they do, and still chains', async (t) => {
  const { trail, store } = await scene(t)
  for (let n = 0; n < 10; n += 1) await trail.record(facts({ at: minute(n) }), 'success')
  // A row that arrived late stands between rows of a later time.
  await trail.record(facts({ at: minute(4) }), 'success')
  await trail.checkpoint()
  const some = (await text(await store.export(riverside, { from: new Date(minute(3)), to: new Date(minute(6)) }))).split('\n')
  t.match(await verifyExport(some, [signer.publicKey]), { valid: true, rows: 8, chains: 1, signedHeads: 1 })
  const none = (await text(await store.export(riverside, { from: new Date(minute(100)) }))).split('\n')
  t.match(await verifyExport(none, [signer.publicKey]), { valid: true, rows: 0, chains: 0 })
})

t.test('a month is retired whole, signed, audited, and the chain goes on', async (t) => {
  const directory = mkdtempSync(join(tmpdir(), 'postern-retire-'))
  t.teardown(() => rmSync(directory, { recursive: true, force: true }))
  const { db, trail, store, checkpoints } = await scene(t)
  const owner = await connect(t, db.ownerUrl)
  const superuser = await connect(t, db.superuserUrl)
  await owner.query("select audit_add_partition('2020-01-01'), audit_add_partition('2020-02-01')")
  const agent = { agentId: 'a', policyVersionId: 'p', underRole: 'r' }
  const times = ['2020-01-05', '2020-01-20', '2020-01-31', '2020-02-01', '2020-01-31', '2020-02-02', '2020-02-03', '2026-12-01']
  for (const time of times) await trail.record(facts({ at: Date.parse(`${time}T12:00:00Z`), agent }), 'success')
  await trail.record(facts({ agencyId: lakeside, at: Date.parse('2020-01-09T00:00:00Z') }), 'success')
  await trail.checkpoint()
  const common = { ownerUrl: db.ownerUrl, directory, keys: auditKeys, signer, publicKeys: [signer.publicKey], checkpoints }
  const verify = () => verifyAudit({ connectionString: db.ownerUrl, checkpoints, publicKeys: [signer.publicKey], clock })
  t.match(await verify(), { valid: true, rows: 9 })
  const later = frozenClock(Date.parse('2027-02-01T00:00:00Z'))
  const tooEarly = frozenClock(Date.parse('2027-01-31T23:59:59Z'))
  await t.rejects(retireMonth({ ...common, clock: tooEarly, month: '2020-01' }), /must be kept until 2027-02-01/)
  await t.rejects(retireMonth({ ...common, clock: later, month: '2020-13' }), /YYYY-MM/)
  await t.rejects(retireMonth({ ...common, clock: later, month: '2019-12' }), /no partition/)
  t.same(await retirableMonths(db.ownerUrl, tooEarly), [])
  t.same(await retirableMonths(db.ownerUrl, later), ['2020-01'])

  writeFileSync(join(directory, 'audit-2020-01.ndjson'), 'in the way')
  await t.rejects(retireMonth({ ...common, clock: later, month: '2020-01' }), /there already/)
  t.equal(readFileSync(join(directory, 'audit-2020-01.ndjson'), 'utf8'), 'in the way')
  rmSync(join(directory, 'audit-2020-01.ndjson'))
  t.match(await verify(), { valid: true, rows: 9 }, 'a retirement that failed changed nothing')

  const retired = await retireMonth({ ...common, clock: later, month: '2020-01' })
  t.match(retired, { month: '2020-01', rows: 5, detached: ['audit_event_2020_01', 'audit_ai_action_2020_01'] })
  const file = readFileSync(retired.file, 'utf8').split('\n')
  t.match(await verifyExport(file, [signer.publicKey]), { valid: true, rows: 5, chains: 3, sealed: true }, 'the export is whole')
  t.notMatch(file.join(), 'MARKED', 'and sealed')
  t.same(readdirSync(directory), ['audit-2020-01.ndjson'])
  const after = await verify()
  t.match(after, { valid: true, rows: 4 + 3 }, JSON.stringify(after.firstBreak))
  t.match(await store.events(riverside, { ...first, action: 'audit.retire' }), [
    { role: 'owner', payload: { month: '2020-01', rows: 5, sha256: retired.sha256 } },
  ])
  t.match(await store.verify(lakeside), { valid: true, rows: 1 })
  await trail.record(facts({ agencyId: lakeside }), 'success')
  t.match(await verify(), { valid: true, rows: 8 }, 'the chain goes on')
  t.match(
    await verifyExport((await text(await store.export(riverside, {}))).split('\n'), [signer.publicKey]),
    { valid: true, rows: 5, chains: 3 },
    'what is left exports',
  )
  await t.rejects(retireMonth({ ...common, clock: later, month: '2020-01' }), /no partition/, 'not twice')
  t.equal(readFileSync(retired.file, 'utf8').split('\n').length, file.length, 'the export stays as it was')

  // The detached month: nobody's, and still closed.
  t.same(await checkIsolation({ client: await connect(t, db.appUrl) }), [], 'the service still starts')
  await t.rejects((await connect(t, db.appUrl)).query('select * from audit_event_2020_01'), { code: '42501' })
  t.equal((await superuser.query('select from audit_event_2020_01')).rowCount, 5, 'nothing was deleted')

  const tampering: [string, string, object][] = [
    [
      'an anchor that was never signed',
      `update audit_anchor set hash = sha256('x') where agency_id = '${lakeside}'`,
      { kind: 'anchor', agencyId: lakeside },
    ],
    [
      'an anchor that covers a removed row',
      `update audit_anchor set seq = 4 where agency_id = '${riverside}' and seq = 3`,
      { kind: 'anchor' },
    ],
    ['a missing anchor', `delete from audit_anchor where agency_id = '${lakeside}'`, { kind: 'removed', agencyId: lakeside, seq: 1 }],
    [
      'a row put into a retired month',
      `insert into audit_event select * from audit_event_2020_01 where agency_id = '${lakeside}'`,
      { kind: 'inserted', agencyId: lakeside },
    ],
    [
      'a row that goes on after the anchor removed',
      `delete from audit_event where agency_id = '${riverside}' and seq = 4`,
      { kind: 'removed', seq: 4 },
    ],
  ]
  for (const [what, statement, firstBreak] of tampering) {
    await superuser.query(
      `alter table audit_anchor disable trigger all; alter table audit_event disable trigger all; create table kept as select * from audit_anchor; create table rows as select * from audit_event; ${statement}`,
    )
    const found = await verify()
    t.match(found, { valid: false, firstBreak }, what)
    await superuser.query(
      'delete from audit_anchor; insert into audit_anchor select * from kept; delete from audit_event; insert into audit_event select * from rows; drop table kept, rows',
    )
  }
  t.match(await verify(), { valid: true })
  await superuser.query(`update audit_event set user_id = 'ben' where seq = 7 and agency_id = '${riverside}'`)
  await t.rejects(
    retireMonth({ ...common, clock: frozenClock(Date.parse('2027-03-01T00:00:00Z')), month: '2020-02' }),
    /not whole/,
    'a broken trail is not retired',
  )
})

t.test('months to come are added as time goes by', async (t) => {
  const { db } = await scene(t)
  const future = frozenClock(Date.parse('2101-05-31T23:59:59Z'))
  t.equal(await extendMonths(db.ownerUrl, future), 37)
  t.equal(await extendMonths(db.ownerUrl, future), 0)
  const superuser = await connect(t, db.superuserUrl)
  t.equal(
    (await superuser.query("select to_regclass('audit_event_2104_05') is not null and to_regclass('audit_event_2104_06') is null as right"))
      .rows[0].right,
    true,
  )
})

t.test('the offline verifier runs by itself, with Node alone', async (t) => {
  const directory = mkdtempSync(join(tmpdir(), 'postern-offline-'))
  t.teardown(() => rmSync(directory, { recursive: true, force: true }))
  const verifier = join(directory, 'verify-export.mjs')
  writeFileSync(verifier, readFileSync(new URL('../../../plugins/cli/verify-export.mjs', import.meta.url)))
  const lines = await exported(t)
  const run = (content: string, ...more: string[]): Promise<{ code: number; out: string; err: string }> => {
    const file = join(directory, `${newId()}.ndjson`)
    writeFileSync(file, content)
    return new Promise((resolve) => {
      execFile(process.execPath, [verifier, file, ...more], { cwd: directory, env: {} }, (error, out, err) =>
        resolve({ code: Number(error?.code ?? 0), out, err }),
      )
    })
  }
  const whole = `${lines.join('\n')}\n`
  t.match(await run(whole, '--key', signer.publicKey), { code: 0, out: /"valid": true/, err: '' })
  t.match(await run(whole), { code: 0, err: /key that you were handed/ })
  t.match(await run(whole.replace('größe 4', 'ben'), '--key', signer.publicKey), { code: 1, out: /"kind": "changed"[^]*"seq": 5/ })
  t.match(await run(whole, 'another file'), { code: 2 })
  const command = fileURLToPath(new URL('../../../plugins/cli/audit-verify.ts', import.meta.url))
  const byCommand = (...more: string[]) =>
    new Promise<{ code: number; out: string; err: string }>((resolve) => {
      execFile(process.execPath, [command, ...more], { cwd: directory, env: { PATH: process.env.PATH } }, (error, out, err) =>
        resolve({ code: Number(error?.code ?? 0), out, err }),
      )
    })
  const file = join(directory, 'export.ndjson')
  writeFileSync(file, whole)
  t.match(await byCommand('--file', file, '--key', signer.publicKey), { code: 0, out: /"valid": true/ })
  t.match(await byCommand('--file', join(directory, 'absent')), { code: 2, err: /ENOENT/ })
  t.match(await byCommand('--agency', 'x'), { code: 2, err: /--agency is a UUID/ })
  t.match(await byCommand('--help'), { code: 0, out: /audit:verify/ })
})
