import { spawn } from 'node:child_process'
import { createInterface } from 'node:readline'
import type pg from 'pg'
import t, { type Test } from 'tap'
import { newId, platformAgency } from '../../../domain/shared/ids.ts'
import { auditInput, createAuditTrail, verifyAudit } from '../../../plugins/host/audit/index.ts'
import { canonicalRow, linkHash, type StoredEvent } from '../../../plugins/host/audit/canonical.ts'
import { eventColumns } from '../../../plugins/host/audit/audit-record.ts'
import { createPayloadCipher } from '../../../plugins/host/crypto/index.ts'
import { hostMigrations } from '../../../plugins/host/migrations/index.ts'
import { testDatabase, type TestDatabase } from '../../database.ts'
import { auditKeys, connect, facts, frozenClock, lakeside, memoryCheckpoints, poolFor, riverside, signer, until } from './helper.ts'

const unavailable = { code: 'UPSTREAM_UNAVAILABLE' }

const rowsOf = async (client: pg.Client, where = 'true'): Promise<StoredEvent[]> =>
  (await client.query(`select ${eventColumns} from audit_event where ${where} order by agency_id, lane, seq`)).rows.map((row) => ({
    ...row,
    seq: Number(row.seq),
  }))

const valid = async (t: Test, db: TestDatabase, rows: number): Promise<void> => {
  const found = await verifyAudit({ connectionString: db.ownerUrl, clock: frozenClock() })
  t.match(found, { valid: true, rows }, JSON.stringify(found.firstBreak))
}

t.test('an event is stored sealed, whole and chained', async (t) => {
  const db = await testDatabase(t)
  const superuser = await connect(t, db.superuserUrl)
  const trail = createAuditTrail({ pool: poolFor(t, db.appUrl), lanes: [1, 2], keys: auditKeys, clock: frozenClock() })
  t.teardown(() => trail.close())
  const agent = { agentId: 'scribe', policyVersionId: 'p-7', underRole: 'clinical_staff' }
  const told = facts({ agent, bypass: true, accessReason: 'MARKED reason', before: { a: 1 }, after: { a: 'MARKED after' }, count: 3 })
  await trail.record(told, 'FORBIDDEN', 'default')
  const [row] = await rowsOf(superuser)
  t.match(row, {
    id: told.id, agency_id: riverside, seq: 1, action: 'sendMessage', outcome: 'FORBIDDEN', reason: 'default', user_id: 'ana', role: 'patient', agent_id: 'scribe',
    policy_version_id: 'p-7', under_role: 'clinical_staff', patient_id: told.patientId, entity_type: 'conversation', entity_id: told.entityId, ip: '127.0.0.1',
    request_id: told.requestId, idempotency_key: 'key-1', bypass: true, count: 3,
  }) // prettier-ignore
  t.equal((row!.at as Date).getTime(), told.at)
  t.notMatch(
    JSON.stringify(
      (await superuser.query('select e::text, encode(payload, $1) p, encode(changes, $1) c from audit_event e', ['escape'])).rows,
    ),
    'MARKED',
  )
  const cipher = createPayloadCipher(auditKeys)
  const opened = (column: 'payload' | 'changes'): unknown =>
    JSON.parse(cipher.open(row![column] as Buffer, { agencyId: riverside, eventId: told.id, column }))
  t.same(opened('payload'), { request: { body: 'MARKED hello' }, accessReason: 'MARKED reason' })
  t.same(opened('changes'), { before: { a: 1 }, after: { a: 'MARKED after' } })
  const actions = (await superuser.query('select * from audit_ai_action')).rows
  t.match(actions, [
    {
      id: told.id,
      executed_by: 'AI Agent under clinical_staff authority',
      agent_id: 'scribe',
      policy_version_id: 'p-7',
      user_id: 'ana',
      outcome: 'FORBIDDEN',
    },
  ])
  t.match(trail.stats(), { recorded: 1, failed: 0, queued: 0 })
})

