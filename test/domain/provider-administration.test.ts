import { inspect } from 'node:util'
import fc from 'fast-check'
import t from 'tap'
import {
  allowedActions, basisPoints, checkCommission, type Commission, displayName, emptyProfile, enter, isEditable, licenseNumber, maskLicense,
  missingFields, providerStatuses, quote, rateInForce, ruleOf, searchable, searchTextOf, type Tier, tierOf, transitionNames, transitions,
} from '../../domain/provider-administration/index.ts' // prettier-ignore
import { completeProfile, threeTiers } from '../fixtures/providers.ts'

const refused = (pointer: string, rule: string) => ({ code: 'VALIDATION_FAILED', details: { errors: [{ pointer, rule }] } })

/** Written by hand from design, section 9, 4: what is not here is refused. */
const lifecycle: Record<string, Record<string, string>> = {
  draft: { activation: 'active' },
  active: { suspension: 'suspended', deactivation: 'deactivated' },
  suspended: { reactivation: 'active', deactivation: 'deactivated' },
  deactivated: {},
}

t.test('FR-003: the lifecycle is the one that was decided, and nothing besides', async (t) => {
  for (const status of providerStatuses) {
    for (const name of transitionNames) {
      const to = lifecycle[status]![name]
      if (to === undefined) t.throws(() => ruleOf(status, name), { code: 'CONFLICT' }, `${name} of ${status}`)
      else t.equal(ruleOf(status, name).to, to)
    }
  }
  for (const { name, to, reason, complete } of transitions) {
    t.equal(reason, { suspension: 'required', deactivation: 'required', reactivation: 'optional', activation: 'none' }[name])
    t.equal(complete, to === 'active', 'who becomes active is complete')
  }
  t.equal(isEditable('deactivated'), false)
})

t.test('Screens 1 and 3: what is offered is what the status allows within the scopes', async (t) => {
  const all = new Set(['providers:read', 'providers:write', 'providers:verify'])
  t.same(allowedActions('draft', all), ['view', 'edit', 'activation', 'commission', 'verify-documents', 'notify'])
  t.same(allowedActions('active', all), [
    'view',
    'edit',
    'suspension',
    'deactivation',
    'feature',
    'commission',
    'verify-documents',
    'notify',
  ])
  t.same(allowedActions('suspended', all), ['view', 'edit', 'deactivation', 'reactivation', 'commission', 'verify-documents', 'notify'])
  t.same(allowedActions('deactivated', all), ['view'])
  for (const status of providerStatuses) t.same(allowedActions(status, new Set(['providers:read'])), ['view'], 'a reader only looks')
  t.same(allowedActions('active', new Set(['providers:read', 'providers:verify'])), ['view', 'verify-documents'])
})

const cents = fc.integer({ min: 500, max: 3_000 })
const tiersOf = fc.tuple(fc.array(fc.integer({ min: 0, max: 40 }), { minLength: 1, maxLength: 8 }), fc.array(cents, { minLength: 9, maxLength: 9 }))
  .map(([widths, rates]): Tier[] => {
    let from = 0
    const closed = widths.map((width, index) => {
      const tier = { name: `T${index}`, from, to: from + width, rate: rates[index]! / 100 }
      from += width + 1
      return tier
    })
    return [...closed, { name: 'Last', from, to: null, rate: rates[widths.length]! / 100 }]
  }) // prettier-ignore

t.test('Tier Validation: from 0 on, without gap or overlap, two at least, the last one open', async (t) => {
  fc.assert(
    fc.property(tiersOf, fc.integer({ min: 0, max: 1_000 }), (tiers, count) => {
      checkCommission({ type: 'tier', tiers }, '')
      const tier = tierOf(tiers, count)
      const { from, to } = tiers[tier - 1]!
      return tier >= 1 && count >= from && (to === null || count <= to)
    }),
    { numRuns: 200 },
  )
  fc.assert(
    fc.property(tiersOf, fc.integer({ min: 1, max: 5 }), fc.boolean(), (tiers, by, up) => {
      const moved = tiers.map((tier, index) => (index === 1 ? { ...tier, from: tier.from + (up ? by : -by) } : tier))
      try {
        checkCommission({ type: 'tier', tiers: moved }, '')
        return false
      } catch (error) {
        const [violation] = (error as { details: { errors: { pointer: string; rule: string }[] } }).details.errors
        return violation!.pointer === '/tiers/1/from' && violation!.rule === (up ? 'gap' : 'overlap')
      }
    }),
    { numRuns: 100 },
  )
  const [one, two, three] = threeTiers.tiers
  t.throws(() => checkCommission({ type: 'tier', tiers: [{ ...one, to: null }] }, '/commission'), refused('/commission/tiers', 'two-tiers'))
  t.throws(() => checkCommission({ type: 'tier', tiers: [one, two] }, ''), refused('/tiers/1/to', 'last-is-open'))
  t.throws(() => checkCommission({ type: 'tier', tiers: [{ ...one, to: null }, three] }, ''), refused('/tiers/0/to', 'last-is-open'))
  t.throws(() => checkCommission({ type: 'tier', tiers: [one, { ...two, rate: 35 }, three] }, ''), refused('/tiers/1/rate', 'rate-5-to-30'))
  t.throws(() => checkCommission({ type: 'tier', tiers: [{ ...one, from: 1 }, two, three] }, ''), refused('/tiers/0/from', 'gap'))
})

