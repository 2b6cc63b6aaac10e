import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { type AddressInfo, createServer, type Socket } from 'node:net'
import { setTimeout as delay } from 'node:timers/promises'
import t, { type Test } from 'tap'
import { createLimiter, type Limiter } from '../../../plugins/host/rate-limit/limiter.ts'

const user = { name: 'user', max: 3, windowMs: 60_000 }
const burst = { name: 'burst', max: 2, windowMs: 10_000 }
const frozen = (at = 1_000_000) => ({
  at,
  now() {
    return this.at
  },
})

const freePort = async (): Promise<number> => {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  server.close()
  await once(server, 'close')
  return port
}

/** Speaks just enough of the protocol to be taken for a store: counts per key, and can be cut off from its connections without a word. */
const fakeStore = async (t: Test) => {
  const counts = new Map<string, number>()
  const sockets = new Set<Socket>()
  const cutOff = new WeakSet<Socket>()
  const commands: string[] = []
  const evaluate = (keys: string[]): string => {
    const cells = keys.map((key) => {
      counts.set(key, (counts.get(key) ?? 0) + 1)
      return `:${counts.get(key)}\r\n:5000\r\n`
    })
    return `*${keys.length * 2}\r\n${cells.join('')}`
  }
  const answer = (words: string[]): string => {
    const command = words[0]!.toLowerCase()
    commands.push(command)
    if (command === 'evalsha' || command === 'eval') return evaluate(words.slice(3, 3 + Number(words[2])))
    return command === 'info' ? '$17\r\nredis_version:7.0\r\n' : command === 'hello' ? '%0\r\n' : '+OK\r\n'
  }
  const server = createServer((socket) => {
    sockets.add(socket)
    socket.on('error', () => {})
    let pending = ''
    socket.on('data', (bytes) => {
      pending += bytes.toString()
      for (;;) {
        const head = /^\*(\d+)\r\n/.exec(pending)
        if (!head) return
        const parts = pending.slice(head[0].length).split('\r\n')
        const size = Number(head[1]) * 2
        if (parts.length <= size) return
        pending = parts.slice(size).join('\r\n')
        if (!cutOff.has(socket)) socket.write(answer(parts.slice(0, size).filter((_, index) => index % 2 === 1)))
      }
    })
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  const stop = () => {
    server.close()
    for (const socket of sockets) socket.destroy()
  }
  t.teardown(stop)
  const cut = () => {
    for (const socket of sockets) cutOff.add(socket)
  }
  return { url: `redis://127.0.0.1:${port}`, commands, cut, stop }
}

const limiterAt = async (t: Test, redisUrl: string, timeoutMs?: number) => {
  const clock = frozen()
  const told: boolean[] = []
  const limiter = await createLimiter({ redisUrl, clock, timeoutMs, onFallback: (down) => told.push(down) })
  t.teardown(() => limiter.close())
  return { limiter, clock, told }
}

t.test('without a store limits live in the process, and answers are immediate', async (t) => {
  const limiter = await createLimiter({ redisUrl: null, clock: frozen() })
  t.match(limiter.take('ana', [user], { strict: true }), { allowed: true, remaining: 2 })
  t.equal(limiter.mode(), 'memory')
  t.equal(await limiter.ready(1), true)
  await limiter.close()
})

t.test('a store that is down: strict attempts are refused, others are counted in the process', async (t) => {
  const { limiter, told } = await limiterAt(t, `redis://127.0.0.1:${await freePort()}`)
  t.equal(await limiter.ready(50), false)
  for (let attempt = 0; attempt < 3; attempt++) {
    await t.rejects(async () => limiter.take('ana', [user], { strict: true }), { code: 'UPSTREAM_UNAVAILABLE' })
  }
  t.match(
    await limiter.take('ana', [user, burst]),
    { allowed: true, window: burst, remaining: 1 },
    'refused strict attempts are not counted',
  )
  limiter.giveBack('ana', [user, burst])
  t.match(await limiter.take('ana', [user, burst]), { remaining: 1 })
  t.equal(limiter.mode(), 'fallback')
  t.same(told, [true], 'told once')
})

t.test('a store that falls silent costs one timeout, then nobody waits, and it is found again', async (t) => {
  const store = await fakeStore(t)
  const { limiter, clock, told } = await limiterAt(t, store.url, 80)
  t.equal(await limiter.ready(2000), true)
  t.match(await limiter.take('ana', [user, burst]), { allowed: true, window: burst, remaining: 1, resetSeconds: 5 })
  t.equal(limiter.mode(), 'redis')

  store.cut()
  await t.rejects(async () => limiter.take('ana', [user], { strict: true }), { code: 'UPSTREAM_UNAVAILABLE' })
  const asked = store.commands.length
  t.match(await limiter.take('ana', [user]), { allowed: true, remaining: 2 }, 'the process counts from nothing')
  t.equal(store.commands.length, asked, 'the store was not asked')
  t.same(told, [true])

  clock.at += 999
  t.equal(limiter.mode(), 'fallback')
  await limiter.take('ana', [user])
  t.equal(limiter.mode(), 'fallback', 'not asked before the second is over')
  clock.at += 1
  // The library gives the dead connection up and opens a new one, so a few tries may pass.
  for (let tries = 0; tries < 50 && limiter.mode() === 'fallback'; tries++) {
    clock.at += 1000
    await limiter.take('ben', [user])
    if (limiter.mode() === 'fallback') await delay(20)
  }
  t.equal(limiter.mode(), 'redis')
  t.same(told, [true, false])
})

t.test('a store that goes away while connected', async (t) => {
  const store = await fakeStore(t)
  const { limiter, told } = await limiterAt(t, store.url, 200)
  t.equal(await limiter.ready(2000), true)
  t.equal(await limiter.ready(1), true, 'ready stays ready')
  store.stop()
  await t.rejects(
    async () => {
      for (let tries = 0; tries < 20; tries++) await limiter.take('ana', [user], { strict: true })
    },
    { code: 'UPSTREAM_UNAVAILABLE' },
  )
  limiter.giveBack('ana', [user])
  t.match(await limiter.take('ana', [user]), { allowed: true })
  t.same(told, [true])
})

const hasRedis = spawnSync('redis-server', ['--version'], { timeout: 5000 }).status === 0

const startRedis = async (t: Test): Promise<{ url: string; pid: number }> => {
  const port = await freePort()
  const child = spawn(
    'redis-server',
    ['--port', String(port), '--bind', '127.0.0.1', '--save', '', '--appendonly', 'no', '--dir', t.testdir({})],
    { stdio: ['ignore', 'pipe', 'ignore'] },
  )
  t.teardown(async () => {
    child.kill('SIGKILL')
    if (child.exitCode === null && child.signalCode === null) await once(child, 'exit')
  })
  for await (const line of child.stdout) if (String(line).includes('Ready to accept connections')) break
  return { url: `redis://127.0.0.1:${port}`, pid: child.pid! }
}

t.test('a real store', { skip: hasRedis ? false : 'no redis-server on the PATH' }, async (t) => {
  const { url, pid } = await startRedis(t)

  await t.test('two instances share one count', async (t) => {
    const instances = [(await limiterAt(t, url)).limiter, (await limiterAt(t, url)).limiter] as [Limiter, Limiter]
    for (const instance of instances) t.equal(await instance.ready(5000), true)
    t.match(await instances[0].take('ana', [user, burst]), { allowed: true, window: burst, remaining: 1, resetSeconds: 10 })
    t.match(await instances[1].take('ana', [user, burst]), { allowed: true, window: burst, remaining: 0 })
    t.match(await instances[0].take('ana', [user, burst]), { allowed: false, window: burst })
    t.match(await instances[1].take('ana', [user]), { allowed: false, window: user }, 'the refused attempt counted in the other window')
    const raced = await Promise.all(
      Array.from({ length: 40 }, async (_, index) => instances[index % 2]!.take('raced', [{ ...user, max: 10 }])),
    )
    t.equal(raced.filter(({ allowed }) => allowed).length, 10)
  })

  await t.test('windows end by the clock of the store, and attempts can be given back', async (t) => {
    const { limiter } = await limiterAt(t, url)
    t.equal(await limiter.ready(5000), true)
    const short = { name: 'short', max: 1, windowMs: 40 }
    t.match(await limiter.take('cho', [short]), { allowed: true })
    t.match(await limiter.take('cho', [short]), { allowed: false, resetSeconds: 1 })
    let again = await limiter.take('cho', [short])
    for (let tries = 0; tries < 100 && !again.allowed; tries++) {
      await delay(10)
      again = await limiter.take('cho', [short])
    }
    t.equal(again.allowed, true)
    await limiter.take('dan', [user])
    limiter.giveBack('dan', [user])
    limiter.giveBack('nobody', [user])
    t.match(await limiter.take('dan', [user]), { remaining: 2 })
    t.match(await limiter.take('nobody', [user]), { remaining: 2 })
    t.match(await limiter.take('odd {key} 😀\r\n', [user, burst]), { allowed: true })
  })

  await t.test('a store that hangs', async (t) => {
    const { limiter, clock, told } = await limiterAt(t, url, 100)
    t.equal(await limiter.ready(5000), true)
    process.kill(pid, 'SIGSTOP')
    await t.rejects(async () => limiter.take('eve', [user], { strict: true }), { code: 'UPSTREAM_UNAVAILABLE' })
    t.match(await limiter.take('eve', [user]), { allowed: true, remaining: 2 })
    process.kill(pid, 'SIGCONT')
    for (let tries = 0; tries < 100 && limiter.mode() === 'fallback'; tries++) {
      clock.at += 1000
      await limiter.take('eve', [user])
      await delay(10)
    }
    t.same([limiter.mode(), told], ['redis', [true, false]])
  })
})
