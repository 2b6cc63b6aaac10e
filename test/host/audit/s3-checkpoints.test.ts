import { createHash, randomBytes } from 'node:crypto'
import { mock } from 'node:test'
import t, { type Test } from 'tap'
import { loadConfig } from '../../../config/env.ts'
import {
  createAuditStore,
  createAuditTrail,
  openCheckpoints,
  s3Checkpoints,
  verifyAudit,
  type CheckpointStore,
  type S3CheckpointsOptions,
} from '../../../plugins/host/audit/index.ts'
import { writeCheckpoint } from '../../../plugins/host/audit/checkpoint.ts'
import { readSignedHeads } from '../../../plugins/host/audit/signed-heads.ts'
import { createSigner, createVerifier } from '../../../plugins/host/crypto/index.ts'
import { testDatabase } from '../../database.ts'
import { recordingFetch, startObjectStore } from '../../fixtures/object-store.ts'
import { auditKeys, connect, facts, frozenClock, lakeside, poolFor, riverside, signer, signingKey, until } from './helper.ts'

const { place, close } = await startObjectStore()
t.teardown(close)

let prefixes = 0
const opened = (t: Test, told: Partial<S3CheckpointsOptions> = {}): CheckpointStore => {
  const store = s3Checkpoints({ place, prefix: `test/${prefixes}`, instance: 'one', clock: frozenClock(), ...told })
  t.teardown(() => store.close())
  return store
}
t.beforeEach(() => void (prefixes += 1))

const all = async (lines: AsyncIterable<string>): Promise<string[]> => {
  const list: string[] = []
  for await (const line of lines) list.push(line)
  return list
}

const head = (agencyId: string, lane: number, seq: number) => ({ agencyId, lane, seq, hash: seq.toString(16).padStart(64, '0') })
const lineOf = (...heads: ReturnType<typeof head>[]): string =>
  writeCheckpoint(signer, { instance: 'one', at: '2026-12-01T10:00:00.000Z', heads })
const verifier = createVerifier([signer.publicKey])

t.test('lines come back, instances in the order in which they started, each object locked for seven years', async (t) => {
  const { send, requests, told } = recordingFetch()
  const clock = frozenClock()
  const second = opened(t, { instance: 'a-later-one', fetch: send, clock: { now: () => clock.now() + 1_000 } })
  const first = opened(t, { instance: 'one', fetch: send, clock })
  const lines = [1, 2, 3, 4].map((seq) => lineOf(head(riverside, 1, seq)))
  await second.append(lines[2]!)
  await first.append(lines[0]!)
  await first.append(lines[1]!)
  await second.append(lines[3]!)
  t.same(await all(first.read()), [lines[1], lines[3], lines[0], lines[2]], 'the newest of each first')
  t.same(await all(opened(t, { prefix: `test/${prefixes}/elsewhere` }).read()), [], 'another prefix')
  t.same(told('PUT'), [
    `PUT test/${prefixes}/20261201T100001123.a-later-one.000001/99999998.ndjson`,
    `PUT test/${prefixes}/20261201T100000123.one.000001/99999998.ndjson`,
    `PUT test/${prefixes}/20261201T100000123.one.000001/99999997.ndjson`,
    `PUT test/${prefixes}/20261201T100001123.a-later-one.000001/99999997.ndjson`,
  ])
  const { headers, body } = requests[1]!
  t.equal(body, `${lines[0]}\n`)
  t.match(Object.fromEntries(headers), {
    'x-amz-object-lock-mode': 'COMPLIANCE',
    'x-amz-object-lock-retain-until-date': '2033-12-01T10:00:00.123Z',
    'if-none-match': '*',
    'content-md5': createHash('md5').update(body).digest('base64'),
    'x-amz-content-sha256': createHash('sha256').update(body).digest('hex'),
    authorization: /^AWS4-HMAC-SHA256 .*SignedHeaders=[^,]*if-none-match;.*x-amz-object-lock-mode;x-amz-object-lock-retain-until-date,/,
  })
  await t.rejects(first.append('x'.repeat(1024 * 1024 + 1)), /too long/)
  await t.rejects(first.append('two\nlines'), /more than one/)
  t.throws(() => opened(t, { instance: '../one' }))
})

