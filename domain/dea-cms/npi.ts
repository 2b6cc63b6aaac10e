const written = /^[12][0-9]{9}$/
/** The card issuer's prefix (80: health, 840: United States) with which the check digit is always computed. */
const prefix = '80840'

/**
 * True for a National Provider Identifier whose check digit fits: ten digits, the first 1 or 2, which pass the Luhn formula behind the
 * prefix 80840.
 * @see 45 CFR 162.406; ISO/IEC 7812-1
 */
export const isNpi = (number: string): boolean => {
  if (!written.test(number)) return false
  const digits = Array.from(`${prefix}${number}`, Number).toReversed()
  const sum = digits.reduce((total, digit, at) => total + (at % 2 === 0 ? digit : 2 * digit - (digit > 4 ? 9 : 0)), 0)
  return sum % 10 === 0
}