t.test('the hash is over bytes that anyone can build, whatever the client speaks', async (t) => {
  const db = await testDatabase(t)
  const superuser = await connect(t, db.superuserUrl)
  const pool = poolFor(t, db.appUrl)
  const trail = createAuditTrail({ pool, lanes: [1], keys: auditKeys, clock: frozenClock() })
  t.teardown(() => trail.close())
  await trail.record(facts({ action: 'größe 👋', entityId: '' }), 'success')
  await trail.record(
    facts({
      userId: null,
      role: null,
      patientId: null,
      ip: null,
      entityType: null,
      entityId: null,
      requestId: null,
      idempotencyKey: null,
      payload: undefined,
    }),
    'UNAUTHORIZED',
  )
  // The same event by the other two ways in, from a client of another encoding and time zone.
  const client = await connect(t, db.appUrl)
  await client.query("set client_encoding = 'LATIN1'; set timezone = 'Asia/Kathmandu'; begin")
  await client.query("select set_config('role', 'postern_audit_writer', true), set_config('app.current_agency', $1, true)", [riverside])
  const input = trail.input(facts({ userId: 'müller' }))
  const values = auditInput.map(({ name }) => input[name])
  const parameters = values.map((_, index) => `$${index + 1}`).join(', ')
  const one = (await client.query(`select * from audit_append(1, 'success', null, ${parameters})`, values)).rows[0]
  const twice = auditInput.map(({ type }, index) => `array[$${index + 1}::${type}, $${index + 1}::${type}]`).join(', ')
  const { rows } = await client.query(
    `select * from audit_append_columns(1, array['success', 'replayed'], array[null, 'x'], ${twice})`,
    values,
  )
  await client.query('commit')
  const stored = await rowsOf(superuser)
  t.equal(stored.length, 5)
  t.same([one.seq, one.hash], ['3', stored[2]!.hash])
  t.match(rows, [{ agency_id: riverside, seq: '5', hash: stored[4]!.hash }])
  let before: Buffer = Buffer.alloc(32)
  for (const event of stored) {
    t.same(linkHash(before, event), event.hash, `row ${event.seq}`)
    before = event.hash
  }
  const columns = eventColumns.replace(/, hash$/, '')
  const inSql = await superuser.query(`select audit_canonical(${columns}) as bytes from audit_event order by seq`)
  t.same(
    inSql.rows.map(({ bytes }) => bytes),
    stored.map(canonicalRow),
  )
  await valid(t, db, 5)
})