t.test('a rate is 5 to 30 percent with two decimals; there is no override', async (t) => {
  for (const percentage of [5, 12.5, 12.55, 29.99, 30]) t.ok(checkCommission({ type: 'percentage', percentage }, ''), String(percentage))
  for (const percentage of [4.99, 0, -5, 30.01, 35, NaN])
    t.throws(() => checkCommission({ type: 'percentage', percentage }, ''), refused('/percentage', 'rate-5-to-30'), String(percentage))
  for (const percentage of [12.555, 5.001])
    t.throws(() => checkCommission({ type: 'percentage', percentage }, ''), refused('/percentage', 'two-decimals'))
  fc.assert(fc.property(cents, (points) => basisPoints(points / 100) === points))
})

t.test('Commission Rule 2: rounded half up, and nothing is lost', async (t) => {
  t.same(quote(100_000, 15), { amount: 100_000, rate: 15, commission: 15_000, payout: 85_000 }, 'the example of the document')
  t.equal(quote(10, 5).commission, 1, 'half a unit goes up')
  t.equal(quote(9, 5).commission, 0)
  t.equal(quote(333, 12.5).commission, 42)
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 1_000_000_000_000 }), cents, (amount, points) => {
      const { commission, payout } = quote(amount, points / 100)
      // Twice the exact commission lies within one unit of twice the rounded one, and a half goes up.
      const rest = 2n * BigInt(amount) * BigInt(points) - 20_000n * BigInt(commission)
      return commission + payout === amount && rest >= -10_000n && rest < 10_000n
    }),
  )
})

t.test('Commission Rule 3: tier 1 until a month is closed, then that of its count', async (t) => {
  const commission = threeTiers as Commission
  t.same(rateInForce(commission, null), { rate: 20, tier: 1 })
  for (const [count, rate, tier] of [
    [0, 20, 1], [10, 20, 1], [11, 15, 2], [12, 15, 2], [50, 15, 2], [51, 10, 3], [1_000_000, 10, 3],
  ] as const) t.same(rateInForce(commission, count), { rate, tier }, `${count} procedures`) // prettier-ignore
  t.same(rateInForce({ type: 'percentage', percentage: 12.5 }, 99), { rate: 12.5, tier: null })
})

t.test('Privacy Rule 3: a licence number shows its last four however it is printed', async (t) => {
  const license = licenseNumber('MD-00 998877')
  t.equal(license.reveal(), 'MD-00 998877')
  for (const printed of [
    String(license),
    ['licence', license].join(' '),
    JSON.stringify({ license }),
    inspect(license),
    inspect({ a: [license] }, { depth: 9, showHidden: true }),
  ]) {
    t.match(printed, /\*\*\*\*8877/)
    t.notMatch(printed, /998877/)
  }
  t.same([maskLicense('1234'), maskLicense('A1'), maskLicense('ab-12345')], ['****', '****', '****2345'])
  t.same(Object.keys(license), [], 'a copy of its properties holds nothing')
})

t.test('Screen 2: what is entered is tidied, merged and checked', async (t) => {
  const profile = enter(emptyProfile, completeProfile)
  t.same(missingFields(profile, null), ['commission'])
  t.same(missingFields(emptyProfile, null).length, 15, 'everything that is required')
  t.same(missingFields(profile, { type: 'percentage', percentage: 10 }), [])
  const moved = enter(profile, { clinic: { address: { city: ' Porto ' } }, email: 'New@Example.ORG' })
  t.same([moved.clinic.address.city, moved.clinic.address.street, moved.clinic.name, moved.email], ['Porto', '1 Harbour Road', 'Harbour Clinic', 'new@example.org'])
  t.equal(enter(profile, { middleInitial: null }).middleInitial, null)
  t.equal(moved.medicalLicenseNumber?.reveal(), 'MD123456')
  t.throws(() => enter(profile, { firstName: ' - ' }), refused('/firstName', 'letters'))
  t.throws(() => enter(profile, { clinic: { name: '\u200b' } }), refused('/clinic/name', 'not-blank'))
  for (const country of ['XX', 'UK', 'EU']) t.throws(() => enter(profile, { clinic: { address: { country } } }), refused('/clinic/address/country', 'country'))
  t.equal(displayName(profile), 'Dr. Maria Silva')
  t.equal(displayName(emptyProfile), '')
  t.equal(searchTextOf(enter(profile, { firstName: 'José', lastName: 'ÅNGSTRÖM' })), 'jose angstrom\nharbour clinic')
  for (const [typed, kept] of [['ΧΡΙΣ', 'χρισ'], ['Χρίστος', 'χριστοσ'], ['Yıldız', 'yildiz'], ['YILDIZ', 'yildiz'], ['İpek', 'ipek'], ['Łódź', 'lodz'], ['Strauß', 'strauss'], ['STRAUẞ', 'strauss'], ['Bjørn Ægir', 'bjorn aegir'], ['Þór', 'thor']] as const)
    t.equal(searchable(typed), kept)
  fc.assert(fc.property(fc.string({ unit: 'grapheme', maxLength: 100 }), (text) => !searchable(text).includes('\n') && searchable(searchable(text)) === searchable(text)))
}) // prettier-ignore
