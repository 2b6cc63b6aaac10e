import { createServer } from 'node:http'
import type { IncomingMessage, RequestListener, Server, ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import t from 'tap'
import { systemClock } from '../../../domain/shared/clock.ts'
import { caller, frozenClock, lakeside, observedFlags, riverside } from '../../fixtures/observed-flags.ts'

type Test = Pick<typeof t, 'teardown'>

const feature = (name: string, enabled: unknown, strategies: unknown = []) => ({ name, enabled, strategies })
const open = [feature('USE_CHAT_WRITES', true), feature('USE_APPOINTMENT_READS', false)]

const send = (body: unknown, headers: Record<string, string> = {}): RequestListener => {
  const text = typeof body === 'string' ? body : JSON.stringify(body)
  return (_request, response) => void response.writeHead(200, headers).end(text)
}
const status =
  (code: number, headers: Record<string, string> = {}): RequestListener =>
  (_request, response) =>
    void response.writeHead(code, headers).end(code === 304 ? undefined : JSON.stringify({ features: open }))

/** Answers as Unleash does: the features under an ETag, and 304 to who has it. */
const unleash =
  (features: unknown[], etag = '"first"'): RequestListener =>
  (request, response) => {
    if (request.headers['if-none-match'] === etag) response.writeHead(304).end()
    else response.writeHead(200, { etag }).end(JSON.stringify({ version: 2, features }))
  }

/** A server whose answer can be changed while it runs. */
const scripted = async (test: Test, first: RequestListener, port = 0) => {
  const seen: IncomingMessage[] = []
  const state = { answer: first }
  const server: Server = createServer((request: IncomingMessage, response: ServerResponse) => {
    seen.push(request)
    state.answer(request, response)
  })
  /** Resolves once an answer was given and taken in: questions do not overlap, so the second one shows it. */
  const askedAgain = (): Promise<void> =>
    new Promise((resolve) => {
      let left = 2
      const count = (): void => {
        left -= 1
        if (left > 0) return
        server.off('request', count)
        resolve()
      }
      server.on('request', count)
    })
  await new Promise<void>((ready) => server.listen(port, '127.0.0.1', ready))
  const stop = (): Promise<void> =>
    new Promise((done) => {
      server.close(() => done())
      server.closeAllConnections()
    })
  test.teardown(stop)
  const address = server.address() as AddressInfo
  return { url: `http://127.0.0.1:${address.port}/api`, port: address.port, seen, state, stop, server, askedAgain }
}

/** Flags of the server, on a clock that stands still, polled fast. */
const asking = async (test: Test, url: string) => {
  const clock = frozenClock()
  const flags = await observedFlags({ unleash: { url, token: 'secret-token', appName: 'postern', timeoutMs: 500 }, clock, pollMs: 20 })
  test.teardown(() => flags.close())
  return { clock, flags, chat: () => flags.isOn('USE_CHAT_WRITES', caller()), reads: () => flags.isOn('USE_APPOINTMENT_READS', caller()) }
}

t.test('asks as a client does, and with the ETag once it has one', async (t) => {
  const server = await scripted(t, unleash(open))
  const { clock, flags, chat } = await asking(t, `${server.url}/`)
  t.equal(chat(), true, 'known before the first request is served')
  t.equal(flags.source, 'unleash')
  t.strictSame(flags.flips, [], 'starting is no flip')
  const [first] = server.seen
  t.match(first, { method: 'GET', url: '/api/client/features' })
  t.match(first?.headers, { authorization: 'secret-token', 'unleash-appname': 'postern', 'unleash-client-spec': '5.2.0' })
  t.notOk(first?.headers['if-none-match'])

  clock.move(20_000)
  t.equal(chat(), false, 'old until asked again')
  await server.askedAgain()
  t.equal(server.seen.at(-1)?.headers['if-none-match'], '"first"')
  t.equal(chat(), true)
  t.equal(flags.stalenessMs(), 0, 'a 304 is a fresh answer')

  await flags.flipTo('USE_CHAT_WRITES', 'off', () => {
    server.state.answer = unleash([], '"second"')
  })
  t.match(flags.flips, [
    { name: 'USE_CHAT_WRITES', from: { value: 'on', because: 'source' }, to: { value: 'off', because: 'default' }, source: 'unleash' },
    { name: 'USE_APPOINTMENT_READS', from: { value: 'off', because: 'source' }, to: { value: 'on', because: 'default' } },
  ])
  t.equal(flags.isOn('USE_APPOINTMENT_READS', caller()), true, 'a flag unknown to a fresh source has its default')
})

t.test('without a server the service starts: writes off, reads at their default; and it finds a server that comes', async (t) => {
  const reserved = await scripted(t, unleash(open))
  await reserved.stop()
  const { flags, chat, reads } = await asking(t, reserved.url)
  t.match([chat(), reads(), flags.isOn('USE_PROVIDER_ADMIN_WRITES', caller())], [false, true, false])
  t.equal(flags.lastLook(), 'ECONNREFUSED')
  t.equal(flags.stalenessMs(), Number.POSITIVE_INFINITY)
  await flags.flipTo('USE_CHAT_WRITES', 'on', () => scripted(t, unleash(open), reserved.port))
  t.match([chat(), reads(), flags.isOn('USE_PROVIDER_ADMIN_WRITES', caller())], [true, false, true])
})

t.test('an answer that cannot be believed changes nothing, is not fresh, and is asked for again', async (t) => {
  const elsewhere = await scripted(t, unleash([feature('USE_CONSENT_WRITES', true)]))
  const server = await scripted(t, unleash(open))
  const { clock, flags, chat, reads } = await asking(t, server.url)
  const hostile: Record<string, [RequestListener, string]> = {
    'token refused': [status(401), 'STATUS_401'],
    forbidden: [status(403), 'STATUS_403'],
    'not there': [status(404), 'STATUS_404'],
    'asked too often': [status(429, { 'retry-after': '3600' }), 'STATUS_429'],
    defect: [status(500), 'STATUS_500'],
    'no content': [status(204), 'STATUS_204'],
    'sent elsewhere': [status(302, { location: `${elsewhere.url}/client/features` }), 'STATUS_302'],
    'a page': [send('<html>Sign in</html>'), 'MALFORMED'],
    empty: [send(''), 'MALFORMED'],
    null: [send('null'), 'MALFORMED'],
    'features of another kind': [send({ features: {} }), 'MALFORMED'],
    'a feature that is none': [send({ features: [...open, null] }), 'MALFORMED'],
    'a word for a boolean': [send({ features: [feature('USE_CHAT_WRITES', 'false')] }), 'MALFORMED'],
    'strategies of another kind': [send({ features: [feature('USE_CHAT_WRITES', true, 'default')] }), 'MALFORMED'],
    'no strategy': [send({ features: [feature('USE_CHAT_WRITES', true, [null])] }), 'MALFORMED'],
    'a delta nobody asked for': [
      send({ events: [{ type: 'feature-updated', eventId: 1, feature: feature('USE_CHAT_WRITES', false) }] }),
      'MALFORMED',
    ],
    'not JSON, under an ETag of its own': [send('{"features":[', { etag: '"poison"', 'fetch-mode': 'streaming' }), 'MALFORMED'],
    'cut short': [(_request, response) => void response.writeHead(200, { 'content-length': '999' }).write('{"features":[]'), 'TIMEOUT'],
    'cut off': [
      (_request, response) => {
        response.writeHead(200, { 'content-length': '999' })
        response.write('{"features":[]', () => response.destroy())
      },
      'ECONNRESET',
    ],
    'never answered': [() => {}, 'TIMEOUT'],
    'hung up on': [(request) => void request.socket.destroy(), 'ECONNRESET'],
    'not HTTP': [(request) => void request.socket.end('hello\r\n\r\n'), 'HPE_INVALID_CONSTANT'],
    'without end': [
      (_request, response) => {
        const chunk = Buffer.alloc(1024 * 1024, ' ')
        const pour = (): void => {
          while (!response.destroyed && response.write(chunk));
          if (!response.destroyed) response.once('drain', pour)
        }
        pour()
      },
      'TOO_LARGE',
    ],
  }
  for (const [what, [answer, reason]] of Object.entries(hostile)) {
    server.state.answer = answer
    await flags.until(() => flags.lastLook() !== 'fresh', what)
    t.equal(flags.lastLook(), reason, what)
    t.match([chat(), reads()], [true, false], `${what}: the last values hold`)
    clock.move(15_000)
    t.match([chat(), reads()], [false, false], `${what}: writes are off after 15 s, reads keep their last value`)
    // The answer is the one known already, so only its 304 can make it fresh again.
    server.state.answer = unleash(open)
    await flags.until(() => flags.lastLook() === 'fresh', `${what}: well again`)
    t.match([chat(), reads()], [true, false], `${what}: well again`)
    t.equal(server.seen.at(-1)?.headers['if-none-match'], '"first"', `${what}: only the ETag of a believed answer is sent`)
  }
  t.equal(elsewhere.seen.length, 0, 'no redirect is followed')
  t.notMatch(JSON.stringify(flags.events), /secret-token|127\.0\.0\.1|html/, 'neither token nor address nor content in the log')
})

t.test('a 304 that was not asked for is no answer', async (t) => {
  const server = await scripted(t, status(304))
  const { flags, chat } = await asking(t, server.url)
  t.equal(flags.lastLook(), 'STATUS_304')
  t.equal(chat(), false)
  await flags.flipTo('USE_CHAT_WRITES', 'on', () => {
    server.state.answer = send({ features: open })
  })
  await flags.flipTo('USE_CHAT_WRITES', 'off', () => {
    server.state.answer = send({ features: [] })
  })
  t.notOk(
    server.seen.some(({ headers }) => headers['if-none-match']),
    'no ETag, no condition',
  )
})

t.test('an answer is as old as its question', async (t) => {
  const server = await scripted(t, unleash(open))
  const { clock, flags, chat } = await asking(t, server.url)
  const asked = new Promise<() => void>((resolve) => {
    server.state.answer = (request, response) => resolve(() => unleash(open)(request, response))
  })
  const answer = await asked
  clock.move(15_000)
  server.state.answer = () => {}
  answer()
  await flags.flipTo('USE_CHAT_WRITES', 'off', () => {})
  t.equal(flags.lastLook(), 'fresh', 'the answer came')
  t.equal(chat(), false, 'but speaks of 15 s ago')
})

t.test("other teams' features share the project", async (t) => {
  const others = [
    { name: 'theirs', enabled: 'yes' },
    { name: 'new-shape', enabled: true, strategies: { all: true } },
    feature('fine', true),
  ]
  const server = await scripted(t, send({ features: [...others, ...open], segments: [null, { id: 'x' }] }))
  const { flags, chat } = await asking(t, server.url)
  t.equal(chat(), true)
  t.equal(flags.lastLook(), 'fresh')
  t.notOk(flags.events.some(({ event }) => event === 'flags.unknown-names'))
})

t.test('segments and dependencies decide, and changes of them are flips', async (t) => {
  const strategies = [{ name: 'default', constraints: [], parameters: {}, segments: [3] }]
  const child = { ...feature('USE_CONSENT_WRITES', true), dependencies: [{ feature: 'parent', enabled: true }] }
  const segment = (...values: string[]) => ({ id: 3, name: 's', constraints: [{ contextName: 'agencyId', operator: 'IN', values }] })
  const say = (parent: boolean, ...agencies: string[]) =>
    send({ features: [feature('USE_CHAT_WRITES', true, strategies), child, feature('parent', parent)], segments: [segment(...agencies)] })
  const server = await scripted(t, say(true, riverside))
  const { flags } = await asking(t, server.url)
  const both = () => [riverside, lakeside].map((agency) => flags.isOn('USE_CHAT_WRITES', caller(agency)))
  t.strictSame(both(), [true, false])
  t.equal(flags.isOn('USE_CONSENT_WRITES', caller()), true)
  await flags.flipTo('USE_CHAT_WRITES', 'some', () => {
    server.state.answer = say(true, lakeside)
  })
  t.strictSame(both(), [false, true])
  await flags.flipTo('USE_CONSENT_WRITES', 'some', () => {
    server.state.answer = say(false, lakeside)
  })
  t.equal(flags.isOn('USE_CONSENT_WRITES', caller()), false)
  t.strictSame(
    flags.flips.map(({ name }) => name),
    ['USE_CHAT_WRITES', 'USE_CONSENT_WRITES'],
  )
})

t.test('an address that speaks no TLS is a failed look', async (t) => {
  const server = await scripted(t, unleash(open))
  const { flags, chat } = await asking(t, server.url.replace('http:', 'https:'))
  t.match(flags.lastLook(), /^(EPROTO|ERR_SSL_|ECONNRESET)/)
  t.equal(chat(), false)
})

t.test('closing ends the question under way and leaves no connection', async (t) => {
  const server = await scripted(t, unleash(open))
  const flags = await observedFlags({ unleash: { url: server.url, token: 'x', appName: 'postern' }, clock: systemClock, pollMs: 10 })
  await new Promise<void>((hung) => {
    server.state.answer = () => hung()
  })
  await flags.close()
  await flags.close()
  await new Promise<void>((ended) => void server.server.close(() => ended()))
  const asked = server.seen.length
  t.equal(flags.isOn('USE_CHAT_WRITES', caller()), true, 'the last answer still stands')
  t.equal(server.seen.length, asked)
  t.equal(flags.lastLook(), 'fresh', 'nor is the end of it a failure')
})
