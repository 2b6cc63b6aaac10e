import { once } from 'node:events'
import { chmodSync } from 'node:fs'
import { createServer, type AddressInfo, type Socket } from 'node:net'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { TLSSocket } from 'node:tls'
import pg from 'pg'
import t, { type Test } from 'tap'
import { personaNamed } from '../../config/personas.ts'
import { leaseLanes } from '../../plugins/host/audit/index.ts'
import { createHotPool } from '../../plugins/host/database/hot-pool.ts'
import { migrate } from '../../plugins/host/database/migrate.ts'
import { createOrm } from '../../plugins/host/database/orm.ts'
import { createRedisLimiter } from '../../plugins/host/rate-limit/redis-limiter.ts'
import { testDatabase } from '../database.ts'
import { startHost } from '../helper.ts'
import { createAuthority } from '../production/certificates.ts'

/**
 * Layer 3, TLS only: with the addresses that production mode insists on (config.env tests), nothing but the offer of TLS reaches a
 * server that has none, and nothing at all one that nobody vouches for.
 */
const authority = createAuthority('Trusted by this test')
const own = authority.certificateFor('localhost', '127.0.0.1')
const otherHost = authority.certificateFor('db.elsewhere.example')
const stranger = createAuthority('Trusted by nobody').certificateFor('localhost', '127.0.0.1')

const sslRequest = Buffer.from([0, 0, 0, 8, 4, 210, 22, 47])

type Manner = 'plain' | typeof own

interface Listener {
  readonly port: number
  /** What came in the clear, and what came within TLS. */
  readonly heard: { clear: Buffer; sealed: Buffer }
}

