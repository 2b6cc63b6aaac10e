import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import t from 'tap'
import { systemClock } from '../../../domain/shared/clock.ts'
import { testDatabase } from '../../database.ts'
import { caller, frozenClock, lakeside, observedFlags, riverside } from '../../fixtures/observed-flags.ts'
import { startUnleashServer } from '../../fixtures/unleash-server.ts'

// Two starts of a real unleash-server, the first of which makes its tables.
t.setTimeout(120_000)
const suite = t

const database = await testDatabase(t, { migrations: [] })
let server = await startUnleashServer(t, { databaseUrl: database.superuserUrl })

/** Flags of the server, as one instance of the service has them. */
const instance = async (clock = systemClock, url = server.url) => {
  const flags = await observedFlags({ unleash: { url, token: server.token, appName: 'postern' }, clock })
  t.teardown(() => flags.close())
  return flags
}

/** What stands between an instance and the server, to see what passes. */
const overheard = async (target: string) => {
  const heard: { status: number; asked: string | undefined }[] = []
  const proxy = createServer(async (request, response) => {
    const { authorization, 'if-none-match': etag } = request.headers
    const headers = { authorization: authorization ?? '', ...(etag ? { 'if-none-match': etag } : {}) }
    try {
      const answer = await fetch(target + request.url, { headers, signal: AbortSignal.timeout(2000) })
      heard.push({ status: answer.status, asked: etag })
      response
        .writeHead(answer.status, { etag: answer.headers.get('etag') ?? '' })
        .end(answer.status === 200 ? await answer.text() : undefined)
    } catch {
      response.destroy()
    }
  })
  await new Promise<void>((ready) => proxy.listen(0, '127.0.0.1', ready))
  t.teardown(() => {
    proxy.close()
    proxy.closeAllConnections()
  })
  return { url: `http://127.0.0.1:${(proxy.address() as AddressInfo).port}/api`, heard }
}

const one = await instance()
const two = await instance()
const both = [one, two]
const clock = frozenClock()
const behind = await overheard(server.url.replace('/api', ''))
const frozen = await instance(clock, behind.url)

t.test('flags that the server does not know have their defaults', async (t) => {
  for (const flags of both) {
    t.equal(flags.lastLook(), 'fresh')
    t.match(flags.snapshot(caller()), { USE_CHAT_WRITES: false, USE_APPOINTMENT_READS: true, USE_PROVIDER_ADMIN_WRITES: true })
  }
})

// How fast it is obeyed is measured by the benchmark; here a machine may be busy with other tests.
t.test('a flip is obeyed on every instance and reported once', async (t) => {
  await server.create('USE_CHAT_WRITES')
  const took: number[] = []
  for (const state of ['on', 'off', 'on'] as const) {
    const flip = server.turn('USE_CHAT_WRITES', state)
    took.push(...(await Promise.all(both.map((flags) => flags.flipTo('USE_CHAT_WRITES', state, () => flip)))))
    for (const flags of both) t.equal(flags.isOn('USE_CHAT_WRITES', caller(), 'write'), state === 'on')
  }
  t.ok(Math.max(...took) < 10_000, `slowest ${Math.max(...took).toFixed(0)} ms`)
  for (const flags of both) {
    t.strictSame(
      flags.flips.map(({ name, to, source }) => [name, to.value, source]),
      ['on', 'off', 'on'].map((value) => ['USE_CHAT_WRITES', value, 'unleash']),
    )
  }
})

t.test('a feature owner opens a switch for one agency, then for one role', async (t) => {
  const only = (contextName: string, operator: string, ...values: string[]) => ({
    name: 'flexibleRollout',
    parameters: { rollout: '100', stickiness: 'default', groupId: 'g' },
    constraints: [{ contextName, operator, values }],
  })
  await server.create('USE_CONSENT_WRITES')
  await server.addStrategy('USE_CONSENT_WRITES', only('agencyId', 'IN', riverside))
  await Promise.all(
    both.map((flags) => flags.flipTo('USE_CONSENT_WRITES', 'some', () => flags === one && server.turn('USE_CONSENT_WRITES', 'on'))),
  )
  const is = (agency: string, ...roles: string[]) => both.map((flags) => flags.isOn('USE_CONSENT_WRITES', caller(agency, roles)))
  t.strictSame([is(riverside, 'patient'), is(lakeside, 'patient'), is(lakeside, 'provider_manager')].flat(), [
    true,
    true,
    false,
    false,
    false,
    false,
  ])

  const added = server.addStrategy('USE_CONSENT_WRITES', only('roles', 'STR_CONTAINS', '[provider]'))
  await Promise.all(both.map((flags) => flags.flipTo('USE_CONSENT_WRITES', 'some', () => added)))
  t.strictSame([is(lakeside, 'x', 'provider'), is(lakeside, 'provider_manager')].flat(), [true, true, false, false])
  t.match(one.flips.at(-1)?.to.strategies, [{ constraints: [{ values: [riverside] }] }, { constraints: [{ values: ['[provider]'] }] }])
})