t.test('what waits while an object is written goes into the next', async (t) => {
  const { send, told } = recordingFetch()
  const store = opened(t, { fetch: send })
  const lines = Array.from({ length: 6 }, (_, lane) => lineOf(head(riverside, lane, 1)))
  await Promise.all(lines.map((line) => store.append(line)))
  t.equal(told('PUT').length, 2)
  t.same((await all(store.read())).sort(), lines.sort())
})

t.test('sums: reading takes as long as there are days and instances, and loses no chain', async (t) => {
  const { send, requests, told } = recordingFetch()
  const clock = frozenClock()
  const store = opened(t, { fetch: send, clock, objectsPerSum: 4 })
  await store.append(lineOf(head(lakeside, 3, 7)))
  for (let seq = 1; seq <= 9; seq += 1) await store.append(lineOf(head(riverside, 1, seq)))
  clock.move(24 * 3600_000)
  for (let seq = 10; seq <= 14; seq += 1) await store.append(lineOf(head(riverside, 1, seq)))
  const sums = told('PUT').filter((key) => key.endsWith('.sum.ndjson'))
  t.same(
    sums.map((key) => key.split('/').slice(-2).join('/')),
    [
      '20261201T100000123.one.000001/99999994.sum.ndjson',
      '20261201T100000123.one.000001/99999989.sum.ndjson',
      '20261201T100000123.one.000001/99999986.sum.ndjson',
      '20261202T100000123.one.000002/99999994.sum.ndjson',
    ],
  )
  requests.length = 0
  const later = opened(t, { instance: 'reader', fetch: send })
  const found = await readSignedHeads(later, verifier)
  t.same(
    [...found.newest.values()].map(({ agencyId, lane, seq }) => [agencyId, lane, seq]).sort(),
    [
      [riverside, 1, 14],
      [lakeside, 3, 7],
    ].sort(),
  )
  t.equal(told('GET').length, 3, 'one sum of a day that is over; a sum and what came after it of today')
  t.equal(told('LIST').length, 4)
  await store.close()
  requests.length = 0
  t.equal((await readSignedHeads(opened(t, { instance: 'reader', fetch: send }), verifier)).newest.size, 2)
  t.equal(told('GET').length, 2, 'an instance that ended in good order left nothing but sums to read')
  await t.rejects(store.append('x'), /closed/)
})

t.test('a sum that would be too large begins a new folder', async (t) => {
  const { send, told } = recordingFetch()
  const store = opened(t, { fetch: send })
  const large = (lane: number): string =>
    JSON.stringify({ checkpoint: JSON.stringify({ heads: [[riverside, lane, 1, 'x'.repeat(1000 * 1000)]] }) })
  for (let lane = 0; lane < 6; lane += 1) await store.append(large(lane))
  t.same(
    told('PUT').map((key) => key.split('.').slice(1).join('.')),
    [1, 2, 3, 4, 5].map((n) => `one.000001/9999999${9 - n}.ndjson`).concat('one.000001/99999993.sum.ndjson', 'one.000002/99999998.ndjson'),
  )
  t.equal((await all(store.read())).length, 6)
})

t.test('nothing is replaced; an object whose answer was lost is known again', async (t) => {
  const { send, told } = recordingFetch()
  const clock = frozenClock()
  const store = opened(t, { fetch: send, clock })
  await store.append('true')
  const twin = opened(t, { fetch: send, clock })
  await t.rejects(twin.append('false'), { code: 'ERR_S3_EXISTS' })
  t.same(await all(store.read()), ['true'])
  await twin.append('other')
  t.same((await all(store.read())).sort(), ['other', 'true'], 'the next name is free')

  let lost = 0
  const lossy: typeof fetch = async (input, init) => {
    const response = await send(input, init)
    if ((input as Request).method !== 'PUT' || lost > 0) return response
    lost += 1
    throw Object.assign(new TypeError('fetch failed'), { cause: { code: 'ECONNRESET' } })
  }
  const before = told('PUT').length
  await opened(t, { instance: 'lossy', fetch: lossy }).append('once')
  t.equal(told('PUT').length - before, 2, 'sent twice')
  t.equal((await all(store.read())).filter((line) => line === 'once').length, 1)
})

