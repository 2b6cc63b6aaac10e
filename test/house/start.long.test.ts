import { spawnSync } from 'node:child_process'
import { existsSync, globSync, readFileSync, writeFileSync } from 'node:fs'
import { createServer, type AddressInfo } from 'node:net'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import t from 'tap'
import { isServerOf, readPostmaster } from '../../plugins/host/database/postmaster.ts'
import { dataFolder, freshEnvironment, projectRoot, scriptOf, startService, type ServiceProcess } from './service-process.ts'

/** The process id of the PostgreSQL that runs on the folder's data, if one does. */
const postgresIn = (dataDir: string): number | null => {
  const [version] = globSync('**/data/PG_VERSION', { cwd: dataDir })
  const data = join(dataDir, version ?? 'none', '..')
  const pid = readPostmaster(data)?.pid
  return pid !== undefined && isServerOf(data, pid) ? pid : null
}

const api = async (address: string, path: string, options: { token?: string; key?: string; body?: object } = {}) => {
  const { token, key, body } = options
  const response = await fetch(`${address}${path}`, {
    method: body ? 'POST' : 'GET',
    headers: {
      ...(token ? { authorization: `Bearer ${token}` } : {}),
      ...(key ? { 'idempotency-key': key } : {}),
      ...(body ? { 'content-type': 'application/json' } : {}),
    },
    body: body ? JSON.stringify(body) : null,
    signal: AbortSignal.timeout(20_000),
  })
  return { status: response.status, body: (await response.json()) as Record<string, any> }
}

const tokenOf = async (address: string, persona: string): Promise<string> =>
  (await api(address, '/dev/token', { body: { persona } })).body['access_token'] as string

const secondsUntilListening = async (service: ServiceProcess): Promise<[string, number]> => {
  const start = performance.now()
  const address = await service.listening
  return [address, (performance.now() - start) / 1000]
}

/** Generous, for a busy machine; the measured times are in `npm run bench`. */
const longest = { first: 60, again: 30 }

const ana = '01920000-0000-7000-8000-c00000000001'
const grant = { key: 'grant-1', body: { patientId: ana, scope: 'messaging' } }

t.test('from nothing, again, after a kill, and to the end', async (t) => {
  const dataDir = dataFolder(t)
  const flags = { FLAGS_FILE: join(dataDir, 'switches.json') }
  writeFileSync(flags.FLAGS_FILE, '{"USE_CONSENT_WRITES":true}')

  const first = startService(t, { dataDir, env: flags })
  const [address, seconds] = await secondsUntilListening(first)
  t.comment(`first start: ${seconds.toFixed(1)} s`)
  t.ok(seconds < longest.first)
  const token = await tokenOf(address, 'patient-ana')
  const granted = await api(address, '/api/consents', { token, ...grant })
  t.equal(granted.status, 201)
  t.ok(postgresIn(dataDir))

  await t.test('it finishes on SIGTERM and stops its PostgreSQL', async (t) => {
    first.signal('SIGTERM')
    t.same(await first.ended, { code: 0, signal: null }, first.output())
    t.equal(postgresIn(dataDir), null)
  })

  await t.test('the second start keeps the data and honours the tokens and keys of the first', async (t) => {
    const second = startService(t, { dataDir, env: flags })
    const [again, seconds] = await secondsUntilListening(second)
    t.comment(`second start: ${seconds.toFixed(1)} s`)
    t.ok(seconds < longest.again)
    const read = await api(again, `/api/consents?patientId=${ana}`, { token })
    t.same(
      read.body['items'].map((item: { id: string }) => item.id),
      [granted.body['id']],
    )
    const replay = await api(again, '/api/consents', { token, ...grant })
    t.same([replay.status, replay.body], [201, granted.body])

    const left = postgresIn(dataDir)!
    second.signal('SIGKILL')
    t.equal((await second.ended).signal, 'SIGKILL')
    t.equal(postgresIn(dataDir), left, 'a killed service leaves its PostgreSQL behind')

    const third = startService(t, { dataDir, env: flags })
    const attached = await third.listening
    t.equal(postgresIn(dataDir), left, 'the next start attaches to it')
    t.equal((await api(attached, `/api/consents/${granted.body['id']}`, { token })).status, 200)

    // A second service on the same folder, on another port: whoever ends first leaves the database to the other.
    const beside = startService(t, { dataDir, env: flags })
    await beside.listening
    beside.signal('SIGINT')
    t.equal((await beside.ended).code, 0)
    t.equal((await api(attached, `/api/consents/${granted.body['id']}`, { token })).status, 200)

    // Ctrl-C under npm comes twice: from the terminal, and from npm that passes it on.
    third.signal('SIGINT')
    third.signal('SIGINT')
    t.same(await third.ended, { code: 0, signal: null })
    t.equal(postgresIn(dataDir), null)
  })

  await t.test('a signal during the start leaves nothing behind', async (t) => {
    const service = startService(t, { dataDir, env: flags })
    let over = false
    void service.ended.then(() => (over = true))
    while (postgresIn(dataDir) === null && !over) await delay(5)
    service.signal('SIGINT')
    t.same(await service.ended, { code: 0, signal: null })
    t.notMatch(service.output(), 'Postern serves at')
    t.equal(postgresIn(dataDir), null)
  })
})

