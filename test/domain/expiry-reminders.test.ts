import fc from 'fast-check'
import t from 'tap'
import { addDays, addMonths, dayOf, daysBetween, firstOfMonth, isDay } from '../../domain/shared/calendar-day.ts'
import { dueReminders, dueThreshold, reminderHorizon, upcomingReminders } from '../../domain/shared/expiry-reminders.ts'

const thresholds = [30, 7, 0]
const today = '2026-11-22'
const due = (left: number, reminded: number | null = null) => dueThreshold({ thresholds, expiresOn: addDays(today, left), today, reminded })

t.test('days of the calendar', async (t) => {
  for (const text of ['2026-02-29', '2026-13-01', '2026-00-10', '26-01-01', '2026-1-1', '2026-01-01T00:00', '', '0020-02-30'])
    t.notOk(isDay(text), text)
  for (const text of ['2024-02-29', '2026-12-31', '1970-01-01']) t.ok(isDay(text), text)
  t.equal(daysBetween('2026-03-28', '2026-03-30'), 2, 'whole days in UTC, whatever the clocks of a country do')
  t.equal(addDays('2026-12-31', 1), '2027-01-01')
  t.equal(firstOfMonth('2026-12-31'), '2026-12-01')
  t.equal(addMonths('2026-12-31', 1), '2027-01-01')
  t.equal(addMonths('2026-01-15', -1), '2025-12-01')
  t.equal(dayOf(Date.UTC(2026, 10, 22, 23, 59, 59, 999)), today)
  t.throws(() => addDays('soon', 1), RangeError)
})

t.test('which reminder is due', async (t) => {
  const table: readonly (readonly [number, number | null, number | null])[] = [
    [31, null, null], [30, null, 30], [29, null, 30], [8, null, 30], [7, null, 7], [1, null, 7], [0, null, 0], [-5, null, 0],
    [30, 30, null], [12, 30, null], [7, 30, 7], [6, 7, null], [0, 7, 0], [0, 30, 0], [-1, 0, null],
  ] // prettier-ignore
  for (const [left, reminded, expected] of table) t.equal(due(left, reminded), expected, `${left} days left, reminded at ${reminded}`)
  t.equal(dueThreshold({ thresholds: [90, 30, 7, 0], expiresOn: addDays(today, 90), today, reminded: null }), 90)
})

t.test('whatever days a job misses, each version is reminded of each threshold at most once, and of the last one always', async () => {
  const days = fc.uniqueArray(fc.integer({ min: -60, max: 60 }), { minLength: 1, maxLength: 30 })
  fc.assert(
    fc.property(days, (lefts) => {
      let reminded: number | null = null
      const sent: number[] = []
      for (const left of lefts.toSorted((one, other) => other - one)) {
        const threshold = due(left, reminded)
        if (threshold === null) continue
        sent.push(threshold)
        reminded = threshold
      }
      const least = Math.min(...lefts)
      const reached = thresholds.filter((threshold) => least <= threshold)
      const falling = sent.every((threshold, index) => index === 0 || threshold < sent[index - 1]!)
      return falling && (reached.length === 0 ? sent.length === 0 : sent.at(-1) === Math.min(...reached))
    }),
  )
})

t.test('what is due among records, and what is to come', async (t) => {
  const item = (id: string, left: number, reminded: number | null = null) => ({
    id,
    version: '2',
    expiresOn: addDays(today, left),
    reminded,
  })
  t.same(
    dueReminders([item('a', 30), item('b', 31), item('c', 3, 7), item('d', 3, 30)], thresholds, today).map(({ item: { id }, ...rest }) => ({
      id,
      ...rest,
    })),
    [
      { id: 'a', threshold: 30, daysLeft: 30, cause: 'expiry:a:2:30' },
      { id: 'd', threshold: 7, daysLeft: 3, cause: 'expiry:d:2:7' },
    ],
  )
  const upcoming = (left: number, reminded: number | null = null) =>
    upcomingReminders({ thresholds, expiresOn: addDays(today, left), today, reminded }, 90)
  t.same(upcoming(40), [{ threshold: 30, on: addDays(today, 10) }, { threshold: 7, on: addDays(today, 33) }, { threshold: 0, on: addDays(today, 40) }]) // prettier-ignore
  t.same(upcoming(10), [{ threshold: 30, on: today }, { threshold: 7, on: addDays(today, 3) }, { threshold: 0, on: addDays(today, 10) }]) // prettier-ignore
  t.same(upcoming(10, 30).map(({ threshold }) => threshold), [7, 0]) // prettier-ignore
  t.same(upcoming(10, 7), [{ threshold: 0, on: addDays(today, 10) }], 'what was reminded of before its day is not to come') // prettier-ignore
  t.same(upcoming(121), [], 'what lies beyond is not shown')
  t.equal(reminderHorizon(thresholds, today), addDays(today, 30))
})