/** Answers PostgreSQL's question for TLS as told, or speaks TLS from the start; then listens. */
const listen = async (t: Test, manner: Manner, asks: 'postgres' | 'redis'): Promise<Listener> => {
  const heard = { clear: Buffer.alloc(0), sealed: Buffer.alloc(0) }
  const seal = (socket: Socket): void => {
    if (manner === 'plain') return
    const sealed = new TLSSocket(socket, { isServer: true, cert: manner.cert, key: manner.key })
    sealed.on('error', () => {})
    sealed.on('data', (data) => {
      heard.sealed = Buffer.concat([heard.sealed, data])
      sealed.destroy()
    })
  }
  const server = createServer((socket) => {
    socket.on('error', () => {})
    if (asks === 'redis' && manner !== 'plain') return seal(socket)
    const hear = (data: Buffer): void => {
      heard.clear = Buffer.concat([heard.clear, data])
      if (asks === 'redis') return void socket.destroy()
      if (!data.equals(sslRequest)) return
      if (manner !== 'plain') socket.off('data', hear)
      socket.write(manner === 'plain' ? 'N' : 'S', () => seal(socket))
    }
    socket.on('data', hear)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => server.close())
  return { port: (server.address() as AddressInfo).port, heard }
}

const ignore = (): void => {}

/** Every way in which the service opens PostgreSQL. Each rejects where it could not. */
const openings: Readonly<Record<string, (url: string) => Promise<unknown>>> = {
  'the runtime and the bypass pool': async (url) => {
    const pool = createHotPool({ url, size: 1, statementTimeoutMs: 1_000, lockTimeoutMs: 1_000, onError: ignore })
    return pool.connect().finally(() => pool.end())
  },
  'the entity manager': async (url) => {
    const orm = await createOrm({ url, entities: [], poolSize: 1, statementTimeoutMs: 1_000, lockTimeoutMs: 1_000 })
    return orm.em
      .getConnection()
      .execute('select 1')
      .finally(() => orm.close(true))
  },
  'the lanes of the audit': (connectionString) => leaseLanes({ connectionString, count: 1, onProblem: ignore }),
  'the migrations': (url) => migrate({ url, migrations: [], timeoutMs: 1_000 }),
}

const addressOf = (port: number, query: string): string =>
  `postgresql://postern_app:the-password@127.0.0.1:${port}/postern?sslmode=verify-full${query}`

for (const [name, open] of Object.entries(openings)) {
  t.test(`PostgreSQL: ${name}`, async (t) => {
    const trusting = `&sslrootcert=${join(t.testdir({ 'ca.pem': authority.cert }), 'ca.pem')}`

    const plain = await listen(t, 'plain', 'postgres')
    await t.rejects(open(addressOf(plain.port, '')), 'a server without TLS')
    t.same(plain.heard.clear.subarray(0, 8), sslRequest, 'is asked for it')
    t.equal(plain.heard.clear.length % 8, 0, 'and hears no more: no name, no password')
    t.notMatch(plain.heard.clear.toString('latin1'), /postern|password/)

    for (const [why, manner] of [
      ['nobody vouches for', stranger],
      ['is for another host', otherHost],
    ] as const) {
      const listener = await listen(t, manner, 'postgres')
      await t.rejects(open(addressOf(listener.port, trusting)), `a certificate that ${why}`)
      t.equal(listener.heard.sealed.length, 0, 'hears nothing')
    }

    const trusted = await listen(t, own, 'postgres')
    await t.rejects(open(addressOf(trusted.port, trusting)))
    t.match(trusted.heard.sealed.toString('latin1'), /postern_app/, 'one that is vouched for is spoken to, within TLS')
    t.notMatch(trusted.heard.clear.toString('latin1'), /postern/)
  })
}

/** Lets the test server speak TLS, with a certificate for it; others go on as before. */
const offerTls = async (t: Test, superuser: pg.Client): Promise<void> => {
  const { rows } = await superuser.query<{ folder: string }>("select current_setting('data_directory') as folder")
  for (const [name, text] of [
    ['tls.crt', own.cert],
    ['tls.key', own.key],
  ] as const) {
    const path = join(rows[0]!.folder, name)
    await superuser.query(`copy (select unnest(string_to_array(${pg.escapeLiteral(text.trimEnd())}, e'\\n'))) to ${pg.escapeLiteral(path)}`)
    chmodSync(path, 0o600)
  }
  const set = async (...settings: readonly string[]): Promise<void> => {
    for (const setting of settings) await superuser.query(`alter system ${setting}`)
    await superuser.query('select pg_reload_conf()')
  }
  t.teardown(() => set('reset ssl', 'reset ssl_cert_file', 'reset ssl_key_file'))
  await set("set ssl_cert_file = 'tls.crt'", "set ssl_key_file = 'tls.key'", 'set ssl = on')
  for (let turns = 0; turns < 500; turns += 1) {
    if ((await superuser.query<{ ssl: string }>('show ssl')).rows[0]!.ssl === 'on') return
    await pause(10)
  }
  throw new Error('The test server does not offer TLS.')
}

t.test('the whole service, at work: every connection of it is within TLS', async (t) => {
  const database = await testDatabase(t)
  const superuser = new pg.Client({ connectionString: database.superuserUrl, connectionTimeoutMillis: 5_000, query_timeout: 30_000 })
  superuser.on('error', () => {})
  await superuser.connect()
  t.teardown(() => superuser.end())
  await offerTls(t, superuser)
  const query = `?sslmode=verify-full&sslrootcert=${join(t.testdir({ 'ca.pem': authority.cert }), 'ca.pem')}`
  const env = { DATABASE_URL: database.appUrl + query, DATABASE_BYPASS_URL: database.bypassUrl + query }
  const host = await startHost(t, { database, env })
  const { patientId } = personaNamed('patient-ana')!
  const granted = await host.call('POST', '/api/consents', { as: 'patient-ana', body: { patientId, scope: 'messaging' } })
  t.equal(granted.statusCode, 201, 'a compiled write')
  t.equal(
    (await host.call('POST', `/api/consents/${granted.json().id}/revocation`, { as: 'patient-ana', body: {} })).statusCode,
    200,
    'a transaction',
  )
  const across = { 'x-agency': '*', 'x-access-reason': 'Looking whether the bypass is sealed' }
  t.equal((await host.call('GET', '/api/consents', { as: 'founder', headers: across })).statusCode, 200, 'the bypass')
  const { rows } = await superuser.query<{ login: string; sealed: boolean; version: string }>(
    `select a.usename as login, s.ssl as sealed, s.version from pg_stat_activity a join pg_stat_ssl s using (pid)
     where a.datname = current_database() and a.usename <> 'postgres'`,
  )
  t.same([...new Set(rows.map(({ login }) => login))].sort(), ['postern_app', 'postern_bypass'])
  t.ok(rows.length >= 4, `${rows.length} connections`)
  t.same(
    rows.filter(({ sealed, version }) => !sealed || version !== 'TLSv1.3'),
    [],
  )
})

t.test('Redis: the limits', async (t) => {
  const attempt = async (port: number): Promise<unknown> => {
    const limiter = createRedisLimiter({ url: `rediss://postern:the-password@127.0.0.1:${port}`, timeoutMs: 250 })
    const ready = await limiter.ready(300)
    await limiter.close()
    return ready
  }
  const plain = await listen(t, 'plain', 'redis')
  t.equal(await attempt(plain.port), false)
  t.equal(plain.heard.clear[0], 0x16, 'a store without TLS hears a TLS greeting')
  t.notMatch(plain.heard.clear.toString('latin1'), /postern|password|AUTH/i, 'and no password')
  const untrusted = await listen(t, stranger, 'redis')
  t.equal(await attempt(untrusted.port), false)
  t.equal(untrusted.heard.sealed.length, 0, 'one that nobody vouches for hears nothing')
})
