import t from 'tap'
import { breakKinds, exportName, outcomes, periodOf } from '../../domain/audit/index.ts'

t.test('an outcome is a success, a replay, or one of the codes', async (t) => {
  t.same([...outcomes].sort(), [
    'CONFLICT', 'CONSENT_REQUIRED', 'FORBIDDEN', 'INTERNAL', 'NOT_FOUND', 'RATE_LIMITED', 'UNAUTHORIZED', 'UPSTREAM_UNAVAILABLE', 'VALIDATION_FAILED', 'replayed', 'success',
  ]) // prettier-ignore
  t.equal(new Set(breakKinds).size, 10)
})

t.test('a period ends after it begins', async (t) => {
  const noon = new Date('2026-03-01T12:00:00Z')
  const later = new Date('2026-03-02T00:00:00Z')
  t.same(periodOf(noon, later), { from: noon, to: later })
  t.same(periodOf(undefined, noon), { from: undefined, to: noon })
  t.same(periodOf(noon, undefined), { from: noon, to: undefined })
  for (const to of [noon, new Date(0)]) {
    t.throws(() => periodOf(noon, to), { code: 'VALIDATION_FAILED', details: { errors: [{ pointer: '/query/to', rule: 'after-from' }] } })
  }
})

t.test('an export is named by agency and days, and by nothing that it holds', async (t) => {
  const agency = '11111111-1111-4111-8111-111111111111'
  const now = new Date('2026-05-06T23:59:59Z')
  t.equal(exportName(agency, {}, now), `audit-${agency}-beginning-2026-05-06.ndjson`)
  t.equal(
    exportName(agency, { from: new Date('2026-01-02T00:00:00Z'), to: new Date('2026-02-03T00:00:00Z') }, now),
    `audit-${agency}-2026-01-02-2026-02-03.ndjson`,
  )
})