t.test('an unchanged answer is asked for by its ETag and counts as fresh', async (t) => {
  const { heard } = behind
  t.match(heard[0], { status: 200, asked: undefined })
  t.ok(
    heard.slice(1).every(({ asked }) => asked),
    'every later question carries an ETag',
  )
  t.ok(heard.some(({ status }) => status === 304))
  t.ok(heard.filter(({ status }) => status === 200).length < heard.length, 'and is mostly answered without a body')
  await frozen.until(() => frozen.isOn('USE_CHAT_WRITES', caller()), 'the flips to have reached the third')
})

t.test('while the server is gone writes are off after 15 s, reads keep their last value, and both come back with it', async (t) => {
  await frozen.flipTo('USE_APPOINTMENT_READS', 'off', () => server.create('USE_APPOINTMENT_READS'))
  const now = () => [frozen.isOn('USE_CHAT_WRITES', caller(), 'write'), frozen.isOn('USE_APPOINTMENT_READS', caller(), 'read')]
  t.strictSame(now(), [true, false])

  await server.stop('SIGKILL')
  await frozen.until(() => frozen.lastLook() !== 'fresh', 'the silence')
  clock.move(14_999)
  t.strictSame(now(), [true, false], 'nothing changes before 15 s')
  await frozen.flipTo('USE_CHAT_WRITES', 'off', () => clock.move(1))
  t.strictSame(now(), [false, false], 'reads keep what they had, not their default')
  t.match(
    frozen.flips.findLast(({ name }) => name === 'USE_CHAT_WRITES'),
    { from: { value: 'on' }, to: { value: 'off', because: 'stale' } },
  )

  const late = await instance()
  t.match(
    late.snapshot(caller()),
    { USE_CHAT_WRITES: false, USE_PROVIDER_ADMIN_WRITES: false, USE_APPOINTMENT_READS: true },
    'one started meanwhile',
  )

  server = await startUnleashServer(suite, { databaseUrl: database.superuserUrl, port: server.port })
  await Promise.all(
    [frozen, late].map((flags) =>
      flags.until(() => flags.lastLook() === 'fresh' && flags.isOn('USE_CHAT_WRITES', caller()), 'the server back'),
    ),
  )
  t.strictSame(now(), [true, false])
  t.match(
    frozen.flips.findLast(({ name }) => name === 'USE_CHAT_WRITES'),
    { from: { because: 'stale' }, to: { value: 'on', because: 'source' } },
  )
  t.equal(late.isOn('USE_APPOINTMENT_READS', caller()), false)

  await Promise.all(
    [frozen, late].map((flags) => flags.flipTo('USE_CHAT_WRITES', 'off', () => flags === late && server.turn('USE_CHAT_WRITES', 'off'))),
  )
  t.strictSame(now(), [false, false], 'and flips are seen again')
})

t.test('an archived feature has its default again; a token that is no longer good is silence', async (t) => {
  const flips = frozen.flips.length
  await server.archive('USE_APPOINTMENT_READS')
  await frozen.until(() => frozen.flips.length > flips, 'the archived feature to go')
  t.match(frozen.flips.at(-1), { name: 'USE_APPOINTMENT_READS', to: { value: 'on', because: 'default' } })

  const refused = await observedFlags({
    unleash: { url: server.url, token: '*:development.wrong', appName: 'postern' },
    clock: systemClock,
  })
  await refused.close()
  t.equal(refused.lastLook(), 'STATUS_401')
  t.match(refused.snapshot(caller()), { USE_CHAT_WRITES: false, USE_PROVIDER_ADMIN_WRITES: false, USE_APPOINTMENT_READS: true })
})
