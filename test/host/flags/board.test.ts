import { mock } from 'node:test'
import t from 'tap'
import { createBoard, freshForMs } from '../../../plugins/host/flags/board.ts'
import { createEvaluator } from '../../../plugins/host/flags/evaluator.ts'
import type { FlagFlip } from '../../../plugins/host/flags/flips.ts'
import { readClientFeatures } from '../../../plugins/host/flags/reading.ts'
import { caller, frozenClock } from '../../fixtures/observed-flags.ts'

const name = 'USE_CHAT_WRITES'

/** A board that time passes for, with one switch that is on. */
const open = () => {
  mock.timers.enable({ apis: ['setTimeout'] })
  const clock = frozenClock()
  const evaluator = createEvaluator({ clock, onFailure: () => {} })
  const board = createBoard({
    kind: 'unleash',
    flags: [{ name, default: false, governs: 'write', owner: 'messaging', description: 'Sending of messages.' }],
    clock,
    evaluator,
    log: () => {},
  })
  const flips: FlagFlip[] = []
  board.onFlip((flip) => flips.push(flip))
  const reading = readClientFeatures(JSON.stringify({ features: [{ name, enabled: true, strategies: [] }] }), new Set([name]))
  return {
    board,
    flips,
    look: (ageMs = 0) => board.onLook({ fresh: true, at: clock.now() - ageMs, reading }),
    pass: (ms: number) => {
      clock.move(ms)
      mock.timers.tick(ms)
    },
    close: () => {
      board.close()
      evaluator.close()
      mock.timers.reset()
    },
  }
}

t.test('silence is a flip at the moment it begins, though no look comes', async (t) => {
  const { board, flips, look, pass, close } = open()
  t.teardown(close)
  look()
  pass(freshForMs - 1)
  t.same(flips, [])
  t.equal(board.isOn(name, caller()), true)
  pass(1)
  t.match(flips, [{ name, from: { value: 'on' }, to: { value: 'off', because: 'stale' } }])
  look()
  t.match(flips[1], { from: { because: 'stale' }, to: { value: 'on', because: 'source' } })
  pass(freshForMs)
  t.equal(flips.length, 3, 'each silence is one')
})

t.test('an answer is as old as its question, and the last one counts', async (t) => {
  const { board, flips, look, pass, close } = open()
  t.teardown(close)
  look()
  pass(2_000)
  look(500)
  pass(freshForMs - 2_000)
  t.same(flips, [], 'the first look is old, the second is not')
  pass(1_499)
  t.same(flips, [])
  pass(1)
  t.equal(flips.length, 1)
  t.equal(board.isOn(name, caller()), false)
})

t.test('what is closed observes nothing', async (t) => {
  const { board, flips, look, pass, close } = open()
  t.teardown(close)
  look()
  board.close()
  pass(freshForMs * 2)
  t.same(flips, [])
})
