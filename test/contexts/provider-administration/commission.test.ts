import t from 'tap'
import { personaNamed, riverside } from '../../../config/personas.ts'
import { addMonths, firstOfMonth } from '../../../domain/shared/calendar-day.ts'
import { newId } from '../../../domain/shared/ids.ts'
import { fifteenPercent, threeTiers } from '../../fixtures/providers.ts'
import { type Answer, problemOf } from '../portal.ts'
import { day, openHouse } from './house.ts'

const house = await openHouse(t)
const admin = 'provider-admin'
const minute = 60_000

const read = async (id: string): Promise<Answer> => house.get(admin, `/admin/providers/${id}`)
const agree = async (id: string, body: object, etag?: string): Promise<Answer> =>
  house.call('PUT', `/admin/providers/${id}/commission`, {
    as: admin, body, headers: { 'if-match': etag ?? ((await read(id)).headers.etag as string) },
  }) // prettier-ignore
const quoted = async (id: string, query: string): Promise<Answer> => house.get(admin, `/admin/providers/${id}/commission/quote?${query}`)
const rate = async (id: string, at?: string): Promise<number> =>
  (await quoted(id, `amount=1000${at === undefined ? '' : `&bookedAt=${encodeURIComponent(at)}`}`)).body.rate
const report = (id: string, month: string, count: unknown, as = 'service-procedures'): Promise<Answer> =>
  house.call('PUT', `/procedure-counts/${id}/${month}`, { as, body: { count } })
const now = (): string => new Date(house.now()).toISOString()
const month = (ago: number): string => addMonths(house.today(), -ago).slice(0, 7)
/** To the first hour of the next month. */
const nextMonth = async (): Promise<void> => house.pass(Date.parse(`${addMonths(house.today(), 1)}T01:00:00Z`) - house.now())
const tiersJob = async () => (await house.jobs.run('provider-tiers', firstOfMonth(house.today()), riverside.id))[0]!.ran.count

t.test('US4.1, EC-7, A2: tiers and rates are checked, stored and shown, and start at the first one', async (t) => {
  const id = await house.begin({ commission: threeTiers })
  const { commission, currentRate } = (await read(id)).body
  t.same(commission, { ...threeTiers, currentRate: 20, currentTier: 1 })
  t.equal(currentRate, 20)
  const [one, two, three] = threeTiers.tiers
  const bad: [object, string, string][] = [
    [{ type: 'tier', tiers: [one, { ...two, from: 12 }, three] }, '/tiers/1/from', 'gap'],
    [{ type: 'tier', tiers: [one, { ...two, from: 10 }, three] }, '/tiers/1/from', 'overlap'],
    [{ type: 'tier', tiers: [one, two] }, '/tiers/1/to', 'last-is-open'],
    [{ type: 'tier', tiers: [three] }, '/tiers', 'minItems'],
    [{ type: 'tier', percentage: 15 }, '/tiers', 'required'],
    [{ type: 'percentage' }, '/percentage', 'required'],
    [{ type: 'percentage', percentage: 35 }, '/percentage', 'maximum'],
    [{ type: 'percentage', percentage: 4.99 }, '/percentage', 'minimum'],
    [{ type: 'percentage', percentage: 12.345 }, '/percentage', 'two-decimals'],
    [{ type: 'percentage', percentage: 15, tiers: threeTiers.tiers }, '/tiers', 'additionalProperties'],
  ]
  for (const [body, pointer, rule] of bad)
    t.match(problemOf(await agree(id, body)), { status: 400, errors: [{ pointer, rule }] }, JSON.stringify(body))
  const made = await house.post(admin, '/admin/providers', { commission: { type: 'percentage', percentage: 35 } })
  t.match(problemOf(made), { status: 400, errors: [{ pointer: '/commission/percentage', rule: 'maximum' }] }, 'EC-7: 35 %')
  t.same((await read(id)).body.commission.tiers, threeTiers.tiers)
})

