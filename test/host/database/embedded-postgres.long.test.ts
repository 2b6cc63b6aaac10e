import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { createServer, type AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import pg from 'pg'
import t from 'tap'
import { bootstrapCluster } from '../../../plugins/host/database/bootstrap-cluster.ts'
import { startEmbeddedPostgres, type EmbeddedPostgres } from '../../../plugins/host/database/embedded-postgres.ts'
import { completeLinks, postgresBinaries } from '../../../plugins/host/database/postgres-binaries.ts'
import { isServerOf } from '../../../plugins/host/database/postmaster.ts'
import { stopServer } from '../../../plugins/host/database/server-process.ts'
import { withStartLock } from '../../../plugins/host/database/start-lock.ts'
import { waysDown } from '../../../plugins/host/database/unprivileged.ts'

const temporary = (test: { teardown(work: () => void): unknown }): string => {
  const folder = mkdtempSync(join(tmpdir(), 'postern-embedded-'))
  chmodSync(folder, 0o711)
  test.teardown(() => rmSync(folder, { recursive: true, force: true }))
  return folder
}

const query = async (url: string, text: string): Promise<unknown[]> => {
  const client = new pg.Client({ connectionString: url, connectionTimeoutMillis: 5_000 })
  client.on('error', () => {})
  await client.connect()
  try {
    return (await client.query(text)).rows
  } finally {
    await client.end().catch(() => {})
  }
}

const end = async (data: string, pid: number): Promise<void> => {
  process.kill(pid, 'SIGKILL')
  while (isServerOf(data, pid)) await delay(5)
}

t.test('a server outlives the process that started it, and the next one finds it', async (t) => {
  const directory = temporary(t)
  const data = join(directory, 'data')
  const start = (port?: number): Promise<EmbeddedPostgres> => startEmbeddedPostgres({ directory, durable: true, timeoutMs: 30_000, port })
  t.teardown(async () => {
    const found = existsSync(join(data, 'postmaster.pid')) ? Number(readFileSync(join(data, 'postmaster.pid'), 'utf8').split('\n')[0]) : 0
    if (found) await stopServer(data, found)
  })
  mkdirSync(`${data}.unfinished`)
  writeFileSync(join(`${data}.unfinished`, 'PG_VERSION'), 'cut short')

  const starter = new URL('../../../plugins/host/database/embedded-postgres.ts', import.meta.url).href
  const script = `const { startEmbeddedPostgres: start } = await import(${JSON.stringify(starter)})
    const { pid } = await start({ directory: ${JSON.stringify(directory)}, durable: true })
    console.log(pid); setTimeout(() => {}, 30_000)`
  const child = spawn(process.execPath, ['--input-type=module', '-e', script], { stdio: ['ignore', 'pipe', 'inherit'] })
  const [printed] = (await once(child.stdout, 'data')) as [Buffer]
  child.kill('SIGKILL')
  await once(child, 'exit')

  const found = await start()
  t.match(found, { attached: true, pid: Number(printed) }, 'attached to the one that the killed process left')
  await query(found.superuserUrl, 'create table kept (n int); insert into kept values (1)')

  const both = await Promise.all([start(), start()])
  t.same(
    both.map(({ pid, attached }) => [pid, attached]),
    [
      [found.pid, true],
      [found.pid, true],
    ],
    'two at once share it',
  )

  await end(data, found.pid)
  const recovered = await start()
  t.equal(recovered.attached, false, 'a killed server is started anew')
  t.same(await query(recovered.superuserUrl, 'select n from kept'), [{ n: 1 }], 'and has what it had acknowledged')
  await Promise.all([recovered.stop(), recovered.stop()])
  t.notOk(isServerOf(data, recovered.pid), 'stopped, twice at once')
  await recovered.stop()

  const stranger = [String(process.pid), data, '0', '5432', '', '127.0.0.1', ''].join('\n')
  for (const [what, text] of [
    ['of a stranger with the same process id', stranger],
    ['that was cut short', '12'],
  ] as const) {
    writeFileSync(join(data, 'postmaster.pid'), text)
    const again = await start()
    t.equal(again.attached, false, `a lock file ${what} is passed over`)
    await again.stop()
  }

  const taken = createServer().listen(0, '127.0.0.1')
  await once(taken, 'listening')
  await t.rejects(start((taken.address() as AddressInfo).port), /ended \(code 1\)/, 'an occupied port is an error, with the log')
  taken.close()

  const password = join(directory, 'superuser-password')
  renameSync(password, `${password}.away`)
  await t.rejects(start(), /superuser-password is missing: bring it back/)
  writeFileSync(password, 'another')
  await t.rejects(start(), /has another password than the one beside it/)
})

t.test('what it keeps to itself', async (t) => {
  // A parent folder that is closed to others, as a home often is: run by root, the server's own user could not pass it.
  const closed = join(temporary(t), 'home')
  mkdirSync(closed, { mode: 0o700 })
  const directory = join(closed, 'postgres')
  const server = await startEmbeddedPostgres({ directory, durable: false })
  t.teardown(() => server.stop())
  const { ownerUrl, appUrl, bypassUrl } = await bootstrapCluster({
    superuserUrl: server.superuserUrl,
    database: 'postern',
    passwords: { owner: 'one', app: 'two', bypass: 'three' },
  })

  for (const file of ['superuser-password', 'server.log']) t.equal(statSync(join(directory, file)).mode & 0o077, 0, `${file} is private`)
  const settings =
    'select name, setting from pg_settings where name = any ($$ {listen_addresses,unix_socket_directories,fsync} $$) order by 1'
  t.same(await query(server.superuserUrl, settings), [
    { name: 'fsync', setting: 'off' },
    { name: 'listen_addresses', setting: '127.0.0.1' },
    { name: 'unix_socket_directories', setting: '' },
  ])
  const encoding = 'select pg_encoding_to_char(encoding) as encoding, datlocprovider as provider, datlocale as locale from pg_database'
  t.match(await query(server.superuserUrl, encoding), [{ encoding: 'UTF8', provider: 'b', locale: 'C.UTF-8' }])

  const wrong = Object.assign(new URL(appUrl), { password: 'wrong' }).href
  await t.rejects(query(wrong, 'select 1'), { code: '28P01' }, 'a wrong password is refused')
  for (const [url, login] of [
    [ownerUrl, 'postern_owner'],
    [appUrl, 'postern_app'],
    [bypassUrl, 'postern_bypass'],
  ] as const) {
    t.same(await query(url, 'select current_user::text as login'), [{ login }])
  }

  await query(ownerUrl, 'create table seen (value text primary key)')
  await query(ownerUrl, "insert into seen values ('canary-7f3a')")
  await t.rejects(query(ownerUrl, "insert into seen values ('canary-7f3a')"), { code: '23505' })
  await t.rejects(query(ownerUrl, "select 'canary-7f3a'::uuid"), { code: '22P02' })
  t.notMatch(readFileSync(join(directory, 'server.log'), 'utf8'), /canary/, 'values stay out of the log')

  const again = await bootstrapCluster({
    superuserUrl: server.superuserUrl,
    database: 'postern',
    passwords: { owner: 'one', app: 'changed', bypass: 'three' },
  })
  t.same(await query(again.appUrl, 'select 1 as n'), [{ n: 1 }], 'set up twice: the passwords of the last call hold')
  await t.rejects(query(appUrl, 'select 1'), { code: '28P01' })
})

t.test('run by root, it runs as somebody else', { skip: process.getuid?.() === 0 ? false : 'not root' }, async (t) => {
  for (const way of waysDown()) {
    const { file, args } = way.command('id', ['-u'])
    if (spawnSync('which', [file]).status !== 0) continue
    const { stdout, status } = spawnSync(file, args, { ...way.ids, cwd: '/', encoding: 'utf8' })
    if (status === 0) t.not(stdout.trim(), '0', `${file} goes down from root`)
  }
})

t.test('one clear sentence where there are no binaries', async (t) => {
  t.match(postgresBinaries(), { postgres: /bin\/postgres$/, initdb: /bin\/initdb$/ })
  t.throws(() => postgresBinaries('darwin-arm64'), /^The embedded PostgreSQL is not available on darwin-arm64\. Set DATABASE_URL/)
})

t.test('links that the package could not bring along', async (t) => {
  const root = temporary(t)
  mkdirSync(join(root, 'native'))
  writeFileSync(join(root, 'native/library.so.1'), 'library')
  const links = ['native/library.so', 'native/deeper/library.so'].map((target) => ({ source: 'native/library.so.1', target }))
  writeFileSync(join(root, 'native/pg-symlinks.json'), JSON.stringify(links))
  symlinkSync('nowhere', join(root, 'native/library.so'))
  for (const time of ['made', 'left alone when there']) {
    completeLinks(root)
    for (const { target } of links) t.equal(readFileSync(join(root, target), 'utf8'), 'library', `${target} is ${time}`)
  }
})

t.test('the start lock', async (t) => {
  const path = join(temporary(t), 'starting')
  writeFileSync(path, '1')
  await t.rejects(
    withStartLock(path, 40, async () => 'never'),
    /Another process holds .*starting: stop it, or remove that file/,
  )
  const dead = spawnSync(process.execPath, ['-e', '']).pid
  writeFileSync(path, String(dead))
  t.equal(await withStartLock(path, 2_000, async () => 'done'), 'done', 'a dead holder is passed over')
  await t.rejects(
    withStartLock(path, 40, async () => Promise.reject(new Error('failed'))),
    /failed/,
  )
  t.notOk(existsSync(path), 'released after failure')
  const order: string[] = []
  const hold = (name: string) =>
    withStartLock(path, 5_000, async () => {
      order.push(`${name} in`)
      await new Promise((done) => setImmediate(done))
      order.push(`${name} out`)
    })
  await Promise.all([hold('a'), hold('b')])
  t.match(order, [/in/, /out/, /in/, /out/], 'one at a time')
})