t.test('a port in use gets one sentence, and nothing is opened', async (t) => {
  const taken = createServer()
  await new Promise<void>((done) => taken.listen(0, '127.0.0.1', done))
  t.teardown(() => taken.close())
  const { port } = taken.address() as AddressInfo
  const dataDir = join(dataFolder(t), 'data')
  for (const variable of ['PORT', 'OPS_PORT']) {
    const service = startService(t, { dataDir, env: { [variable]: String(port) } })
    t.equal((await service.ended).code, 1)
    t.equal(service.output(), `Port ${port} of 127.0.0.1 is in use. Stop what listens there, or set ${variable} to another port.\n`)
  }
  const elsewhere = startService(t, { dataDir, env: { HOST: '192.0.2.1' } })
  t.equal((await elsewhere.ended).code, 1)
  t.equal(elsewhere.output(), '192.0.2.1 is no address of this machine. Set HOST to one that is.\n')
  t.notOk(existsSync(dataDir))
})

const oldNodes = ['/usr/local/bin/node', '/usr/bin/node'].filter(
  (path) => existsSync(path) && Number(spawnSync(path, ['--version'], { encoding: 'utf8' }).stdout.slice(1).split('.')[0]) < 24,
)

t.test('a Node below the floor gets one sentence', { skip: oldNodes.length === 0 && 'there is none here' }, async (t) => {
  for (const name of ['start', 'test', 'contract']) {
    const [command] = scriptOf(name)
      .replace(/^exec /, '')
      .replace(/^node /, `${oldNodes[0]} `)
      .split(' && ')
    const { status, stdout, stderr } = spawnSync('sh', ['-c', command!], {
      cwd: projectRoot,
      env: freshEnvironment(projectRoot),
      encoding: 'utf8',
      timeout: 20_000,
    })
    t.equal(status, 1)
    t.equal(stdout, '')
    t.match(stderr, /^Postern needs Node 24 and this is Node \d+\.\d+\.\d+: [^\n]+\.\n$/)
  }
})

t.test('every script checks the version of Node first', async (t) => {
  const { scripts } = JSON.parse(readFileSync(join(projectRoot, 'package.json'), 'utf8')) as { scripts: Record<string, string> }
  for (const [name, script] of Object.entries(scripts)) t.match(script, /^(?:exec )?(node plugins\/cli\/launch\.cjs|npm run )/, name)
})

/** By hand, from the table of the design: what production must be told. */
const production = [
  'DATABASE_URL', 'OIDC_ISSUER', 'OIDC_AUDIENCE', 'IDENTITY_ADMIN_URL', 'REDIS_URL', 'S3_ENDPOINT', 'FIELD_KEYS', 'INDEX_KEYS', 'DOCUMENT_KEYS', 'AUDIT_KEYS',
  'AUDIT_SIGNING_KEY', 'AUDIT_CHECKPOINTS', 'SMTP_URL', 'MAIL_FROM', 'CLAMD_HOST', 'ADVISOR_POLICY_VERSION', 'CORS_ORIGINS', 'UNLEASH_URL', 'TLS_CERT',
] // prettier-ignore

t.test('production with nothing set names every variable and opens nothing', async (t) => {
  const dataDir = join(dataFolder(t), 'data')
  const service = startService(t, { dataDir, env: { NODE_ENV: 'production' } })
  t.equal((await service.ended).code, 1)
  const [head, ...lines] = service.output().trimEnd().split('\n')
  t.equal(head, 'The environment cannot be used:')
  t.same(lines.map((line) => /^ {2}([A-Z_0-9]+) is missing: .+\. Set .+\.$/.exec(line)?.[1]).sort(), [...production].sort())
  t.notOk(existsSync(dataDir))
})
