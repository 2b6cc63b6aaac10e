import fc from 'fast-check'
import t from 'tap'
import {
  checkEnrollment, checkRegistrant, type CmsEnrollment, type DeaRegistrant, isDeaNumber, isNpi, isReady, readinessOf, warningOf,
} from '../../domain/dea-cms/index.ts' // prettier-ignore
import { Refusal } from '../../domain/shared/refusal.ts'

const digits = (length: number) =>
  fc.array(fc.integer({ min: 0, max: 9 }), { minLength: length, maxLength: length }).map((all) => all.join(''))
const other = (digit: string, by: number): string => String((Number(digit) + by) % 10)
const changed = (text: string, at: number, by: number): string => text.slice(0, at) + other(text[at]!, by) + text.slice(at + 1)

/**
 * Two sources that did not copy from each other: a pharmacist's worked example of the formula (AP5836727), and the test data of a .NET
 * library of check digits for healthcare (AB1234563 and A91234563 valid, AB1234560 not). Two exam questions give AB4523767 and AB4523763
 * as invalid.
 */
t.test('DEA numbers: vectors of two sources, and what the formula catches', async (t) => {
  for (const number of ['AP5836727', 'AB1234563', 'A91234563']) t.ok(isDeaNumber(number), number)
  for (const number of ['AB1234560', 'AB4523767', 'AB4523763', 'AP5836728']) t.notOk(isDeaNumber(number), number)
  for (const number of ['', 'AB123456', 'AB12345633', 'ab1234563', '9B1234563', 'AB 1234563', 'AB123456٣', 'AB1234563\n', 'ABC234563']) t.notOk(isDeaNumber(number), number)
  const complete = (six: string): string => {
    const fitting = [...Array(10).keys()].map((last) => `MR${six}${last}`).filter(isDeaNumber)
    t.equal(fitting.length, 1, 'one last digit fits')
    return fitting[0]!
  }
  // An even place counts twice: there a digit that is off by five goes unseen, as the formula has it.
  fc.assert(
    fc.property(digits(6), fc.nat(6), fc.integer({ min: 1, max: 9 }), (six, place, by) => {
      const unseen = place % 2 === 1 && by === 5
      return isDeaNumber(changed(complete(six), 2 + place, by)) === unseen
    }),
    { numRuns: 60 },
  )
}) // prettier-ignore

/**
 * 1234567893 is the worked example in the requirements that CMS published for the NPI's check digit; 1993999998 that of an article of
 * 2024 that computes the sum over 80840199399999.
 */
t.test('NPIs: vectors of two sources, and what the Luhn formula catches', async (t) => {
  for (const number of ['1234567893', '1993999998']) t.ok(isNpi(number), number)
  for (const number of ['1234567890', '1993999999', '3234567893', '0234567893', '123456789', '12345678933', '1234567893 ', '']) t.notOk(isNpi(number), number)
  const complete = (nine: string): string => [...Array(10).keys()].map((last) => `${nine}${last}`).find(isNpi)!
  const nine = fc.tuple(fc.constantFrom('1', '2'), digits(8)).map((parts) => parts.join(''))
  const anyPlace = fc.integer({ min: 1, max: 9 })
  fc.assert(fc.property(nine, anyPlace, fc.integer({ min: 1, max: 9 }), (given, place, by) => !isNpi(changed(complete(given), place, by))), { numRuns: 100 })
  fc.assert(
    fc.property(nine, fc.integer({ min: 1, max: 8 }), (given, place) => {
      const number = complete(given)
      const [one, two] = [number[place]!, number[place + 1]!]
      const swapped = number.slice(0, place) + two + one + number.slice(place + 2)
      return one === two || isNpi(swapped) === ['09', '90'].includes(one + two)
    }),
    { numRuns: 100 },
  )
}) // prettier-ignore

const ruleOf = (work: () => unknown): unknown => {
  try {
    work()
    return null
  } catch (error) {
    return error instanceof Refusal ? error.details.errors : error
  }
}

t.test('a registration is kept in one spelling, and its days in their order', async (t) => {
  const given: DeaRegistrant = {
    registrantName: 'Medic 7', deaRegistrationNumber: 'ap5836727', authorizedSchedules: ['V', 'IIN', 'II'], registrationStatus: 'active',
    issueDate: '2024-02-29', expirationDate: '2027-02-28',
  } // prettier-ignore
  t.same(checkRegistrant(given), { ...given, deaRegistrationNumber: 'AP5836727', authorizedSchedules: ['II', 'IIN', 'V'] })
  const broken: [Partial<DeaRegistrant>, string, string][] = [
    [{ deaRegistrationNumber: 'AP5836728' }, '/deaRegistrationNumber', 'check-digit'],
    [{ expirationDate: '2024-02-29' }, '/expirationDate', 'after-issue-date'],
    [{ expirationDate: '2200-01-01' }, '/expirationDate', 'date-range'],
    [{ issueDate: '1969-12-31' }, '/issueDate', 'date-range'],
    [{ registrantName: '\u3164' }, '/registrantName', 'not-blank'],
    [{ registrantName: 'x'.repeat(201) }, '/registrantName', 'maxLength'],
  ]
  for (const [more, pointer, rule] of broken) t.same(ruleOf(() => checkRegistrant({ ...given, ...more })), [{ pointer, rule }]) // prettier-ignore
  t.equal(
    ruleOf(() => checkRegistrant({ ...given, registrantName: '🚑'.repeat(200) })),
    null,
    'counted in code points',
  )
  t.same([31, 30, 7, 6, 0, -1].map(warningOf), ['ok', 'soon', 'soon', 'urgent', 'urgent', 'urgent'])
})

t.test('readiness: each rule by itself decides, and says why', async (t) => {
  const ready: CmsEnrollment = {
    npiReference: '1234567893', ptanReference: 'A1', enrollmentStatus: 'active', effectiveDate: '2026-11-22', payerParticipationStatus: { Medicare: 'yes' },
  } // prettier-ignore
  const today = '2026-11-22'
  t.ok(isReady(readinessOf(ready, today)))
  t.equal(ruleOf(() => checkEnrollment(ready)), null)
  t.same(ruleOf(() => checkEnrollment({ ...ready, npiReference: '1234567890' })), [{ pointer: '/npiReference', rule: 'check-digit' }])
  t.same(ruleOf(() => checkEnrollment({ ...ready, effectiveDate: '2200-01-01' })), [{ pointer: '/effectiveDate', rule: 'date-range' }])
  const lacking: [Partial<CmsEnrollment>, string][] = [
    [{ npiReference: '1234567890' }, 'npi-valid'],
    [{ ptanReference: null }, 'ptan-on-record'],
    [{ enrollmentStatus: 'pending' }, 'enrollment-active'],
    [{ enrollmentStatus: 'inactive' }, 'enrollment-active'],
    [{ effectiveDate: null }, 'effective-date-reached'],
    [{ effectiveDate: '2026-11-23' }, 'effective-date-reached'],
    [{ payerParticipationStatus: {} }, 'payer-participation'],
  ]
  for (const [more, rule] of lacking) {
    const checks = readinessOf({ ...ready, ...more }, today)
    t.same(checks.filter(({ result }) => result === 'fail').map((check) => check.rule), [rule])
    t.notOk(isReady(checks))
  }
}) // prettier-ignore