t.test('a bucket without object lock is used, and it is told once', async (t) => {
  const { send, requests } = recordingFetch()
  let unlocked = 0
  const refusal = {
    status: 400,
    body: '<Error><Code>InvalidRequest</Code><Message>Bucket is missing Object Lock Configuration</Message></Error>',
  }
  const noLock: typeof fetch = async (input, init) =>
    (input as Request).headers.has('x-amz-object-lock-mode') ? new Response(refusal.body, refusal) : send(input, init)
  const store = opened(t, { fetch: noLock, onUnlocked: () => void (unlocked += 1) })
  await store.append('one')
  await store.append('two')
  t.equal(unlocked, 1)
  t.same((await all(store.read())).sort(), ['one', 'two'])
  t.equal(requests.find(({ told }) => told.startsWith('PUT'))?.headers.get('if-none-match'), '*')

  const denied: typeof fetch = async () => new Response('<Error><Code>AccessDenied</Code></Error>', { status: 403 })
  const other = opened(t, { fetch: denied, onUnlocked: () => void (unlocked += 1) })
  await t.rejects(other.append('x'), { message: 'The checkpoint store answered 403 AccessDenied', code: 'ERR_S3_403' })
  await t.rejects(all(other.read()), { code: 'ERR_S3_403' })
  t.equal(unlocked, 1)
})

t.test('a store that does not answer: three times five seconds, a bounded amount waits, and closing takes two', async (t) => {
  let attempts = 0
  const silent: typeof fetch = (_, init) => {
    attempts += 1
    return new Promise((_, reject) => init!.signal!.addEventListener('abort', () => reject(init!.signal!.reason as Error)))
  }
  const later = setTimeout
  mock.timers.enable({ apis: ['setTimeout'] })
  t.teardown(() => mock.timers.reset())
  const attempt = async (wanted: number): Promise<void> => {
    for (let turn = 0; turn < 1_000 && attempts < wanted; turn += 1) await new Promise((resolve) => later(resolve, 5))
    t.equal(attempts, wanted)
  }
  const store = opened(t, { fetch: silent })
  const refused = t.rejects(store.append('x'), { code: 'ERR_S3_TIMEOUT' })
  for (let n = 1; n <= 3; n += 1) {
    await attempt(n)
    mock.timers.tick(5_000)
  }
  await refused
  t.equal(attempts, 3)

  const cut = [t.rejects(store.append('y'), { code: 'ERR_S3_CLOSED' })]
  await attempt(4)
  const long = 'x'.repeat(1024 * 1024)
  for (let n = 0; n < 2; n += 1) cut.push(t.rejects(store.append(long), { code: 'ERR_S3_CLOSED' }))
  await t.rejects(store.append('one more'), /too many/)
  const closed = store.close()
  mock.timers.tick(2_000)
  await Promise.all([closed, ...cut])
  t.equal(attempts, 4)
})

const page = (names: readonly string[], token?: string, of = 'Contents'): string => {
  const tag = of === 'Contents' ? 'Key' : 'Prefix'
  const more = token === undefined ? '' : `<NextContinuationToken>${token}</NextContinuationToken>`
  return `<?xml version="1.0"?><ListBucketResult><IsTruncated>${token !== undefined}</IsTruncated>${more}${names
    .map((name) => `<${of}><${tag}>${name}</${tag}></${of}>`)
    .join('')}</ListBucketResult>`
}

