import { connect, type AddressInfo } from 'node:net'
import fc from 'fast-check'
import t from 'tap'
import { newId } from '../../domain/shared/ids.ts'
import { idempotencyOf, isMutating, type AnyOperation } from '../../routes/shared/operation.ts'
import { startHost } from '../helper.ts'
import { judgeOf, type Judge } from '../house/answers.ts'
import { drivesOf, type Drive } from '../house/drive.ts'
import { hostileBodies, hostileCredentials, hostileIds, hostileKeys, hostileQueries, mark, oddHeaders } from '../house/hostile.ts'
import { openRows } from '../house/rows.ts'

const host = await startHost(t)
const rows = await openRows(t, host.database.superuserUrl)
const drives = await drivesOf(host)
const judges = new Map<AnyOperation, Judge>()
for (const { operation } of drives) judges.set(operation, await judgeOf(host, operation))
const patientId = '01920000-0000-7000-8000-c00000000001'
await host.call('POST', '/api/consents', { as: 'patient-ana', body: { patientId, scope: 'messaging' } })
const before = await rows.state()

type Sent = Awaited<ReturnType<Drive['send']>>
type Request = ReturnType<Drive['request']>

/** Sends, judges, and says in one line what the contract misses. A write that any of this got through would be a hole. */
const judged = async (drive: Drive, what: string, request: Request, faults: string[]): Promise<Sent> => {
  const response = await host.app.inject(request)
  const fault = judges.get(drive.operation)!(response, [mark])
  if (fault) faults.push(`${drive.operation.name}, ${what}: ${fault}`)
  if (isMutating(drive.operation) && response.statusCode < 400) faults.push(`${drive.operation.name}, ${what}: accepted`)
  return response
}

t.test('hostile bodies are refused with the code that names what is wrong', async (t) => {
  for (const drive of drives) {
    const { operation } = drive
    const faults: string[] = []
    const attempts = hostileBodies(operation).map(async ({ name, bytes, type, status }) => {
      const base = drive.request()
      const { statusCode } = await judged(
        drive,
        name,
        { ...base, headers: { ...base.headers, 'content-type': type }, payload: bytes },
        faults,
      )
      // An id in the body that the token contradicts is found before the schema is asked.
      const early = statusCode === 403 && operation.agrees?.some((rule) => rule.in === 'body')
      if (operation.body && statusCode !== status && !early) faults.push(`${operation.name}, ${name}: ${statusCode} instead of ${status}`)
    })
    await Promise.all(attempts)
    t.same(faults, [], operation.name)
  }
})

t.test('hostile paths and queries are answered within the contract', async (t) => {
  for (const drive of drives) {
    const { operation } = drive
    const faults: string[] = []
    const base = drive.request()
    const [path = ''] = base.url.split('?')
    const payload = operation.body ? { payload: '[]' } : {}
    const queries = hostileQueries.map((query) =>
      judged(drive, query.slice(0, 40), { ...base, url: `${path}?${query}`, ...payload }, faults),
    )
    // An id that a source of ours has made up may look like anything short: such a one is absent.
    const foreign = Object.values((operation.params?.properties ?? {}) as Record<string, { format?: string }>).some(
      ({ format }) => format !== 'uuid',
    )
    const ids = (operation.params ? hostileIds : []).map(async (id) => {
      const { statusCode } = await judged(
        drive,
        id.slice(0, 40),
        { ...base, url: `/api${operation.path.replaceAll(/:\w+/g, () => id)}` },
        faults,
      )
      if (statusCode !== 400 && !(foreign && statusCode === 404)) faults.push(`${operation.name}, ${id.slice(0, 40)}: ${statusCode}`)
    })
    await Promise.all([...queries, ...ids])
    t.same(faults, [], operation.name)
  }
})

t.test('hostile headers are refused, or do not matter', async (t) => {
  for (const drive of drives) {
    const { operation } = drive
    const faults: string[] = []
    const spoilt = (headers: Readonly<Record<string, string>>): Request => {
      const base = drive.request()
      return { ...base, headers: { ...base.headers, ...headers }, ...(operation.body ? { payload: '[]' } : {}) }
    }
    const credentials = hostileCredentials.map(async (authorization) => {
      const { statusCode } = await judged(drive, authorization.slice(0, 40), spoilt({ authorization }), faults)
      if (statusCode !== 401 && !operation.audience.includes('public'))
        faults.push(`${operation.name}: ${statusCode} to ${authorization.slice(0, 20)}`)
    })
    const odd = oddHeaders.map((headers) => judged(drive, JSON.stringify(headers).slice(0, 60), spoilt(headers), faults))
    const keys = (idempotencyOf(operation) === 'none' ? [] : hostileKeys).map(async (key) => {
      const base = drive.request()
      const { statusCode, body } = await judged(
        drive,
        `key ${key.slice(0, 20)}`,
        { ...base, headers: { ...base.headers, 'idempotency-key': key } },
        faults,
      )
      if (statusCode !== 400 || !body.includes('"reason":"idempotency-key"'))
        faults.push(`${operation.name}: ${statusCode} to the key ${key.slice(0, 20)}`)
    })
    await Promise.all([...credentials, ...odd, ...keys])
    t.same(faults, [], operation.name)
  }
})

