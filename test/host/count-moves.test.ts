import { mock } from 'node:test'
import t from 'tap'
import { countMoves } from '../../plugins/host/count-moves.ts'
import type { FlagFlip } from '../../plugins/host/flags/flags.ts'

t.beforeEach(() => mock.timers.enable({ apis: ['setTimeout'] }))
t.afterEach(() => mock.timers.reset())

const open = (answer: (count: number) => Promise<void>) => {
  let flip: () => void = () => {}
  let [counted, reported] = [0, 0]
  const flags = {
    onFlip: (listener: (flip: FlagFlip) => void) => {
      flip = () => listener({} as FlagFlip)
      return () => void (flip = () => {})
    },
  }
  const stop = countMoves(flags, { switchMoved: () => answer((counted += 1)) }, () => void (reported += 1))
  return { flip: () => flip(), stop, counted: () => counted, reported: () => reported }
}
const settled = () => new Promise<void>((done) => setImmediate(done))
const flipAndWait = async (moves: ReturnType<typeof open>, tries: number): Promise<void> => {
  moves.flip()
  await settled()
  for (let n = 0; n < tries; n += 1) {
    mock.timers.tick(250)
    await settled()
  }
}

t.test('several flips of one look are one move', async (t) => {
  const moves = open(async () => {})
  for (let n = 0; n < 8; n += 1) moves.flip()
  await settled()
  t.equal(moves.counted(), 1)
  moves.flip()
  await settled()
  t.equal(moves.counted(), 2)
})

t.test('a move that the database has not heard of is told again, until nothing from before it can be under way', async (t) => {
  const moves = open(() => Promise.reject(new Error('down')))
  await flipAndWait(moves, 4)
  t.equal(moves.counted(), 5)
  t.equal(moves.reported(), 5)
  moves.stop()
  mock.timers.tick(1_000)
  await settled()
  t.equal(moves.counted(), 5, 'nobody is told after the end')
  moves.flip()
  await settled()
  t.equal(moves.counted(), 5)
})

t.test('told once the database answers again', async (t) => {
  const moves = open((count) => (count < 3 ? Promise.reject(new Error('down')) : Promise.resolve()))
  await flipAndWait(moves, 9)
  t.equal(moves.counted(), 3)
})