t.test('an attempt leaves its row, whatever a hostile request put into it', async (t) => {
  const db = await testDatabase(t)
  const superuser = await connect(t, db.superuserUrl)
  const trail = createAuditTrail({ pool: poolFor(t, db.appUrl), lanes: [1], keys: auditKeys, clock: frozenClock() })
  t.teardown(() => trail.close())
  const nasty = `\0\uD800' ; drop table audit_event; -- ${'x'.repeat(100_000)}`
  await trail.record(
    facts({
      action: nasty,
      userId: nasty,
      entityId: nasty,
      ip: nasty,
      idempotencyKey: nasty,
      patientId: nasty,
      requestId: 'no uuid',
      payload: { [nasty]: nasty },
    }),
    'VALIDATION_FAILED',
  )
  const [row] = await rowsOf(superuser)
  t.match(String(row!.user_id), /^\uFFFD\uFFFD' ; drop/)
  t.equal(String(row!.user_id).length, 1_024)
  t.same([row!.patient_id, row!.request_id], [null, null])
  await valid(t, db, 1)
})

t.test('a row that cannot be stored does not take its neighbours with it', async (t) => {
  const db = await testDatabase(t)
  const problems: string[] = []
  const trail = createAuditTrail({
    pool: poolFor(t, db.appUrl),
    lanes: [1],
    keys: auditKeys,
    clock: frozenClock(),
    onProblem: (kind) => problems.push(kind),
  })
  t.teardown(() => trail.close())
  const events = [facts(), facts({ id: 'not a uuid' }), facts({ agencyId: lakeside }), facts()]
  const settled = await Promise.allSettled(events.map((event) => trail.record(event, 'success')))
  t.same(
    settled.map(({ status }) => status),
    ['fulfilled', 'rejected', 'fulfilled', 'fulfilled'],
  )
  t.match(settled[1], { reason: unavailable })
  t.ok(problems.includes('batch'))
  await valid(t, db, 3)
})

t.test('nobody of the service can read, change or remove what was recorded', async (t) => {
  const db = await testDatabase(t)
  const trail = createAuditTrail({ pool: poolFor(t, db.appUrl), lanes: [1], keys: auditKeys, clock: frozenClock() })
  t.teardown(() => trail.close())
  await trail.record(facts({ agent: { agentId: 'a', policyVersionId: 'p', underRole: 'r' } }), 'success')
  await trail.record(facts({ agencyId: lakeside }), 'success')
  const client = await connect(t, db.appUrl)
  const attempt = async (role: string, statement: string): Promise<{ code?: string; rows?: number; told?: unknown[] }> => {
    await client.query('begin')
    try {
      if (role !== 'none') await client.query("select set_config('role', $1, true)", [role])
      await client.query("select set_config('app.current_agency', $1, true)", [riverside])
      const { rowCount, rows } = await client.query(statement)
      return { rows: rowCount ?? 0, told: rows }
    } catch (error) {
      return { code: (error as { code: string }).code }
    } finally {
      await client.query('rollback')
    }
  }
  await (await connect(t, db.ownerUrl)).query("select audit_add_partition('2026-12-01')")
  const tables = ['audit_event', 'audit_ai_action', 'audit_anchor', 'audit_head', 'audit_event_default', 'audit_event_2026_12']
  const roles = [
    'none',
    'postern_read',
    'postern_draft',
    'postern_advise',
    'postern_write',
    'postern_admin',
    'postern_public',
    'postern_gate',
    'postern_audit_writer',
    'postern_audit_reader',
  ]
  for (const role of roles) {
    for (const table of tables) {
      const set = table === 'audit_head' ? 'agency_id = agency_id' : table === 'audit_anchor' ? 'month = month' : 'action = action'
      for (const statement of [
        `update ${table} set ${set}`,
        `delete from ${table}`,
        `truncate ${table}`,
        `drop table ${table}`,
        `alter table ${table} disable trigger all`,
      ]) {
        t.equal((await attempt(role, statement)).code, '42501', `${role}: ${statement}`)
      }
      const reads = await attempt(role, `select * from ${table}`)
      const may =
        (role === 'postern_audit_reader' && !/default|\d{4}/.test(table)) || (role === 'postern_audit_writer' && table === 'audit_head')
      if (may) t.equal(reads.rows, table === 'audit_anchor' ? 0 : 1, `${role} sees its agency’s rows of ${table} alone`)
      else t.equal(reads.code, '42501', `${role}: select ${table}`)
    }
  }
  const writer = 'postern_audit_writer'
  const columns = 'id, agency_id, lane, seq, at, action, outcome, bypass, hash'
  const insert = (agency: string, extra = ''): string =>
    `insert into audit_event (${columns}) values ('${newId()}', '${agency}', 1, 9, now(), 'x', 'success', false, sha256('x')) ${extra}`
  t.equal((await attempt(writer, insert(lakeside))).code, '42501', 'another agency’s row')
  t.equal((await attempt(writer, insert(riverside, 'returning id'))).code, '42501', 'an insert shows nothing')
  t.equal((await attempt('postern_write', insert(riverside))).code, '42501')
  t.equal((await attempt('postern_audit_reader', insert(riverside))).code, '42501')
  t.equal(
    (await attempt('postern_write', `select audit_append(1, 'success', null, ${auditInput.map(() => 'null').join(', ')})`)).code,
    '42501',
  )

  // Not even the owner, and not a superuser who forgets to switch the triggers off.
  for (const url of [db.ownerUrl, db.superuserUrl]) {
    const strong = await connect(t, url)
    for (const statement of [
      'update audit_event set action = action',
      'delete from audit_event',
      'truncate audit_event',
      'truncate audit_event_2026_12',
      'truncate audit_head',
      'delete from audit_ai_action',
      'truncate audit_anchor',
      'delete from audit_head',
    ]) {
      const touched = await strong.query(statement).then(({ rowCount }) => rowCount ?? 0, (error: { code: string }) => error.code) // prettier-ignore
      t.ok(touched === 'PT403' || touched === 0, `${statement}: ${touched}`)
    }
    await strong.query('set session_replication_role = replica').catch(() => {})
    t.equal(
      await strong.query('delete from audit_event where true').then(
        ({ rowCount }) => rowCount || 'nothing',
        (error: { code: string }) => error.code,
      ),
      url === db.ownerUrl ? 'nothing' : 'PT403',
    )
  }
  await valid(t, db, 2)
})

t.test('no agency, no append', async (t) => {
  const db = await testDatabase(t)
  const client = await connect(t, db.appUrl)
  const call = (agency: string): string =>
    `select audit_append(1, 'success', null, '${newId()}', ${agency}, now(), 'x', ${auditInput
      .slice(4)
      .map(({ name }) => (name === 'bypass' ? 'false' : 'null'))
      .join(', ')})`
  await client.query("begin; select set_config('role', 'postern_audit_writer', true)")
  await t.rejects(client.query(call(`'${riverside}'`)), { code: '42501' })
  await client.query("rollback; begin; select set_config('role', 'postern_audit_writer', true)")
  await client.query("select set_config('app.current_agency', $1, true)", [lakeside])
  await t.rejects(client.query(call(`'${riverside}'`)), { code: '42501' })
  await client.query('rollback')
})

t.test('two processes on one lane, and a crash in the middle, leave one whole chain', async (t) => {
  const db = await testDatabase(t)
  const script = `
    import { createAuditTrail } from ${JSON.stringify(new URL('../../../plugins/host/audit/index.ts', import.meta.url).href)}
    import { facts, auditKeys, lakeside } from ${JSON.stringify(new URL('./helper.ts', import.meta.url).href)}
    import pg from ${JSON.stringify(import.meta.resolve('pg'))}
    const pool = new pg.Pool({ connectionString: process.argv[1], max: 4 })
    pool.on('error', () => {})
    const trail = createAuditTrail({ pool, lanes: [1, 2], keys: auditKeys, clock: { now: () => Date.now() } })
    let done = 0
    const one = async () => { for (;;) { const f = facts(Math.random() < 0.5 ? {} : { agencyId: lakeside }); await trail.record(f, 'success'); console.log(f.id) } }
    for (let n = 0; n < 20; n += 1) void one()`
  const answered = new Set<string>()
  const processes = [0, 1].map(() => {
    const child = spawn(process.execPath, ['--input-type=module-typescript', '-e', script, db.appUrl], {
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    t.teardown(() => child.kill('SIGKILL'))
    createInterface({ input: child.stdout }).on('line', (line) => answered.add(line))
    return child
  })
  await until(() => answered.size >= 300, 20_000)
  const exits = processes.map((child) => new Promise((resolve) => child.once('close', resolve)))
  for (const child of processes) child.kill('SIGKILL')
  await Promise.all(exits)
  const superuser = await connect(t, db.superuserUrl)
  await until(
    async () =>
      (await superuser.query("select from pg_stat_activity where usename = 'postern_app' and datname = current_database()")).rowCount === 0,
  )
  const stored = new Set((await superuser.query<{ id: string }>('select id from audit_event')).rows.map(({ id }) => id))
  t.same(
    [...answered].filter((id) => !stored.has(id)),
    [],
    'nothing that was answered is lost',
  )
  const found = await verifyAudit({ connectionString: db.ownerUrl, clock: frozenClock() })
  t.equal(found.valid, true, JSON.stringify(found.firstBreak))
  t.equal(found.rows, stored.size)
  t.ok(found.heads.length >= 2, 'both agencies')
})

t.test('a store that is down answers 503 at once, and works again when it is back', async (t) => {
  const db = await testDatabase(t)
  const superuser = await connect(t, db.superuserUrl)
  const trail = createAuditTrail({ pool: poolFor(t, db.appUrl), lanes: [1, 2], keys: auditKeys, clock: frozenClock() })
  t.teardown(() => trail.close())
  await trail.record(facts(), 'success')
  const beside = await connect(t, Object.assign(new URL(db.superuserUrl), { pathname: '/postgres' }).href)
  await beside.query(`alter database ${db.name} allow_connections false`)
  await superuser.query(
    "select pg_terminate_backend(pid) from pg_stat_activity where usename = 'postern_app' and datname = current_database()",
  )
  const down = await Promise.allSettled(Array.from({ length: 100 }, () => trail.record(facts(), 'success')))
  t.ok(down.every((result) => result.status === 'rejected' && result.reason.code === 'UPSTREAM_UNAVAILABLE'))
  await beside.query(`alter database ${db.name} allow_connections true`)
  await trail.record(facts(), 'success')
  t.match(trail.stats(), { recorded: 2, failed: 100 })
  await valid(t, db, 2)
})

t.test('a store that hangs is given up after two seconds, and the queue is bounded', async (t) => {
  const db = await testDatabase(t)
  const superuser = await connect(t, db.superuserUrl)
  const trail = createAuditTrail({ pool: poolFor(t, db.appUrl), lanes: [1], keys: auditKeys, clock: frozenClock(), queueLimit: 5 })
  t.teardown(() => trail.close())
  await superuser.query('begin; lock table audit_event in access exclusive mode')
  const began = performance.now()
  const first = trail.record(facts(), 'success')
  await until(() => trail.stats().queued === 0)
  const waiting = Array.from({ length: 5 }, () => trail.record(facts(), 'success'))
  await t.rejects(trail.record(facts(), 'success'), unavailable, 'the queue is full')
  t.ok(performance.now() - began < 1_500, 'and that is said at once')
  await t.rejects(first, unavailable)
  t.ok(performance.now() - began < 4_000)
  await superuser.query('rollback')
  await Promise.all(waiting)
  await valid(t, db, 5)
})

t.test('a flood of refusals from one source is ten rows a minute and one that counts the rest', async (t) => {
  const db = await testDatabase(t)
  const superuser = await connect(t, db.superuserUrl)
  const clock = frozenClock()
  const trail = createAuditTrail({ pool: poolFor(t, db.appUrl), lanes: [1], keys: auditKeys, clock })
  t.teardown(() => trail.close())
  const anonymous = (ip: string) =>
    facts({ agencyId: platformAgency, userId: null, role: null, patientId: null, ip, action: 'listConsents' })
  for (let n = 0; n < 250; n += 1) await trail.refuse(anonymous('192.0.2.1'), 'UNAUTHORIZED', null, '192.0.2.1')
  for (let n = 0; n < 12; n += 1) await trail.refuse(anonymous('192.0.2.2'), 'UNAUTHORIZED', null, '192.0.2.2')
  for (let n = 0; n < 30; n += 1)
    await trail.refuse(facts({ action: n % 2 ? 'sendMessage' : 'createConversation' }), 'RATE_LIMITED', null, 'ana')
  for (let n = 0; n < 15; n += 1) await trail.refuse(facts({ userId: 'ben' }), 'FORBIDDEN', null, 'ben')
  clock.move(59_000)
  await trail.sweep()
  const counted = async () =>
    (
      await superuser.query(
        'select ip, outcome, count, user_id, action, reason, at from audit_event where count is not null order by count',
      )
    ).rows
  t.same(await counted(), [])
  clock.move(1_000)
  await trail.sweep()
  const rows = await counted()
  t.match(rows, [
    { ip: '192.0.2.2', outcome: 'UNAUTHORIZED', count: 2 },
    { ip: '127.0.0.1', outcome: 'RATE_LIMITED', count: 20, user_id: 'ana', action: 'several', reason: 'repeated' },
    { ip: '192.0.2.1', outcome: 'UNAUTHORIZED', count: 240, user_id: null, action: 'listConsents' },
  ])
  t.equal((await rowsOf(superuser)).length, 10 + 10 + 10 + 15 + 3, 'other refusals always have rows of their own')
  await trail.refuse(anonymous('192.0.2.1'), 'UNAUTHORIZED', null, '192.0.2.1')
  t.equal((await rowsOf(superuser)).length, 49, 'a new minute begins with rows')
  for (let n = 0; n < 20; n += 1) await trail.refuse(anonymous('192.0.2.1'), 'UNAUTHORIZED', null, '192.0.2.1')
  await trail.close()
  t.match(
    (await counted()).map(({ count }) => count),
    [2, 11, 20, 240],
    'closing keeps what was counted',
  )
  t.equal(trail.stats().suppressed, 240 + 2 + 20 + 11)
  await valid(t, db, 49 + 9 + 1)
})

t.test('a count that could not be stored is not lost', async (t) => {
  const db = await testDatabase(t)
  const superuser = await connect(t, db.superuserUrl)
  const clock = frozenClock()
  const problems: string[] = []
  const trail = createAuditTrail({
    pool: poolFor(t, db.appUrl),
    lanes: [1],
    keys: auditKeys,
    clock,
    onProblem: (kind) => problems.push(kind),
  })
  t.teardown(() => trail.close())
  for (let n = 0; n < 13; n += 1) await trail.refuse(facts(), 'RATE_LIMITED', null, 'ana')
  await superuser.query('alter table audit_event rename to audit_event_gone')
  clock.move(60_000)
  await trail.sweep()
  t.ok(problems.includes('flood'))
  await superuser.query('alter table audit_event_gone rename to audit_event')
  await trail.sweep()
  t.same((await superuser.query('select count from audit_event where count is not null')).rows, [{ count: 3 }])
})

t.test('heads are signed as they move, and a failing checkpoint store costs no write', async (t) => {
  const db = await testDatabase(t)
  const checkpoints = memoryCheckpoints()
  const clock = frozenClock()
  const problems: string[] = []
  const trail = createAuditTrail({
    pool: poolFor(t, db.appUrl),
    lanes: [1],
    keys: auditKeys,
    clock,
    signer,
    checkpoints,
    onProblem: (kind) => problems.push(kind),
  })
  t.teardown(() => trail.close())
  await trail.record(facts(), 'success')
  await until(() => checkpoints.lines.length === 1)
  t.equal(trail.stats().unsigned, 0, 'by itself')
  checkpoints.failing = true
  await trail.record(facts(), 'success')
  await trail.checkpoint()
  await trail.record(facts(), 'success')
  t.match(trail.stats(), { recorded: 3, checkpoints: 1, unsigned: 1 })
  t.ok(trail.stats().checkpointFailures > 0)
  t.ok(problems.includes('checkpoint'))
  checkpoints.failing = false
  await trail.checkpoint()
  t.match(trail.stats(), { checkpoints: 2, unsigned: 0 })
  t.match(JSON.parse(JSON.parse(checkpoints.lines[1]!).checkpoint), { v: 1, heads: [[riverside, 1, 3, /^[0-9a-f]{64}$/]] })
  trail.committed([
    { agencyId: riverside, lane: 1, seq: 2n, hash: Buffer.alloc(32) },
    { agencyId: lakeside, lane: 9, seq: '7', hash: `\\x${'ab'.repeat(32)}` },
  ])
  trail.committed([{ agencyId: lakeside, lane: 9, seq: 6, hash: 'cd'.repeat(32) }])
  await trail.checkpoint()
  t.match(
    JSON.parse(JSON.parse(checkpoints.lines[2]!).checkpoint).heads,
    [
      [riverside, 1, 2],
      [lakeside, 9, 7, 'ab'.repeat(32)],
    ],
    'the furthest of each',
  )
  await trail.record(facts(), 'success')
  await trail.close()
  t.equal(checkpoints.lines.length, 4, 'closing signs the last')
})

t.test('months: rows that had to wait in the default partition move to their own', async (t) => {
  // Made by the migrations themselves: the copies that tests work on know fewer months.
  const db = await testDatabase(t, { migrations: hostMigrations, fromNothing: true })
  const superuser = await connect(t, db.superuserUrl)
  const trail = createAuditTrail({ pool: poolFor(t, db.appUrl), lanes: [1], keys: auditKeys, clock: frozenClock() })
  t.teardown(() => trail.close())
  const owner = await connect(t, db.ownerUrl)
  await owner.query("select audit_add_partition('2026-12-01')")
  const agent = { agentId: 'a', policyVersionId: 'p', underRole: 'r' }
  for (const at of ['2001-02-03T00:00:00Z', '2077-01-31T23:59:59.999Z', '2077-02-01T00:00:00.000Z', '2026-12-01T00:00:00Z'])
    await trail.record(facts({ at: Date.parse(at), agent }), 'success')
  const where = async () =>
    (await superuser.query('select tableoid::regclass::text as name from audit_event order by seq')).rows.map(({ name }) => name)
  t.same(await where(), ['audit_event_default', 'audit_event_default', 'audit_event_default', 'audit_event_2026_12'])
  t.same((await owner.query("select audit_add_partition('2077-01-15') as made")).rows, [{ made: true }])
  t.same((await owner.query("select audit_add_partition('2077-01-01') as made")).rows, [{ made: false }])
  t.same(await where(), ['audit_event_default', 'audit_event_2077_01', 'audit_event_default', 'audit_event_2026_12'])
  await valid(t, db, 4)
  const partitions = await superuser.query(`
    select c.relname, c.relrowsecurity and c.relforcerowsecurity as closed, c.relacl::text as granted,
      (select count(*)::int from pg_trigger g where g.tgrelid = c.oid and g.tgenabled = 'A' and g.tgname ~ 'keeps') as triggers
    from pg_inherits i join pg_class c on c.oid = i.inhrelid where i.inhparent in ('audit_event'::regclass, 'audit_ai_action'::regclass)`)
  t.ok(partitions.rows.length >= 2 * 39)
  for (const { relname, closed, granted, triggers } of partitions.rows) t.same([closed, granted, triggers], [true, null, 2], relname)
  await t.rejects(superuser.query('delete from audit_event_default'), { code: 'PT403' }, 'the default partition is closed again')
  await t.rejects(superuser.query('truncate audit_event_2077_01'), { code: 'PT403' })
  await t.rejects((await connect(t, db.appUrl)).query("select audit_add_partition('2078-01-01')"), { code: '42501' })
})