/** Names that break things in one language or another, and the names that the schemas know. */
const names = fc.oneof(
  fc.constantFrom(
    'patientId',
    'scope',
    'subject',
    'body',
    'reason',
    'expiresAt',
    '__proto__',
    'constructor',
    'toString',
    'length',
    '$ref',
    mark,
  ),
  fc.string({ unit: 'binary', maxLength: 8 }),
)
const value = fc.letrec((tie) => ({
  any: fc.oneof(
    { depthSize: 'small', withCrossShrink: true },
    fc.constantFrom(null, true, 0, -1, 1e308, patientId, mark, 'messaging', '2099-01-01T00:00:00Z'),
    fc.string({ unit: 'binary', maxLength: 20 }),
    fc.double(),
    fc.array(tie('any'), { maxLength: 4 }),
    fc.dictionary(names, tie('any'), { maxKeys: 5 }),
  ),
})).any
// An object without members is a provider's draft that was begun with nothing, and would be one.
const hostileJson = value.map((content) => JSON.stringify(content) ?? '').filter((text) => text !== '{}')
const bytes = fc.oneof(
  { weight: 4, arbitrary: hostileJson.map((text) => Buffer.from(text)) },
  { weight: 1, arbitrary: fc.uint8Array({ maxLength: 64 }).map((content) => Buffer.from(content)) },
)
const headerText = fc.string({ unit: 'grapheme-ascii', maxLength: 30 })
const types = fc.oneof({ weight: 6, arbitrary: fc.constant('application/json') }, { weight: 1, arbitrary: headerText })
// A segment of dots is resolved by whoever sends it.
const anyId = fc.string({ unit: 'binary', minLength: 1, maxLength: 40 }).filter((id) => !/^\.+$/.test(id))
const attempt = fc.record({
  drive: fc.constantFrom(...drives),
  payload: bytes,
  type: types,
  id: fc.oneof(anyId, fc.constant(newId())),
  key: headerText,
})

type Attempt = typeof attempt extends fc.Arbitrary<infer A> ? A : never

const attempted = async ({ drive, payload, type, id, key }: Attempt, faults: string[]): Promise<void> => {
  const base = drive.request()
  const segment = encodeURIComponent(id.toWellFormed())
  const url = drive.operation.params ? `/api${drive.operation.path.replaceAll(/:\w+/g, () => segment)}` : base.url
  const body = drive.operation.body ? { payload } : {}
  await judged(
    drive,
    'random',
    { ...base, url, headers: { ...base.headers, 'content-type': type, 'idempotency-key': key }, ...body },
    faults,
  )
}

t.test('whatever is sent, the answer is one that the operation declares', async (t) => {
  // Several at once, as they come: what one of them breaks, its neighbours in the same batch would tell.
  const property = fc.asyncProperty(fc.array(attempt, { minLength: 1, maxLength: 16, size: 'max' }), async (attempts) => {
    const faults: string[] = []
    await Promise.all(attempts.map((one) => attempted(one, faults)))
    if (faults.length > 0) throw new Error(faults.join('; '))
  })
  const { failed, counterexample, errorInstance } = await fc.check(property, { numRuns: 15 })
  t.notOk(failed, failed ? `${String(errorInstance)} ${JSON.stringify(counterexample)}`.slice(0, 2_000) : 'no counterexample')
})

/** Speaks HTTP by hand, for what no client library would send. */
const speak = (port: number, lines: string): Promise<string> =>
  new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1')
    let answer = ''
    socket.setTimeout(5_000, () => socket.destroy())
    socket.on('data', (chunk) => (answer += chunk.toString('latin1')))
    socket.on('error', () => {})
    socket.on('close', () => resolve(answer))
    socket.write(lines, 'latin1')
  })