t.test('a hostile listing is an error and takes a bounded time', async (t) => {
  let requests = 0
  interface Answers {
    readonly folders?: string
    readonly objects?: string | (() => string)
    readonly object?: string
    readonly mostPages?: number
  }
  const folder = '20261201T100000123.one.000001/'
  const foldersOf = (names: readonly string[], token?: string): string => page(names, token, 'CommonPrefixes')
  const answering = ({
    folders = foldersOf([folder]),
    objects = page([]),
    object = 'line\n',
    mostPages = 50,
  }: Answers): CheckpointStore => {
    requests = 0
    const send: typeof fetch = async (input) => {
      const { searchParams } = new URL((input as Request).url)
      requests += 1
      if (!searchParams.has('list-type')) return new Response(object)
      if (searchParams.has('delimiter')) return new Response(folders)
      return new Response(typeof objects === 'string' ? objects : objects())
    }
    return opened(t, { fetch: send, prefix: '', mostPages })
  }
  const refused = (what: string, answers: Answers, why: RegExp) => t.rejects(all(answering(answers).read()), why, what)

  const newest = `${folder}99999998.ndjson`
  let last = 0
  const endless = (): string => page([`${folder}${String((last += 1)).padStart(8, '0')}.ndjson`], 'more')
  const many = Array.from({ length: 1_200 }, (_, n) => `${20_260_000 + n}T100000123.a.000001/`)
  const large = 'x'.repeat(9 * 1024 * 1024)

  await refused('empty pages for ever', { folders: foldersOf([], 'again') }, /does not end/)
  t.equal(requests, 50)
  await refused('the same page again and again', { folders: foldersOf([folder], 'again') }, /out of order/)
  await refused('names for ever', { objects: endless }, /does not end/)
  await refused('more names than were asked for', { folders: foldersOf(many, 'more'), mostPages: 1 }, /does not end/)
  await refused('a sum behind what is newer', { objects: page([newest, `${folder}99999997.sum.ndjson`, newest]) }, /out of order/)
  await refused('no way to the next page', { folders: foldersOf([folder], '') }, /does not go on/)
  await refused('no listing at all', { folders: '<html>Welcome</html>' }, /no listing/)
  await refused('an object without end', { objects: page([newest]), object: large }, /too much/)
  await refused('an answer without end', { folders: large }, /too much/)
  t.equal(requests, 1, 'which is not asked for again')

  const started = performance.now()
  const broken = `<ListBucketResult>${'<Contents><Key>'.repeat(250_000)}${'<CommonPrefixes><Prefix>'.repeat(90_000)}`
  t.same(await all(answering({ folders: broken, objects: broken }).read()), [])
  t.ok(performance.now() - started < 5_000, 'a page of broken elements')
  const foreign = ['../../secret.000001/', 'documents/', `${folder}deeper/`, '20261201T100000123.a b.000001/', '&#46;&#46;/', '']
  t.same(await all(answering({ folders: foldersOf(foreign) }).read()), [], 'names of others are passed over')
  t.equal(requests, 1)
  const object = `${'x'.repeat(1024 * 1024 + 1)}\nline\n\n`
  t.same(await all(answering({ objects: page([newest]), object }).read()), ['line'], 'a line that is too long says nothing')
})

t.test('the token of a page is sent back as it was meant', async (t) => {
  const asked: (string | null)[] = []
  const send: typeof fetch = async (input) => {
    const { searchParams } = new URL((input as Request).url)
    asked.push(searchParams.get('continuation-token'))
    return new Response(asked.length === 1 ? page([], 'a&amp;b+/=&lt;c', 'CommonPrefixes') : page([]))
  }
  t.same(await all(opened(t, { fetch: send }).read()), [])
  t.same(asked, [null, 'a&b+/=<c'])
})

