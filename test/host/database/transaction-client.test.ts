import { once } from 'node:events'
import { connect, createServer, type Socket } from 'node:net'
import type { EntityManager } from '@mikro-orm/postgresql'
import t from 'tap'
import { createAgencyReader } from '../../../plugins/host/agencies.ts'
import { createBookings } from '../../../plugins/host/bookings.ts'
import { createHotPool } from '../../../plugins/host/database/hot-pool.ts'
import { createOrm } from '../../../plugins/host/database/orm.ts'
import { execute, inTransaction } from '../../../plugins/host/database/transaction-facade.ts'
import { createProviderStatus } from '../../../plugins/host/provider-status.ts'
import { testDatabase } from '../../database.ts'

const agency = '01900000-0000-7000-8000-000000000001'

interface Teardown {
  teardown(work: () => unknown): unknown
}

/** Stands before a database: tells what it is sent, and can keep its answers to itself. */
const openGate = async (t: Teardown, databaseUrl: string) => {
  const target = new URL(databaseUrl)
  const sockets: Socket[] = []
  const kept: (() => void)[] = []
  let [heard, shut] = ['', false]
  const server = createServer((caller) => {
    const database = connect(Number(target.port), target.hostname)
    sockets.push(caller, database)
    for (const socket of [caller, database]) socket.on('error', () => {})
    caller.on('data', (bytes) => {
      heard += bytes.toString('latin1')
      database.write(bytes)
      server.emit('heard')
    })
    database.on('data', (bytes) => {
      const answer = (): void => void caller.write(bytes)
      if (shut) kept.push(answer)
      else answer()
    })
    caller.on('close', () => database.destroy())
    database.on('close', () => caller.destroy())
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => {
    for (const socket of sockets) socket.destroy()
    server.close()
  })
  const address = server.address()
  const port = typeof address === 'object' ? address!.port : 0
  return {
    url: Object.assign(new URL(databaseUrl), { hostname: '127.0.0.1', port: String(port) }).href,
    shut: () => void ([heard, shut] = ['', true]),
    open: () => {
      shut = false
      for (const answer of kept.splice(0)) answer()
    },
    cut: () => {
      kept.length = 0
      for (const socket of sockets.splice(0)) socket.destroy()
    },
    async hear(text: string): Promise<void> {
      while (!heard.includes(text)) await once(server, 'heard', { signal: AbortSignal.timeout(5_000) })
    },
  }
}

const openOrm = async (t: Teardown, url: string) => {
  const orm = await createOrm({ url, entities: [], poolSize: 1, statementTimeoutMs: 5_000, lockTimeoutMs: 1_000 })
  t.teardown(() => orm.close(true))
  return {
    /** A transaction under a role, as the host opens one. */
    as: <R>(role: string, work: (em: EntityManager) => Promise<R>): Promise<R> =>
      inTransaction(orm, { role, 'app.current_agency': agency }, work),
  }
}

const whoSql = "select current_user as role, current_setting('app.current_agency') as agency"
const who = (em: EntityManager) => execute<{ role: string; agency: string }>(em, whoSql)

/** A transaction whose every answer is kept back, on a connection that was used before. */
const unanswered = async (t: Teardown) => {
  const database = await testDatabase(t)
  const gate = await openGate(t, database.appUrl)
  const { as } = await openOrm(t, gate.url)
  await as('postern_read', who)
  gate.shut()
  return { gate, as, read: as('postern_read', who) }
}

t.test('begin, session and first statement are sent without an answer in between', async (t) => {
  const { gate, read } = await unanswered(t)
  for (const text of ['begin', 'set_config', 'current_user']) await gate.hear(text)
  gate.open()
  t.same(await read, [{ role: 'postern_read', agency }])
})

t.test('where the session cannot be opened the first statement fails with the reason, and the next transaction is clean', async (t) => {
  const database = await testDatabase(t)
  const { as } = await openOrm(t, database.appUrl)
  let done = 0
  const work = async (em: EntityManager): Promise<void> => {
    await who(em)
    done += 1
  }
  await t.rejects(as('postern_nobody', work), { code: '22023', message: /postern_nobody/ })
  t.equal(done, 0)
  t.same(await as('postern_read', who), [{ role: 'postern_read', agency }])
})

t.test('such a transaction cannot commit, though it did nothing', async (t) => {
  const database = await testDatabase(t)
  const { as } = await openOrm(t, database.appUrl)
  await t.rejects(
    as('postern_nobody', async () => 'done'),
    { code: '22023' },
    'PostgreSQL itself answers such a commit without an error',
  )
  t.same(await as('postern_read', who), [{ role: 'postern_read', agency }])
})

t.test('a transaction that failed cannot commit, though its failure was caught', async (t) => {
  const database = await testDatabase(t)
  const { as } = await openOrm(t, database.appUrl)
  const caught = async (em: EntityManager): Promise<string> => {
    await execute(em, 'select 1 / 0').catch(() => {})
    return 'done'
  }
  await t.rejects(as('postern_read', caught), { message: 'a transaction that had failed was to be committed' })
  await t.rejects(as('postern_nobody', caught), { code: '22023' }, 'nor one that was never opened, and it says why')
  t.same(await as('postern_read', who), [{ role: 'postern_read', agency }])
})

t.test('a statement that nobody waits for runs in its own transaction, not in the next one of its connection', async (t) => {
  const database = await testDatabase(t)
  const { as } = await openOrm(t, database.appUrl)
  const begun: ReturnType<typeof who>[] = []
  const [, next] = await Promise.all([
    as('postern_read', async (em) => void begun.push(...Array.from({ length: 12 }, () => who(em)))),
    as('postern_admin', (em) => Promise.all(Array.from({ length: 12 }, () => who(em)))),
  ])
  t.same(new Set((await Promise.all(begun)).map(([row]) => row!.role)), new Set(['postern_read']))
  t.same(new Set(next.map(([row]) => row!.role)), new Set(['postern_admin']))
})

t.test('a connection that is lost with the opening under way fails the transaction', async (t) => {
  const { gate, as, read: lost } = await unanswered(t)
  await gate.hear('current_user')
  gate.cut()
  await t.rejects(lost, { message: /Connection terminated/ })
  gate.open()
  t.same(await as('postern_read', who), [{ role: 'postern_read', agency }], 'the next one has another connection')
})

t.test('a connection that is lost in the middle of a transaction takes no place of the pool with it', async (t) => {
  const database = await testDatabase(t)
  const gate = await openGate(t, database.appUrl)
  const { as } = await openOrm(t, gate.url)
  for (let lost = 0; lost < 3; lost += 1) {
    const cut = async (em: EntityManager): Promise<unknown> => {
      await who(em)
      gate.cut()
      return who(em)
    }
    await t.rejects(as('postern_read', cut), { message: /Connection terminated/ })
    t.same(await as('postern_read', who), [{ role: 'postern_read', agency }])
  }
})

t.test('wherever a connection is lost, nobody is told of a commit, and its place is there for the next', async (t) => {
  const database = await testDatabase(t)
  const gate = await openGate(t, database.appUrl)
  const { as } = await openOrm(t, gate.url)
  const mine = new Error('mine')
  const lost = /Connection terminated|ECONNRESET|EPIPE/
  for (const [step, message, work] of [
    ['before its first statement', lost, async () => gate.cut()],
    ['before its commit', lost, async (em: EntityManager) => void (await who(em), gate.cut())],
    ['before its rollback', /^mine$/, async (em: EntityManager) => Promise.reject((await who(em), gate.cut(), mine))],
    ['within a savepoint', lost, (em: EntityManager) => em.transactional(async (inner) => (await who(inner), gate.cut()))],
  ] as const) {
    await t.rejects(as('postern_read', work), { message }, step)
    t.same(await as('postern_read', who), [{ role: 'postern_read', agency }], step)
  }
})

t.test('a connection that does not say that it has rolled back is not given back in somebody’s transaction', async (t) => {
  const database = await testDatabase(t)
  const pool = createHotPool({ url: database.appUrl, size: 1, statementTimeoutMs: 5_000, lockTimeoutMs: 1_000, onError: () => {} })
  t.teardown(() => pool.end())
  const lost = new Error('Query read timeout')
  let failing = /^never$/
  pool.on('connect', (client) => {
    client.query = new Proxy(client.query, {
      apply: (query, self, args: unknown[]): unknown =>
        failing.test(String(args[0])) ? Promise.reject(lost) : Reflect.apply(query, self, args),
    })
  })
  const thrownAway: boolean[] = []
  pool.on('release', (error) => thrownAway.push(Boolean(error)))
  const at = new Date()
  const questions: ((agencyId: string, id: string) => Promise<unknown>)[] = [
    createProviderStatus(pool),
    createAgencyReader(pool),
    () => createBookings({ pool, provided: true, isElsewhere: () => false }).upcoming({ agencyId: agency, providerId: agency, at }),
  ]
  for (const ask of questions) {
    for (const [on, whatFails] of [[false, /^never$/], [true, /^select (?!set_config)/], [true, /^rollback$/]] as const) {
      failing = whatFails
      if (on) await t.rejects(ask(agency, agency), { code: 'UPSTREAM_UNAVAILABLE' })
      else await t.resolves(ask(agency, agency))
      t.equal(thrownAway.at(-1), on, String(whatFails))
    }
  }
  t.equal(thrownAway.length, 9)
}) // prettier-ignore