t.test('what is hardly HTTP is answered with a problem document or with nothing, and the service goes on', async (t) => {
  await host.app.listen({ host: '127.0.0.1', port: 0 })
  const { port } = host.app.server.address() as AddressInfo
  const bearer = `Authorization: Bearer ${host.token('patient-ana')}`
  const post = (...headers: string[]): string =>
    ['POST /api/consents HTTP/1.1', 'Host: x', bearer, ...headers, '', `{"${mark}":`].join('\r\n')
  const get = (path: string, ...headers: string[]): string =>
    [`GET ${path} HTTP/1.1`, 'Host: x', 'Connection: close', ...headers, '', ''].join('\r\n')
  const cases: [string, string, number[]][] = [
    ['a length that is none', post(`Content-Length: ${mark}`), [400]],
    ['a negative length', post('Content-Length: -1'), [400]],
    ['two lengths', post('Content-Length: 1', 'Content-Length: 2'), [400]],
    ['a length and chunks', post('Content-Length: 3', 'Transfer-Encoding: chunked'), [400]],
    ['chunks that are none', `${post('Transfer-Encoding: chunked')}${mark}`, [400]],
    ['a length beyond every limit', post('Content-Type: application/json', 'Content-Length: 999999999', 'Connection: close'), [413]],
    ['a head beyond every limit', get('/api/consents', `X-Odd: ${mark.repeat(2_000)}`), [413]],
    ['a header without a name', get('/api/consents', `: ${mark}`), [400]],
    ['a header folded over lines', get('/api/consents', `X-Odd: a\r\n ${mark}`), [400, 401]],
    ['a control character in a header', get('/api/consents', `X-Odd: \u0001${mark}`), [400]],
    ['no HTTP at all', `${mark}\r\n\r\n`, [400]],
    ['another version', `GET /api/consents HTTP/9.9\r\nHost: ${mark}\r\n\r\n`, [400]],
    ['a method that nobody knows', `${mark} /api/consents HTTP/1.1\r\nHost: x\r\n\r\n`, [400]],
    ['a path that cannot be decoded', get(`/api/consents/%zz${mark}`), [400]],
    ['a path of bytes', get(`/api/consents/\xff${mark}`, bearer), [400]],
    ['an expectation that nobody knows', get('/api/consents', `Expect: ${mark}`), [401]],
    ['a token twice', get('/api/consents', bearer, `Authorization: Bearer ${mark}`), [200]],
    ['a bad token before a good one', get('/api/consents', `Authorization: Bearer ${mark}`, bearer), [401]],
    ['an upgrade that nobody offers', get('/api/consents', bearer, `Upgrade: ${mark}`), [200]],
    ['no host', `GET /api/consents HTTP/1.1\r\n${bearer}\r\n\r\n`, [400]],
    ['a preflight that is none', `OPTIONS /api/consents HTTP/1.1\r\nHost: x\r\nConnection: close\r\nX-Odd: ${mark}\r\n\r\n`, [204]],
    ['an unknown route', get(`/api/${mark}`), [404]],
    ['a known route asked otherwise', `DELETE /api/consents?${mark} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n`, [405]],
  ] // prettier-ignore
  const answers = await Promise.all(cases.map(async ([name, lines, expected]) => ({ name, expected, answer: await speak(port, lines) })))
  for (const { name, expected, answer } of answers) {
    const status = Number(/^HTTP\/1\.1 (\d{3})/.exec(answer)?.[1])
    t.ok(expected.includes(status), `${name}: ${status}`)
    t.notOk(answer.includes(mark), `${name}: nothing is repeated`)
    // Node answers a request without a host by itself, with no body.
    const isProblem = /content-type: application\/problem\+json; charset=utf-8/i.test(answer)
    if (status >= 400 && name !== 'no host') t.ok(isProblem, `${name}: as a problem document`)
  }
  t.equal((await host.app.inject('/health/live')).statusCode, 200)
  const counted = /^postern_unreadable_requests_total (\d+)$/m.exec((await host.ops.inject('/metrics')).body)
  t.ok(Number(counted?.[1]) >= 8, 'what was no HTTP is counted')
  t.equal(host.app.server.maxConnections, 10_000)
})

t.test('nothing of it was stored, and each attempt left a row with what it was answered', async (t) => {
  t.same(await rows.state(), before, 'no table has changed')
  const sent = new Map<string, string>()
  const unrecorded = new Set(drives.filter(({ operation }) => operation.audit === 'refusals').map(({ operation }) => operation.name))
  for (const line of host.lines) {
    const { commandId, outcome, action } = JSON.parse(line) as Record<string, string>
    // What only leaves a row where it is refused leaves none here.
    if (outcome === 'success' && unrecorded.has(action!)) continue
    if (commandId && action !== 'unknownRoute' && !['UNAUTHORIZED', 'RATE_LIMITED'].includes(outcome!))
      sent.set(commandId, `${action}: ${outcome}`)
  }
  const audited = await rows.query<{ id: string; told: string }>(
    "select request_id::text as id, action || ': ' || outcome as told from audit_event where request_id is not null and outcome not in ('UNAUTHORIZED', 'RATE_LIMITED')",
  )
  const told = new Map(audited.map(({ id, told }) => [id, told]))
  t.same(
    [...sent].filter(([id, outcome]) => told.get(id) !== outcome),
    [],
  )
  // An attempt whose connection broke before it could be answered is audited and has no line.
  t.ok(sent.size > 800 && told.size - sent.size <= 3, `${sent.size} attempts, ${told.size} rows`)
})

t.test('the log holds a line for each and nothing of what was sent', async (t) => {
  t.notOk(host.lines.some((line) => line.includes(mark)))
})