t.test('AUDIT_CHECKPOINTS opens a bucket or a directory', async (t) => {
  const env = {
    AUDIT_CHECKPOINTS: 's3://heads/from/config/',
    S3_ENDPOINT: place.endpoint,
    S3_BUCKET: 'documents',
    S3_ACCESS_KEY_ID: 'S3RVER',
    S3_SECRET_ACCESS_KEY: 'S3RVER',
    S3_FORCE_PATH_STYLE: 'true',
  }
  const store = openCheckpoints(loadConfig(env), 'one', frozenClock())
  t.teardown(() => store.close())
  await store.append('line')
  t.same(await all(opened(t, { prefix: 'from/config' }).read()), ['line'])
  const files = openCheckpoints(loadConfig({ AUDIT_CHECKPOINTS: t.testdir({}) }), 'one', frozenClock())
  t.teardown(() => files.close())
  await files.append('line')
  t.same(await all(files.read()), ['line'])
  const documents = loadConfig({}).storage
  t.throws(
    () => openCheckpoints({ checkpoints: { kind: 's3', bucket: 'b', prefix: '' }, storage: documents }, 'one', frozenClock()),
    /S3_ENDPOINT/,
  )

  const asked: string[] = []
  const send: typeof fetch = async (input) => {
    asked.push((input as Request).url)
    return new Response('')
  }
  const real = { ...place, endpoint: 'https://s3.eu-central-1.amazonaws.com', forcePathStyle: false }
  await opened(t, { place: real, fetch: send, prefix: '' }).append('x')
  await opened(t, { place: { ...real, bucket: 'dotted.heads' }, fetch: send, prefix: 'p' }).append('x')
  t.same(asked, [
    'https://heads.s3.eu-central-1.amazonaws.com/20261201T100000123.one.000001/99999998.ndjson',
    'https://s3.eu-central-1.amazonaws.com/dotted.heads/p/20261201T100000123.one.000001/99999998.ndjson',
  ])
})

t.test('a trail over a bucket: a store that is down stalls nothing, a cut tail is found, former keys count', async (t) => {
  const db = await testDatabase(t)
  const clock = frozenClock()
  const pool = poolFor(t, db.appUrl)
  let down = true
  const { send } = recordingFetch()
  const unsteady: typeof fetch = (input, init) =>
    down ? Promise.reject(Object.assign(new TypeError('fetch failed'), { cause: { code: 'ECONNREFUSED' } })) : send(input, init)
  const checkpoints = opened(t, { fetch: unsteady, clock })
  const problems: unknown[] = []
  const onProblem = (_: string, error: unknown): void => void problems.push(error)
  const trail = createAuditTrail({ pool, lanes: [3], keys: auditKeys, clock, signer, checkpoints, onProblem })
  t.teardown(() => trail.close())
  await until(async () => {
    await trail.record(facts({ payload: { n: trail.stats().recorded } }), 'success')
    return trail.stats().checkpointFailures > 0
  })
  t.match(problems[0], { code: 'ECONNREFUSED' })
  t.match(trail.stats(), { failed: 0, queued: 0, checkpoints: 0, unsigned: 1 })
  down = false
  await until(() => trail.stats().unsigned === 0)
  const { recorded: rows } = trail.stats()

  const newKey = randomBytes(32).toString('base64')
  const common = { connectionString: db.ownerUrl, clock, checkpoints: opened(t, { instance: 'reader' }) }
  t.match(await verifyAudit({ ...common, publicKeys: [signer.publicKey] }), { valid: true, rows, checkpoint: { heads: 1, matched: 1 } })
  const store = { pool, keys: auditKeys, clock, checkpoints: common.checkpoints, signingKey: newKey }
  t.match(await createAuditStore(store).verify(riverside), { valid: true, checkpoint: null }, 'signed by a key that is not known')
  t.match(await createAuditStore({ ...store, formerPublicKeys: [createSigner(signingKey).publicKey] }).verify(riverside), {
    valid: true,
    checkpoint: { matched: 1, unknownKeys: 0 },
  })

  const superuser = await connect(t, db.superuserUrl)
  const off = ['audit_event', 'audit_head'].map((table) => `alter table ${table} disable trigger all`)
  const cut = `delete from audit_event where agency_id = '${riverside}'; delete from audit_head where agency_id = '${riverside}'`
  await superuser.query([...off, cut].join('; '))
  t.match(await verifyAudit({ ...common, publicKeys: [signer.publicKey] }), {
    valid: false,
    firstBreak: { kind: 'cut-tail', agencyId: riverside },
  })
})
