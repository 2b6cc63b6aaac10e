import pg from 'pg'
import t from 'tap'
import { Refusal } from '../../../domain/shared/refusal.ts'
import { createCompiledWrites, type CompiledWrites } from '../../../plugins/host/database/compiled-writes.ts'

/** When a compiled write asks for its switch, over a connection that answers in whatever order a test wants; the rest is tested on PostgreSQL. */
type Sent = string | { readonly values: readonly unknown[] }
type Answer = (call: number) => Promise<void> | void

const failure = (code: string, detail?: string): Error => Object.assign(new Error('refused'), { code, detail })

/** `answered` is told of each call of the function, counted from one, and throws what the database would. */
const open = (answered: Answer, connected: () => Promise<void> = async () => {}) => {
  const log: string[] = []
  let [calls, moves] = [0, 6]
  const query = async (sent: Sent) => {
    if (typeof sent === 'string') return void log.push(sent.startsWith('begin') ? 'begin' : sent)
    log.push(`call knowing ${String(sent.values[1])}`)
    await answered((calls += 1))
    return { rows: [] }
  }
  const client = { query, release: (broken: boolean) => void log.push(broken ? 'thrown away' : 'given back') }
  // It connects to nothing: both ways to a connection are these.
  const pool = Object.assign(new pg.Pool(), {
    connect: () => connected().then(() => client),
    query: async () => ({ rows: [{ moves: String((moves += 1)) }] }),
  })
  const writes = createCompiledWrites({ pool, slots: 1, laneOf: () => 1, committed: () => {} })
  return { writes, log }
}

let isOn = true
const run = (writes: CompiledWrites, order: string): Promise<string> => {
  const columns = [{ name: 'k', type: 'text' }] as const
  const write = { function: 'op', batch: 'b', session: 'a', order, columns, item: { k: 'x' }, conflicts: [], stillOn: () => isOn }
  const told = (error: unknown): string => (error instanceof Refusal ? `${error.code} ${error.reason}` : String(error))
  return writes.run(write).then(({ outcome }) => outcome, told)
}
const disabled = 'UPSTREAM_UNAVAILABLE disabled'
t.beforeEach(() => void (isOn = true))

/** One write under way, and three that wait for it and then share a batch. */
const oneAndThree = async (writes: CompiledWrites): Promise<string[]> => {
  const first = run(writes, '0')
  await Promise.resolve()
  return Promise.all([first, ...['1', '2', '3'].map((order) => run(writes, order))])
}

t.test('what waited for a connection is sent with the number that was known when its switch was read', async (t) => {
  const connected = Promise.withResolvers<void>()
  const { writes, log } = open(
    () => {
      throw failure('PT503', '7')
    },
    () => connected.promise,
  )
  const sent = run(writes, '1')
  await Promise.resolve()
  isOn = false
  await writes.switchMoved()
  connected.resolve()
  t.equal(await sent, disabled)
  t.same(log, ['call knowing -1', 'given back'], 'and asked again before it would be sent anew')
})

t.test('a batch that failed for one: each is asked again before it goes alone', async (t) => {
  const { writes, log } = open(async (call) => {
    if (call !== 2) return
    isOn = false
    await writes.switchMoved()
    throw failure('55P03')
  })
  t.same(await oneAndThree(writes), ['success', disabled, disabled, disabled])
  t.notOk(log.includes('begin'))
})

t.test('one that goes alone is asked once more before its commit, and its connection is thrown away', async (t) => {
  const { writes, log } = open((call) => {
    if (call === 2) throw failure('23505')
    if (call === 3) isOn = false
  })
  t.same(await oneAndThree(writes), ['success', disabled, disabled, disabled])
  t.same(log.slice(-3), ['begin', 'call knowing -1', 'thrown away'])
})

t.test('a switch of others moves again and again: a write is put back five times, and then told that it cannot be served', async (t) => {
  let moves = 10
  const { writes, log } = open(() => {
    throw failure('PT503', String((moves += 1)))
  })
  t.equal(await run(writes, '1'), 'UPSTREAM_UNAVAILABLE default')
  t.same(log.filter((line) => line.startsWith('call')), ['-1', '11', '12', '13', '14', '15'].map((known) => `call knowing ${known}`))
}) // prettier-ignore