t.test('the database holds what tiers must be', async (t) => {
  const id = await house.begin({ commission: fifteenPercent })
  const [known] = await house.rows('select agency_id, provider_id from provider_commission where provider_id = $1', id)
  const store = (tiers: [number, number, number | null, number][], n: number) => {
    const values = tiers.map(([position, from, to, percent]) => `(${position}, 'T', ${from}, ${to}::int, ${percent})`).join(', ')
    return house.rows(
      `with c as (insert into provider_commission (agency_id, id, provider_id, type, tiers, effective_from, created_by, audit_id)
         values ('${known.agency_id}', gen_random_uuid(), '${id}', 'tier', ${n}, now(), 'x', '${newId()}') returning agency_id, id)
       insert into provider_commission_tier select c.agency_id, c.id, v.* from c, (values ${values}) v (position, name, f, t, r)`,
    )
  }
  await t.resolves(store([[1, 0, 10, 20], [2, 11, null, 10]], 2)) // prettier-ignore
  for (const [tiers, n, error] of [
    [[[1, 1, 10, 20], [2, 11, null, 10]], 2, { code: 'PT409' }], [[[1, 0, 10, 20], [2, 12, null, 10]], 2, { code: 'PT409' }],
    [[[1, 0, 10, 20], [2, 10, null, 10]], 2, { code: 'PT409' }], [[[1, 0, 10, 20], [2, 11, 20, 10]], 2, { code: 'PT409' }],
    [[[1, 0, null, 20], [2, 11, null, 10]], 2, { code: 'PT409' }], [[[1, 0, 10, 20], [2, 11, null, 35]], 2, { code: '23514' }],
    [[[1, 0, null, 20]], 2, { constraint: 'provider_commission_last_tier' }], [[[1, 0, null, 20]], 1, { constraint: 'provider_commission_tiers' }],
  ] as const) await t.rejects(store(tiers as never, n), error as { code: string }, JSON.stringify(tiers)) // prettier-ignore
})

t.test('Rule 5, Commission Rule 4: what was booked before a change keeps its rate', async (t) => {
  const before = now()
  await house.pass(minute)
  const id = await house.begin({ commission: fifteenPercent })
  const first = now()
  t.same((await quoted(id, 'amount=100000')).body, { amount: 100_000, rate: 15, commission: 15_000, payout: 85_000 })
  await house.pass(10 * minute)
  const changed = await agree(id, { type: 'percentage', percentage: 12.5 })
  t.match(changed, { status: 200, body: { commission: { type: 'percentage', percentage: 12.5 }, currentRate: 12.5 } })
  t.same([await rate(id), await rate(id, first), await rate(id, now())], [12.5, 15, 12.5])
  t.same((await quoted(id, `amount=1&bookedAt=${first}`)).body, { amount: 1, rate: 15, commission: 0, payout: 1 })
  t.match(problemOf(await quoted(id, `amount=1&bookedAt=${before}`)), { status: 409 }, 'nothing was agreed then')
  for (const query of ['amount=-1', 'amount=1.5', 'amount=abc', 'amount=1&bookedAt=2026-02-30T00:00:00Z', 'bookedAt=2026-01-01T00:00:00Z'])
    t.equal((await quoted(id, query)).status, 400, query)
  t.match(problemOf(await agree(id, fifteenPercent, '"1"')), { status: 412, reason: 'stale' })
  const [audit] = (await house.get('provider-admin', `/admin/providers/${id}/activity`)).body.items
  t.match(audit, { action: 'setCommission', outcome: 'CONFLICT' }, 'refused attempts stand there as well')
})

t.test('US4.2: 12 procedures in a month move the provider to tier 2 at its end, once, with a notification', async (t) => {
  const id = await house.active({ commission: threeTiers })
  const other = await house.begin({ commission: threeTiers })
  t.match((await report(id, month(0), 12)).body, { currentTier: 1, currentRate: 20 }, 'the month is not over')
  const gone = await house.active({ commission: threeTiers })
  await report(gone, month(0), 12)
  await house.change(gone, 'deactivation', { reason: 'The provider asked for closure.', confirm: true })
  t.match(problemOf(await report(gone, month(1), 60)), { status: 409, code: 'CONFLICT' }, 'of an account that is closed nothing is counted')
  const booked = now()
  t.equal(await tiersJob(), 0)
  await nextMonth()
  t.equal(await tiersJob(), 1, 'one that was closed is in nobody’s way')
  t.match((await read(id)).body, { currentRate: 15, commission: { currentTier: 2 } })
  t.match((await read(other)).body, { currentRate: 20, commission: { currentTier: 1 } }, 'who was not counted stays')
  t.same([await rate(id), await rate(id, booked)], [15, 20])
  const first = Date.parse(firstOfMonth(house.today()))
  const around = [first, first - 1].map((ms) => rate(id, new Date(ms).toISOString()))
  t.same(await Promise.all(around), [15, 20], 'from the first of the month on, though the job came an hour later')
  const followed =
    'select cause, month::text, procedure_count as count from provider_commission_rate where provider_id = $1 order by effective_from'
  const [, why] = await house.rows(followed, id)
  t.same(why, { cause: 'month', month: `${month(1)}-01`, count: 12 }, 'what it follows from is written down')
  t.equal(await tiersJob(), 0, 'a job that runs twice does it once')
  await house.delivered()
  const told = (await house.mails()).filter(({ subject }) => subject === 'Your commission tier has changed')
  t.equal(told.length, 1)
  t.match(told[0]!.text.replaceAll(/\s+/g, ' '), 'You have moved to Standard (15% commission) based on 12 procedures completed.')

  await house.pass(day)
  t.match((await report(id, month(1), 60)).body, { currentTier: 3, currentRate: 10 }, 'a correction holds from its arrival')
  t.same(
    [await rate(id), await rate(id, new Date(house.now() - 1).toISOString()), await rate(id, booked)],
    [10, 15, 20],
    'and never backwards',
  )
  t.match((await report(id, month(3), 0)).body, { currentTier: 3 }, 'an older month decides nothing')
  await nextMonth()
  await report(id, month(1), 5)
  t.match((await read(id)).body, { currentRate: 20, commission: { currentTier: 1 } }, 'the next month counts anew')
  t.equal(await tiersJob(), 0, 'the count came before the job')
})

