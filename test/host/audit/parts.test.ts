import { appendFileSync, chmodSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import {
  fileCheckpoints,
  isCredentialName,
  leaseLanes,
  readCheckpointDirectory,
  redactCredentials,
} from '../../../plugins/host/audit/index.ts'
import { readCheckpoint, writeCheckpoint } from '../../../plugins/host/audit/checkpoint.ts'
import { readSignedHeads } from '../../../plugins/host/audit/signed-heads.ts'
import { createFloodGate } from '../../../plugins/host/audit/flood-gate.ts'
import { createVerifier } from '../../../plugins/host/crypto/index.ts'
import { testDatabase } from '../../database.ts'
import { connect, facts, frozenClock, lakeside, riverside, signer, until } from './helper.ts'

const folder = (t: Test): string => {
  const path = mkdtempSync(join(tmpdir(), 'postern-audit-'))
  t.teardown(() => rmSync(path, { recursive: true, force: true }))
  return path
}

const all = async (lines: AsyncIterable<string>): Promise<string[]> => {
  const list: string[] = []
  for await (const line of lines) list.push(line)
  return list
}

const head = (agencyId: string, lane: number, seq: number) => ({ agencyId, lane, seq, hash: seq.toString(16).padStart(64, '0') })
const lineOf = (...heads: ReturnType<typeof head>[]): string =>
  writeCheckpoint(signer, { instance: 'one', at: '2026-12-01T10:00:00.000Z', heads })

t.test('checkpoint files: private, appended to, one a day, and a torn line costs only itself', async (t) => {
  const directory = join(folder(t), 'made', 'on demand')
  const clock = frozenClock()
  const store = fileCheckpoints(directory, 'one', clock)
  t.teardown(() => store.close())
  await store.append(lineOf(head(riverside, 1, 1)))
  const [file] = readdirSync(directory)
  t.equal(file, 'one.2026-12-01.ndjson')
  t.equal(statSync(join(directory, file!)).mode & 0o777, 0o600)
  t.equal(statSync(directory).mode & 0o777, 0o700)
  appendFileSync(join(directory, file!), '{"checkpoint":"{\\"v\\":1,\\"inst')
  const other = fileCheckpoints(directory, 'two', clock)
  t.teardown(() => other.close())
  await other.append(lineOf(head(lakeside, 2, 5)))
  await store.append(lineOf(head(riverside, 1, 2)))
  const verifier = createVerifier([signer.publicKey])
  const read = (await all(store.read())).map((line) => readCheckpoint(verifier, line).kind)
  t.same(read.sort(), ['signed', 'signed', 'signed', 'torn'])
  t.same(await all(readCheckpointDirectory(join(directory, 'absent'))), [])
  await t.rejects(store.append('x'.repeat(1024 * 1024 + 1)), /too long/)
  t.throws(() => fileCheckpoints(directory, '../one', clock))
})

t.test('a finished day keeps the last signed head of every chain', async (t) => {
  const directory = folder(t)
  const clock = frozenClock()
  const store = fileCheckpoints(directory, 'one', clock)
  t.teardown(() => store.close())
  for (let seq = 1; seq <= 50; seq += 1) await store.append(lineOf(head(riverside, 1, seq), ...(seq === 20 ? [head(lakeside, 3, 4)] : [])))
  clock.move(24 * 3600_000)
  await store.append(lineOf(head(riverside, 1, 51)))
  t.same(readdirSync(directory).sort(), ['one.2026-12-01.ndjson', 'one.2026-12-02.ndjson'])
  const kept = readFileSync(join(directory, 'one.2026-12-01.ndjson'), 'utf8').trim().split('\n')
  t.same(kept.sort(), [lineOf(head(riverside, 1, 20), head(lakeside, 3, 4)), lineOf(head(riverside, 1, 50))].sort())
})

t.test('a file that grows too large is thinned while it is written, and so are those that others left', async (t) => {
  const directory = folder(t)
  const clock = frozenClock()
  const lines = Array.from({ length: 30 }, (_, n) => lineOf(head(lakeside, 5, n + 1)))
  const left = (name: string): void => writeFileSync(join(directory, name), lines.join('\n'))
  left('gone.2026-11-01.ndjson')
  left('busy.2026-11-30.ndjson')
  const store = fileCheckpoints(directory, 'one', clock, 2_000)
  t.teardown(() => store.close())
  for (let seq = 1; seq <= 40; seq += 1) await store.append(lineOf(head(riverside, 1, seq)))
  t.ok(statSync(join(directory, 'one.2026-12-01.ndjson')).size < 3_000)
  t.equal(
    readFileSync(join(directory, 'busy.2026-11-30.ndjson'), 'utf8').split('\n').length,
    30,
    'what may still be written to is left alone',
  )
  t.equal(readFileSync(join(directory, 'gone.2026-11-01.ndjson'), 'utf8'), `${lines[29]}\n`)
  const verifier = createVerifier([signer.publicKey])
  const found = await readSignedHeads(store, verifier)
  t.match(
    [...found.newest.values()],
    [
      { agencyId: lakeside, seq: 30 },
      { agencyId: riverside, seq: 40 },
    ],
  )
  await store.append(lineOf(head(riverside, 1, 99)).replace('99', '98'))
  t.match(await readSignedHeads(store, verifier, riverside), { forged: 1, signedAt: '2026-12-01T10:00:00.000Z' })
  t.match([...(await readSignedHeads(store, verifier, riverside)).newest.values()], [{ seq: 40 }], 'a forged head hides no true one')
})

t.test('a directory that cannot be written rejects, and works once it can', async (t) => {
  const directory = folder(t)
  const inTheWay = join(directory, 'checkpoints')
  writeFileSync(inTheWay, 'a file, where a directory should be')
  const store = fileCheckpoints(inTheWay, 'one', frozenClock())
  t.teardown(() => store.close())
  await t.rejects(store.append(lineOf(head(riverside, 1, 1))))
  await t.rejects(all(store.read()))
  rmSync(inTheWay)
  await store.append(lineOf(head(riverside, 1, 1)))
  t.equal((await all(store.read())).length, 1)
  if (process.getuid?.() !== 0) {
    await store.close()
    chmodSync(inTheWay, 0o500)
    await t.rejects(fileCheckpoints(inTheWay, 'two', frozenClock()).append('x'))
  }
})

t.test('lanes: no two leases share one, and a lost connection leases again', async (t) => {
  const db = await testDatabase(t)
  const problems: unknown[] = []
  const first = await leaseLanes({ connectionString: db.appUrl, count: 3, onProblem: (error) => problems.push(error) })
  t.teardown(() => first.close())
  const second = await leaseLanes({ connectionString: db.appUrl, count: 2 })
  t.teardown(() => second.close())
  t.same([...first.lanes(), ...second.lanes()], [1, 2, 3, 4, 5], 'lane 0 is the owner’s')
  const superuser = await connect(t, db.superuserUrl)
  const sessions =
    "select pid from pg_stat_activity where application_name = 'postern lanes' and datname = current_database() order by backend_start"
  const [{ pid }] = (await superuser.query(sessions)).rows
  await superuser.query('select pg_terminate_backend($1)', [pid])
  await until(() => problems.length > 0)
  t.same(first.lanes(), [1, 2, 3], 'the lanes are used on meanwhile: heads are locked when they move')
  await until(async () => (await superuser.query(sessions)).rowCount === 2)
  await until(
    async () =>
      // Of this database alone: others of the cluster have lanes of their own.
      (
        await superuser.query(
          `select from pg_locks where locktype = 'advisory' and classid = 5067002 and granted and pid <> $1
          and database = (select oid from pg_database where datname = current_database())`,
          [pid],
        )
      ).rowCount === 5,
  )
  t.same(first.lanes(), [1, 2, 3])
  await second.close()
  const third = await leaseLanes({ connectionString: db.appUrl, count: 3 })
  t.teardown(() => third.close())
  t.same(third.lanes(), [4, 5, 6], 'lanes that were given back are used again')
  await t.rejects(leaseLanes({ connectionString: db.appUrl.replace(/:\d+\//, ':1/'), count: 1 }))
})

t.test('a flood from more sources than can be told apart is still bounded', async (t) => {
  const clock = frozenClock()
  const gate = createFloodGate({ clock, sources: 100, rows: 2 })
  let rows = 0
  for (let n = 0; n < 5_000; n += 1) if (gate.admit(`source ${n}`, facts({ ip: `192.0.2.${n}` }), 'UNAUTHORIZED', false).row) rows += 1
  t.equal(rows, 100)
  t.equal(gate.suppressed, 4_900)
  clock.move(60_000)
  const summaries = gate.sweep()
  t.match(summaries, [{ code: 'UNAUTHORIZED', facts: { count: 4_900, ip: null, payload: { counted: 4_900 } } }])
  t.same(gate.sweep(), [])
  t.equal(gate.admit('hurried', facts(), 'RATE_LIMITED', true).row, false, 'when the queue is long, everything is counted')
})

t.test('one source of many agencies has few rows, and none with a wrong code', async (t) => {
  const clock = frozenClock()
  const gate = createFloodGate({ clock, rows: 0 })
  for (let n = 0; n < 400; n += 1)
    gate.admit(
      'one',
      facts({ agencyId: n % 40 === 0 ? riverside : `00000000-0000-4000-8000-0000000000${n % 40}` }),
      n % 2 ? 'UNAUTHORIZED' : 'RATE_LIMITED',
      false,
    )
  clock.move(-1)
  const { ended } = gate.admit('one', facts(), 'UNAUTHORIZED', false)
  t.equal(ended.length, 16, 'a clock that was set back ends the window')
  t.equal(
    ended.reduce((sum, { facts: { count } }) => sum + count!, 0),
    400,
  )
  const sums = { UNAUTHORIZED: 0, RATE_LIMITED: 0 } as Record<string, number>
  for (const { code, facts: { count } } of ended) sums[code]! += count! // prettier-ignore
  t.same(sums, { UNAUTHORIZED: 200, RATE_LIMITED: 200 })
})

t.test('credentials are left out by name, wherever they stand', async (t) => {
  const told = redactCredentials({
    note: 'password: hunter2',
    user: { apiKey: 'k', 'x/y~z': [{ Session_Token: { deep: 1 } }] },
    password: null,
    pinned: true,
    passwordless: 'x',
  })
  t.same(told.payload, {
    note: 'password: hunter2',
    user: { apiKey: { redacted: 'credential' }, 'x/y~z': [{ Session_Token: { redacted: 'credential' } }] },
    password: null,
    pinned: true,
    passwordless: { redacted: 'credential' },
  })
  t.same(told.redacted, [
    { pointer: '/user/apiKey', rule: 'credential' },
    { pointer: '/user/x~1y~0z/0/Session_Token', rule: 'credential' },
    { pointer: '/passwordless', rule: 'credential' },
  ])
  const text = redactCredentials(
    { a: 'my Password: hunter2', b: 'the pin is 1234', c: 'passwords are not kept', d: ['api key = abc'] },
    { text: true },
  )
  t.same(text.payload, {
    a: { redacted: 'credential' },
    b: { redacted: 'credential' },
    c: 'passwords are not kept',
    d: [{ redacted: 'credential' }],
  })
  for (const name of [
    'password',
    'userPassword',
    'pass_phrase',
    'API-Key',
    'client_secret',
    'otp',
    'totpSeed',
    'pin',
    'deaPin',
    'DEA_PIN',
    'pw',
    'Authorization',
  ])
    // prettier-ignore
    t.ok(isCredentialName(name), name)
  for (const name of [
    'body',
    'subject',
    'opinion',
    'spin',
    'Turpin',
    'compass',
    'idempotencyKey',
    'authorizedSchedules',
    'patientId',
    'Secretary of Veterans Affairs',
  ])
    // prettier-ignore
    t.notOk(isCredentialName(name), name)
  const shapes = ['pass\u200bword: x', 'ｐｗｄ＝x', 'MFA code: 1', 'token=x', 'https://a:b@c.example', 'bearer abcdefghijklmnop', '-----BEGIN PRIVATE KEY-----', `eyJ${'a'.repeat(9)}.${'b'.repeat(9)}.c`] // prettier-ignore
  t.equal(redactCredentials(shapes, { text: true }).redacted.length, shapes.length, 'in disguise, and by its shape alone')
  const marked = ['{"password":"x"}', 'Passwords: x', 'userPassword=x', 'client_secret: x', '**Password**: x', 'password (portal): x', 'Password -> x', 'API keys: x', 'PIN no. = 1', 'AUTH_TOKEN=x', 'OTP is 123456', '2FA code: 1'] // prettier-ignore
  for (const one of marked) t.equal(redactCredentials(one, { text: true }).redacted.length, 1, one)
  const harmless = [
    'Secretary: Jo',
    'Spin: 3',
    'Credentialing: complete',
    'passwords are not kept',
    'MFA is enabled',
    'Tokens were counted',
    'https://dea.example/a:b',
    'The bearer of this note',
    'eyJ',
  ]
  t.same(redactCredentials(harmless, { text: true }).redacted, [])
  t.same(redactCredentials({ 'password: x': 1 }, { text: true }).payload, { credential: { redacted: 'credential' } }, 'nor in a name')
  const long = ['-eyJ'.repeat(64_000), 'pin'.repeat(80_000), `pin${' '.repeat(250_000)}`, '://a:'.repeat(50_000), 'pin ('.repeat(50_000)]
  const begun = performance.now()
  for (const text of long) redactCredentials(text, { text: true })
  t.ok(performance.now() - begun < 2_000, 'and no text takes long')
  let deep: unknown = 'x'
  for (let n = 0; n < 10_000; n += 1) deep = [deep]
  t.match(redactCredentials(deep).redacted, [{ rule: 'depth' }])
})
