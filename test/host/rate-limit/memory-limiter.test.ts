import fc from 'fast-check'
import t from 'tap'
import { messagingLimits } from '../../../config/limits.ts'
import { limitHeader, policyHeader, rateLimited } from '../../../plugins/host/rate-limit/headers.ts'
import { createMemoryLimiter } from '../../../plugins/host/rate-limit/memory-limiter.ts'

const frozen = (at = 1_000_000) => ({
  at,
  now() {
    return this.at
  },
})
const user = { name: 'user', max: 3, windowMs: 60_000 }
const burst = { name: 'burst', max: 2, windowMs: 10_000 }

t.test('counts, refuses, and starts anew when the window ends', async (t) => {
  const clock = frozen()
  const limiter = createMemoryLimiter({ clock })
  t.same(limiter.take('ana', [user]), { allowed: true, window: user, remaining: 2, resetSeconds: 60 })
  clock.at += 1500
  t.same(limiter.take('ana', [user]), { allowed: true, window: user, remaining: 1, resetSeconds: 59 })
  t.same(limiter.take('ben', [user]), { allowed: true, window: user, remaining: 2, resetSeconds: 60 }, 'others have their own')
  t.equal(limiter.take('ana', [user]).allowed, true)
  t.same(limiter.take('ana', [user]), { allowed: false, window: user, remaining: 0, resetSeconds: 59 })
  clock.at += 58_499
  t.same(limiter.take('ana', [user]), { allowed: false, window: user, remaining: 0, resetSeconds: 1 }, 'one millisecond before the end')
  clock.at += 1
  t.same(limiter.take('ana', [user]), { allowed: true, window: user, remaining: 2, resetSeconds: 60 }, 'at the end')
})

t.test('every window counts every attempt, refused ones too, and the nearest is shown', async (t) => {
  const clock = frozen()
  const limiter = createMemoryLimiter({ clock })
  const windows = [user, burst]
  t.match(limiter.take('ana', windows), { allowed: true, window: burst, remaining: 1 })
  t.match(limiter.take('ana', windows), { allowed: true, window: burst, remaining: 0 })
  t.match(limiter.take('ana', windows), { allowed: false, window: burst, resetSeconds: 10 }, 'the third is refused by the burst but counts')
  clock.at += 10_000
  t.match(limiter.take('ana', windows), { allowed: false, window: user, resetSeconds: 50 }, 'so the fourth is refused by the minute')
  t.match(limiter.take('ana', windows), { allowed: false, window: user }, 'of two that refuse, the one that lasts longest')
})

t.test('02B: thirty a minute in bursts of ten', async (t) => {
  const clock = frozen()
  const limiter = createMemoryLimiter({ clock })
  const { user, burst } = messagingLimits
  const allowed = (attempts: number) =>
    Array.from({ length: attempts }, () => limiter.take('ana', [user, burst])).filter((verdict) => verdict.allowed).length
  t.equal(allowed(10), 10)
  clock.at += 10_000
  t.equal(allowed(10), 10)
  clock.at += 10_000
  t.equal(allowed(10), 10)
  clock.at += 10_000
  t.equal(allowed(1), 0, 'the thirty-first in the minute')
  clock.at += 30_000
  t.equal(allowed(11), 10, 'a new minute, and again a burst of ten')
})

t.test('an attempt can be given back', async (t) => {
  const clock = frozen()
  const limiter = createMemoryLimiter({ clock })
  limiter.take('ana', [user, burst])
  limiter.giveBack('ana', [user, burst])
  t.match(limiter.take('ana', [user]), { remaining: 2 })
  limiter.giveBack('ana', [user])
  limiter.giveBack('ana', [user])
  t.match(limiter.take('ana', [user]), { remaining: 2 }, 'never more than there were')
  clock.at += 60_000
  limiter.giveBack('ana', [user])
  limiter.giveBack('nobody', [user, { ...burst, name: 'unused' }])
  t.match(limiter.take('ana', [user]), { remaining: 2 }, 'nothing is given back to an ended window')
})

