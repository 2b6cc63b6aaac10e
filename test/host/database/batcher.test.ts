import { mock } from 'node:test'
import type { Pool } from 'pg'
import t from 'tap'
import { newId } from '../../../domain/shared/ids.ts'
import { listMessagesStatement } from '../../../plugins/contexts/messaging/messaging.statements.ts'
import { createBatcher } from '../../../plugins/host/database/batcher.ts'
import { createCompiledReads } from '../../../plugins/host/database/compiled-reads.ts'
import { refusalOfDatabase } from '../../../plugins/host/database/failure.ts'

/** A batcher whose batches end when the test says so. */
const underTest = (options: { readonly slots?: number; readonly batchSize?: number; readonly capacity?: number } = {}) => {
  const batches: string[] = []
  const ends: (() => void)[] = []
  const rejected: string[] = []
  const batcher = createBatcher<string>({
    slots: options.slots ?? 2,
    batchSize: options.batchSize ?? 4,
    capacity: options.capacity ?? 20,
    groupOf: (item) => item[0]!,
    run: (_, items) => {
      batches.push(items.join(' '))
      return new Promise((resolve) => void ends.push(resolve))
    },
    reject: (item) => void rejected.push(item),
  })
  const turn = (): Promise<void> => new Promise((resolve) => void setImmediate(resolve))
  const add = async (...items: string[]): Promise<void> => {
    for (const item of items) batcher.add(item)
    await turn()
  }
  const end = async (at: number): Promise<void> => {
    ends[at]!()
    await turn()
  }
  return { batcher, batches, add, end, turn, rejected }
}

t.test('what comes while nothing is under way goes at once, and together with what came in the same turn', async (t) => {
  const { batches, add } = underTest()
  await add('a1')
  t.same(batches, ['a1'])
  const other = underTest()
  await other.add('a1', 'a2', 'a3')
  t.same(other.batches, ['a1 a2 a3'])
})

t.test('a second batch starts when as many wait as are under way, and not before', async (t) => {
  const { batches, add, end } = underTest()
  await add('a1', 'a2', 'a3')
  await add('a4', 'a5')
  t.same(batches, ['a1 a2 a3'], 'two wait for three')
  await add('a6')
  t.same(batches, ['a1 a2 a3', 'a4 a5 a6'])
  await add('a7')
  t.equal(batches.length, 2, 'both slots work')
  await end(0)
  t.equal(batches.length, 2, 'one waits for the three of the other slot')
  await end(1)
  t.same(batches[2], 'a7', 'with nothing under way it goes at once')
})

t.test('a batch that is held up holds up nobody else for long', async (t) => {
  mock.timers.enable({ apis: ['setTimeout'] })
  t.teardown(() => mock.timers.reset())
  const { batches, add } = underTest()
  await add('a1', 'a2', 'a3')
  await add('a4')
  mock.timers.tick(24)
  t.equal(batches.length, 1)
  mock.timers.tick(1)
  t.same(batches, ['a1 a2 a3', 'a4'])
})

t.test('what has waited for ten seconds is refused and not begun', async (t) => {
  let nowMs = 0
  const clock = mock.method(performance, 'now', () => nowMs)
  t.teardown(() => clock.mock.restore())
  const { batches, add, end, rejected } = underTest({ slots: 1 })
  await add('a1')
  await add('a2')
  nowMs = 5_000
  await add('a3')
  nowMs = 10_001
  await end(0)
  t.same(rejected, ['a2'])
  t.same(batches, ['a1', 'a3'])
})

t.test('groups do not mix, take turns, and no batch is larger than it may be', async (t) => {
  const { batches, add, end, batcher } = underTest({ slots: 1 })
  await add('a1', 'a2', 'a3', 'a4', 'a5', 'b1')
  t.same(batches, ['a1 a2 a3 a4'])
  await end(0)
  t.same(batches[1], 'b1', 'what is left over stands behind the others')
  await end(1)
  t.same(batches[2], 'a5')
  t.equal(batcher.waiting, 0)
})

t.test('it is bounded, drains, and what fails settles those it left open', async (t) => {
  const { batcher, add, end } = underTest({ slots: 1, capacity: 2 })
  await add('a1')
  t.equal(batcher.add('a2'), true)
  t.equal(batcher.add('a3'), true)
  t.equal(batcher.add('a4'), false, 'no more than may wait')
  let drained = false
  const done = batcher.drain().then(() => void (drained = true))
  await end(0)
  t.equal(drained, false)
  await end(1)
  await done
  t.equal(drained, true)
  const failed: unknown[] = []
  const failing = createBatcher<string>({
    slots: 1,
    batchSize: 4,
    capacity: 4,
    groupOf: () => '',
    run: () => Promise.reject(new Error('no')),
    reject: (item, cause) => void failed.push([item, (cause as Error).message]),
  })
  failing.add('a1')
  failing.add('a2')
  await failing.drain()
  t.same(failed, [
    ['a1', 'no'],
    ['a2', 'no'],
  ])
})

/** Reads on a pool that answers every statement with the same failure; gives the names of the statements that it was asked. */
const readsThatFail = (failure: object) => {
  const asked: string[] = []
  const query = async ({ name }: { name: string }): Promise<never> => {
    asked.push(name)
    throw Object.assign(new Error('no'), failure)
  }
  const reads = createCompiledReads({ pool: { query } as unknown as Pool, bypass: null, slots: 1 })
  const session = { agencyId: newId(), userId: 'ana', patientId: newId(), consentPatientId: null, at: new Date() }
  const args = { conversation_id: newId(), before_at: new Date(), before_id: newId(), row_limit: 1 }
  const read = (): Promise<string> =>
    reads.run(listMessagesStatement, session, args).then(
      () => 'read',
      (error: { code: string }) => error.code,
    )
  return { asked, read }
}

t.test('reads that share a round trip are asked one by one where one is refused, and not where the database is away', async (t) => {
  const refused = readsThatFail({ code: 'PT403', message: 'FORBIDDEN' })
  t.same(await Promise.all([refused.read(), refused.read()]), ['FORBIDDEN', 'FORBIDDEN'])
  t.same(refused.asked, ['op_list_messages_many', 'op_list_messages', 'op_list_messages'])
  for (const failure of [{ code: '57014' }, { code: 'ECONNREFUSED' }, { message: 'Query read timeout' }]) {
    const away = readsThatFail(failure)
    t.same(await Promise.all([away.read(), away.read()]), ['UPSTREAM_UNAVAILABLE', 'UPSTREAM_UNAVAILABLE'])
    t.same(away.asked, ['op_list_messages_many'], 'nobody waits for the others to fail')
  }
})

t.test('what a failure of the database means to the caller', async (t) => {
  const meaning = (code: string): string | undefined => refusalOfDatabase({ code })?.code
  for (const code of ['57P01', '53100', '53300', '08006', '58030', '25P03', '40001', '57014', 'ECONNRESET'])
    t.equal(meaning(code), 'UPSTREAM_UNAVAILABLE', code)
  for (const code of ['25006', '42501', '42883', '08P01', '23505', 'XX000']) t.equal(meaning(code), undefined, `${code} is a defect`)
})