t.test('US4.2: a job that comes late, and a count of the running month before it, take nothing from the month', async (t) => {
  const [late, counted] = [await house.active({ commission: threeTiers }), await house.active({ commission: threeTiers })]
  for (const id of [late, counted]) await report(id, month(0), 12)
  await nextMonth()
  const second = new Date(Date.parse(firstOfMonth(house.today())) + day).toISOString()
  await house.pass(3 * day)
  await report(counted, month(0), 1)
  await tiersJob()
  t.same([await rate(late, second), await rate(counted, second)], [15, 15])
})

t.test('the last word holds, also of a service whose clock is behind or of a call that had to wait', async (t) => {
  const [counted, agreed] = [await house.begin({ commission: threeTiers }), await house.begin({ commission: fifteenPercent })]
  const behind = 5_000
  house.host.clock.advance(-behind)
  t.match((await report(counted, month(1), 60)).body, { currentTier: 3, currentRate: 10 })
  t.match((await agree(agreed, { type: 'percentage', percentage: 25 })).body, { commission: { percentage: 25 }, currentRate: 25 })
  house.host.clock.advance(behind)
  await house.pass(minute)
  t.same([await rate(counted), await rate(agreed)], [10, 25], 'what is quoted is what is shown')
  t.match((await agree(agreed, threeTiers)).body, { commission: { type: 'tier' }, currentRate: 20 })
})

t.test('US4.3: edited tiers hold from now on, by the last month that was counted', async (t) => {
  const id = await house.begin({ commission: threeTiers })
  await report(id, month(1), 40)
  t.equal(await rate(id), 15)
  const booked = now()
  await house.pass(minute)
  const [one, two, three] = threeTiers.tiers
  const edited = await agree(id, { type: 'tier', tiers: [one, { ...two, to: 30 }, { ...three, from: 31 }] })
  t.match(edited.body, { currentRate: 10, commission: { currentTier: 3 } })
  const [acted] = (await house.get(admin, `/admin/providers/${id}/activity`)).body.items
  t.match(acted, { action: 'setCommission', outcome: 'success', actor: personaNamed(admin)!.sub })
  const recorded = (await house.get('compliance-officer', `/audit/events?action=setCommission&entity=${id}`)).body.items[0]
  t.match(recorded, { before: { commission: { tiers: [{}, { to: 50 }, {}] } }, after: { commission: { tiers: [{}, { to: 30 }, {}] } } })
  t.same([await rate(id), await rate(id, booked)], [10, 15])
  const bad = { type: 'tier', tiers: [one, { ...two, to: 30 }, three] }
  t.match(
    problemOf(await agree(id, bad)),
    { status: 400, errors: [{ pointer: '/tiers/2/from', rule: 'gap' }] },
    'what is edited is checked',
  )
  t.match((await agree(id, fifteenPercent)).body, { currentRate: 15, commission: { type: 'percentage', currentTier: null } })
  t.match((await report(id, month(1), 2)).body, { currentRate: 15, currentTier: null }, 'a percentage knows no counts')
})

t.test('counts come from machines, for months that are known, of providers of the agency', async (t) => {
  const id = await house.begin({ commission: threeTiers })
  for (const as of [admin, 'provider-self', 'founder']) t.match(problemOf(await report(id, month(1), 1, as)), { status: 403 }, as)
  for (const [path, count] of [[month(-1), 1], ['2026-13', 1], ['2026-1', 1], ['0000-01', 1], [month(1), -1], [month(1), 1.5], [month(1), '1']] as const)
    t.equal((await report(id, path, count)).status, 400, `${path} ${count}`)
  t.match(problemOf(await report(newId(), month(1), 1)), { status: 404 })
  const stranger = house.host.token('service-procedures', { claims: { agency_id: '01920000-0000-7000-8000-a00000000002' } })
  t.match(problemOf(await house.call('PUT', `/procedure-counts/${id}/${month(1)}`, { token: stranger, body: { count: 99 } })), { status: 404 })
  const answers = await Promise.all([11, 12, 13, 60].map((count) => report(id, month(1), count)))
  t.ok(answers.every(({ status }) => status === 200))
  const [row] = await house.rows('select count from provider_procedure_count where provider_id = $1', id)
  t.match((await read(id)).body.commission, { currentTier: row.count > 50 ? 3 : 2 }, 'the tier is that of the count that stands')
}) // prettier-ignore
