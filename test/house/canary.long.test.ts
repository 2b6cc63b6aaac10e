import { readdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { dirname, join } from 'node:path'
import t from 'tap'
import { contexts } from '../../plugins/contexts.ts'
import type { ContextScope } from '../../plugins/host/define-context.ts'
import type { AnyOperation } from '../../routes/shared/operation.ts'
import { testDatabase } from '../database.ts'
import { deaBody } from '../fixtures/dea-cms.ts'
import { startHost } from '../helper.ts'
import { judgeOf, type Judge } from './answers.ts'
import { drivesOf, type Drive, type RequestOptions } from './drive.ts'
import { openRows } from './rows.ts'

/** Planted where real requests carry what must not get about; a mark each, so that a find tells where it came from. */
const marks = {
  text: 'CANARYtext5d1e8a70', name: 'CANARYname5d1e8a70', header: 'CANARYheader5d1e8a70', claim: 'CANARYclaim5d1e8a70', crash: 'CANARYcrash5d1e8a70',
  database: 'CANARYdatabase5d1e8a70', flags: 'CANARYflags5d1e8a70', query: 'CANARYquery5d1e8a70', path: 'CANARYpath5d1e8a70',
} // prettier-ignore
const all = Object.values(marks)
/** Two values of a caller that have columns of their own: the user and the key. They stand there and nowhere else. */
const sub = 'CANARYsub5d1e8a70"<${}>\\'
const key = 'CANARYkey5d1e8a70'

/** A collector of traces that keeps every byte. */
const openCollector = async () => {
  const chunks: Buffer[] = []
  const server = createServer((incoming, response) => {
    incoming.on('data', (chunk: Buffer) => void chunks.push(chunk))
    incoming.on('end', () => response.end())
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  const close = (): void => void server.close().closeAllConnections()
  return { url: `http://127.0.0.1:${port}`, text: () => Buffer.concat(chunks).toString('latin1'), close }
}

/** What a service throws when it is told to; null: it works. */
let crash: (() => unknown) | null = null
const crashing =
  (work: (...given: never[]) => unknown) =>
  (...given: never[]): unknown => {
    if (crash) throw crash()
    return work(...given)
  }

/** Every service of every context, made to crash on demand. */
const sabotaged = contexts.map((context) => ({
  ...context,
  setup: (scope: ContextScope) => {
    const serve = (operation: AnyOperation, service: object): void => {
      const parts = Object.entries(service).map(([name, part]: [string, unknown]) => [
        name,
        typeof part === 'function' ? crashing(part as () => unknown) : part,
      ])
      scope.serve(operation, Object.fromEntries(parts) as never)
    }
    return context.setup(new Proxy(scope, { get: (target, name) => (name === 'serve' ? serve : Reflect.get(target, name)) }))
  },
}))

const collector = await openCollector()
t.teardown(() => collector.close())
const printed: string[] = []
const write = process.stderr.write
process.stderr.write = ((chunk: string | Uint8Array, ...rest: never[]) => (
  printed.push(String(chunk)),
  write.call(process.stderr, chunk as string, ...rest)
)) as typeof write
t.teardown(() => void (process.stderr.write = write))

const database = await testDatabase(t)
const rows = await openRows(t, database.superuserUrl)
const host = await startHost(t, { database, contexts: sabotaged, env: { OTEL_EXPORTER_OTLP_ENDPOINT: collector.url } })
const drives = await drivesOf(host)

const ana = '01920000-0000-7000-8000-c00000000001'
const consent = await host.call('POST', '/api/consents', { as: 'patient-ana', body: { patientId: ana, scope: 'messaging' } })
const conversation = await host.call('POST', '/api/messaging/conversations', {
  as: 'patient-ana',
  body: { patientId: ana, subject: marks.text },
})
const registration = await host.call('POST', '/api/dea/metadata', { as: 'compliance-officer', body: deaBody() })
const ids: Record<string, string> = {
  conversationId: conversation.json<{ id: string }>().id,
  consentId: consent.json<{ id: string }>().id,
  metadataId: registration.json<{ id: string }>().id,
}

const headers = {
  'x-odd': marks.header, 'user-agent': marks.header, referer: `https://${marks.header}`, cookie: `a=${marks.header}`, 'x-request-id': marks.header,
  traceparent: `00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01`, tracestate: `a=${marks.header}`, baggage: `name=${marks.header}`, origin: `https://${marks.header}`,
} // prettier-ignore

const judges = new Map<AnyOperation, Judge>()

/** Drives an operation and judges its answer; reads that show a patient their own text are not an echo. */
const drive = async ({ operation, request }: Drive, options: RequestOptions = {}): Promise<number> => {
  const response = await host.app.inject(
    request({ text: marks.text, optional: true, ids, ...options, headers: { ...headers, ...options.headers } }),
  )
  const shown = response.statusCode < 400 ? all.filter((mark) => mark !== marks.text) : all
  let judge = judges.get(operation)
  if (!judge) judges.set(operation, (judge = await judgeOf(host, operation)))
  const fault = judge(response, [...shown, sub, key])
  if (fault) t.fail(`${operation.name}: ${fault}`)
  return response.statusCode
}
const driveAll = async (options: RequestOptions = {}): Promise<number[]> => [...(await driveNamed(options)).values()]
const driveNamed = async (options: RequestOptions = {}): Promise<Map<string, number>> => {
  const statuses = new Map<string, number>()
  // Revoking comes last, so that what needs the consent has it.
  for (const one of drives.toSorted((a, b) => Number(a.operation.name === 'revokeConsent') - Number(b.operation.name === 'revokeConsent')))
    statuses.set(one.operation.name, await drive(one, options))
  return statuses
}

t.test('crashes of every service, of every kind', async (t) => {
  const kinds: [string, () => unknown][] = [
    ['an error', () => new Error(`no record of ${marks.crash}`)],
    ['an error whose message looks like a stack', () => new Error(`${marks.crash}\n    at ${marks.crash} (file.ts:1:1)`)],
    [
      'an error named and coded after the input',
      () =>
        Object.assign(new Error('x'), { name: marks.crash, code: `${marks.crash} '${marks.crash}'`, statusCode: 200, detail: marks.crash }),
    ],
    [
      'an error with a status of its own',
      () => Object.assign(new TypeError(marks.crash), { statusCode: 418, headers: { 'x-leak': marks.crash }, validation: undefined }),
    ],
    ['an error with a cause', () => new AggregateError([new Error(marks.crash)], marks.crash, { cause: new Error(marks.crash) })],
    ['a text', () => marks.crash],
    ['an object', () => ({ message: marks.crash, code: '23505', detail: marks.crash })],
    ['nothing', () => null],
    [
      'an error of the driver',
      () =>
        Object.assign(new Error(`duplicate key ${marks.crash}`), {
          code: '23505',
          detail: `Key (email)=(${marks.crash})`,
          constraint: marks.crash,
        }),
    ],
  ]
  for (const [name, made] of kinds) {
    crash = made
    const statuses = await driveAll()
    t.ok(
      statuses.every((status) => status >= 400),
      `${name}: ${statuses.join(' ')}`,
    )
  }
  crash = null
})

t.test('ordinary requests full of marks', async (t) => {
  const statuses = await driveNamed()
  const accepted = [
    'createConversation', 'sendMessage', 'listConversations', 'listMessages', 'getConsent', 'revokeConsent',
    'createDeaMetadata', 'getDeaMetadata', 'replaceDeaMetadata', 'addDeaComplianceNote', 'createCmsMetadata',
  ] // prettier-ignore
  for (const name of accepted) t.ok(statuses.get(name)! < 300, `${name}: ${statuses.get(name)}`)
  const again = await host.call('POST', '/api/consents', { as: 'patient-ana', body: { patientId: ana, scope: 'messaging' } })
  t.equal(again.statusCode, 201)
})

t.test('requests that are refused, with marks wherever something can be put', async () => {
  for (const one of drives) {
    const { url } = one.request({ ids })
    await drive(one, { body: { [marks.name]: marks.text } })
    await host.app.inject({
      ...one.request({ ids, headers }),
      url: `${url}${url.includes('?') ? '&' : '?'}${marks.query}=${marks.query}&cursor=${marks.query}`,
    })
    await host.app.inject({ ...one.request({ headers }), url: `/api${one.operation.path.replaceAll(/:\w+/g, marks.path)}` })
    await host.app.inject({
      method: one.operation.method,
      url: `${url}/${marks.path}?${marks.query}`,
      headers: { authorization: `Bearer ${marks.header}`, ...headers },
    })
    await drive(one, { headers: { authorization: `Bearer ${marks.header}` } })
    await drive(one, { headers: { 'x-agency': marks.header, 'x-access-reason': marks.header } })
  }
})

t.test('callers whose token is full of marks', async (t) => {
  const claims = {
    sub,
    name: marks.claim,
    email: `${marks.claim}@example.org`,
    preferred_username: marks.claim,
    resource_access: { [marks.claim]: { roles: [marks.claim] } },
  }
  for (const one of drives) {
    const scope = one.operation.scopes.join(' ')
    const tokens = [
      host.token(one.persona, { claims }),
      host.token(one.persona, {
        claims: { ...claims, scope: `${scope} ${marks.claim}`, realm_access: { roles: [...one.principal.roles, marks.claim] } },
      }),
      host.token(one.persona, { claims: { ...claims, patient_id: marks.claim } }),
      host.token(one.persona, { claims: { ...claims, iss: marks.claim } }),
      host.token(one.persona, { claims, header: { kid: marks.claim, typ: marks.claim } }),
    ]
    for (const token of tokens)
      await drive(one, { headers: { authorization: `Bearer ${token}`, 'idempotency-key': `${key}${Math.random()}` } })
  }
  const named = host.lines.filter((line) => line.includes('CANARYsub'))
  t.ok(named.length > 0, 'the user is named in the log')
  t.ok(
    named.every((line) => (JSON.parse(line) as { userId: string }).userId === sub),
    'in its own field, escaped',
  )
})

t.test('failures of the database that quote what was sent', async (t) => {
  const tables = await rows.query<{ name: string }>(
    `select relname as name from pg_class where relnamespace = 'public'::regnamespace and relkind in ('r', 'p') and relrowsecurity and not relispartition`,
  )
  const broken = async (sqlstate: string, names: readonly string[], work: () => Promise<void>): Promise<void> => {
    await rows.query(`create or replace function canary_fails() returns boolean language plpgsql as $$ begin
      raise exception using errcode = '${sqlstate}', message = 'PT403 ${marks.database}', detail = 'Key (${marks.database})', hint = '${marks.database}', constraint = '${marks.database}',
        column = '${marks.database}', table = '${marks.database}'; end $$`)
    await rows.query('grant execute on function canary_fails() to public')
    for (const name of names)
      await rows.query(`create policy canary on ${name} as restrictive using (canary_fails()) with check (canary_fails())`)
    await work()
    for (const name of names) await rows.query(`drop policy canary on ${name}`)
  }
  const domain = tables.map(({ name }) => name).filter((name) => !name.startsWith('audit_'))
  for (const sqlstate of ['P0001', '23514', '22P02', '40001', '57014', 'PT403', 'PT999', '55P03', '58030']) {
    await broken(sqlstate, domain, async () => {
      const statuses = await driveAll()
      t.ok(statuses.filter((status) => status >= 400).length >= 8, `${sqlstate}: ${statuses.join(' ')}`)
    })
  }

  const before = await rows.state()
  await broken('23514', ['audit_event'], async () => {
    const statuses = await driveNamed()
    const recorded = drives.filter(({ operation }) => operation.audit === 'record').map(({ operation }) => statuses.get(operation.name))
    t.same([...new Set(recorded)], [503], 'the audit store is down: nothing is answered otherwise')
  })
  t.same(await rows.state(), before, 'and nothing was written')
})

t.test('connections that break, and a flags file that is none', async (t) => {
  await rows.query("select pg_terminate_backend(pid) from pg_stat_activity where datname = current_database() and usename = 'postern_app'")
  await driveAll()
  t.equal((await host.call('GET', '/api/consents', { as: 'patient-ana' })).statusCode, 200, 'the service recovers by itself')

  const path = join(host.dataDir, 'flags.json')
  const good = readFileSync(path)
  const replace = (content: string | Buffer): void => {
    writeFileSync(`${path}.next`, content)
    renameSync(`${path}.next`, path)
  }
  for (const bad of [
    marks.flags,
    `{"${marks.flags}":true}`,
    `{"USE_CHAT_WRITES":"${marks.flags}"}`,
    `{"USE_CHAT_WRITES":{"enabled":true,"strategies":[{"name":"${marks.flags}"}]}}`,
  ]) {
    replace(bad)
    host.clock.advance(20_000)
    await driveAll()
  }
  replace(good)
  host.clock.advance(20_000)
  await driveAll()
})

const filesUnder = (directory: string): string[] =>
  readdirSync(directory, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))

t.test('none of it stands in logs, metrics, traces, files or in clear in the database', async (t) => {
  const [{ directory }] = (await rows.query<{ directory: string }>("select current_setting('data_directory') as directory")) as [
    { directory: string },
  ]
  const metrics = await host.ops.inject('/metrics')
  t.equal(metrics.statusCode, 200)
  await host.close()
  const log = host.lines.join('')
  const places: Record<string, string> = {
    log,
    metrics: metrics.body,
    'standard error': printed.join(''),
    traces: collector.text(),
    'the log of the database': readFileSync(join(dirname(directory), 'server.log'), 'latin1'),
    ...Object.fromEntries(filesUnder(host.dataDir).map((path) => [path.slice(host.dataDir.length), readFileSync(path, 'latin1')])),
  }
  t.ok(host.lines.length > 500 && metrics.body.length > 1_000 && collector.text().length > 1_000, 'there is something to look through')
  t.ok(log.includes('"event":"defect"'), 'crashes were reported')
  for (const [place, content] of Object.entries(places)) {
    t.same(
      all.filter((mark) => content.includes(mark)),
      [],
      place,
    )
    t.notOk(content.includes(key), `the key is not in ${place}`)
    if (place !== 'log') t.notOk(content.includes('CANARYsub'), `the user is not in ${place}`)
  }
  for (const line of host.lines) JSON.parse(line)

  // A clinic is not among what is sealed: it is what patients are shown, and what is searched and sorted by.
  const clinic = (column: string): boolean =>
    /^provider_profile\.(clinic_(name|street|city|state_province|postal_code)|operating_hours)$/.test(column)
  for (const mark of all) {
    const columns = await rows.columnsWith(mark)
    t.same(
      columns.filter((column) => mark !== marks.text || !clinic(column)),
      [],
      `${mark} in clear`,
    )
  }
  t.same(await rows.columnsWith(key), ['audit_event.idempotency_key', 'host_idempotency_key.key'].sort())
})