t.test('a clock that is set back locks nobody out', async (t) => {
  const clock = frozen()
  const limiter = createMemoryLimiter({ clock })
  for (let attempt = 0; attempt < 5; attempt++) limiter.take('ana', [user])
  clock.at -= 3_600_000
  t.match(limiter.take('ana', [user]), { allowed: true, remaining: 2, resetSeconds: 60 })
})

t.test('memory is bounded under a flood of keys, and ended windows go', async (t) => {
  const clock = frozen()
  const limiter = createMemoryLimiter({ clock, maxKeys: 1000 })
  for (let key = 0; key < 20_000; key++) limiter.take(`k${key}`, [user, burst])
  t.ok(limiter.size() <= 2000, 'a thousand for each of the two windows')
  t.ok(limiter.size() >= 1000)
  for (let attempt = 0; attempt < 4; attempt++) limiter.take('victim', [user])
  for (let key = 0; key < 300; key++) limiter.take(`x${key}`, [user])
  t.equal(limiter.take('victim', [user]).allowed, false, 'a key in use survives others')
  clock.at += 60_000
  limiter.take('a', [user])
  clock.at += 60_000
  limiter.take('a', [user])
  clock.at += 120_000
  limiter.take('a', [user, burst])
  t.equal(limiter.size(), 2)
  await limiter.close()
  t.equal(limiter.size(), 0)
})

t.test('two limits of one name are a defect that shows at once', async (t) => {
  const limiter = createMemoryLimiter({ clock: frozen() })
  limiter.take('ana', [user])
  t.throws(() => limiter.take('ana', [{ ...user, windowMs: 1 }]), /share the name user/)
})

t.test('agrees with a naive model', async () => {
  const windows = [user, burst]
  const step = fc.record({
    key: fc.constantFrom('ana', 'ben', 'cho'),
    waitMs: fc.oneof(fc.constant(0), fc.nat(12_000), fc.nat(130_000)),
    act: fc.constantFrom('take', 'take', 'take', 'giveBack'),
  })
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const clock = frozen(0)
      const limiter = createMemoryLimiter({ clock })
      const model = new Map<string, { startedMs: number; count: number }>()
      for (const { key, waitMs, act } of steps) {
        clock.at += waitMs
        const cells = windows.map((window) => {
          const id = `${key}/${window.name}`
          const held = model.get(id)
          const alive = held && clock.at < held.startedMs + window.windowMs
          if (!alive && act === 'take') model.set(id, { startedMs: clock.at, count: 0 })
          return alive || act === 'take' ? { window, cell: model.get(id)! } : undefined
        })
        if (act === 'giveBack') {
          for (const part of cells) if (part && part.cell.count > 0) part.cell.count -= 1
          limiter.giveBack(key, windows)
          continue
        }
        for (const part of cells) part!.cell.count += 1
        const verdict = limiter.take(key, windows)
        const allowed = cells.every((part) => part!.cell.count <= part!.window.max)
        const shown = cells.find((part) => part!.window.name === verdict.window.name)!
        if (verdict.allowed !== allowed) return false
        if (verdict.remaining !== Math.max(0, shown.window.max - shown.cell.count)) return false
        if (verdict.resetSeconds !== Math.ceil((shown.cell.startedMs + shown.window.windowMs - clock.at) / 1000)) return false
      }
      return true
    }),
    { numRuns: 300 },
  )
})

t.test('headers follow the draft', async (t) => {
  t.equal(policyHeader([messagingLimits.user, messagingLimits.burst]), '"messaging-user";q=30;w=60, "messaging-burst";q=10;w=10')
  t.equal(limitHeader({ allowed: true, window: user, remaining: 2, resetSeconds: 59 }), '"user";r=2;t=59')
  t.match(rateLimited({ allowed: false, window: user, remaining: 0, resetSeconds: 7 }), {
    code: 'RATE_LIMITED',
    reason: 'default',
    details: { retryAfter: 7 },
  })
})
