const written = /^[A-Z][A-Z9][0-9]{7}$/

/**
 * True for a DEA registration number whose check digit fits: two letters (the second may be a 9), six digits, and the last digit of
 * (1st + 3rd + 5th) + 2 × (2nd + 4th + 6th). It says nothing of whether the authority ever gave it to anybody.
 * The letter of the registrant's kind is not held against a list: the authority has added kinds.
 */
export const isDeaNumber = (number: string): boolean => {
  if (!written.test(number)) return false
  const [one, two, three, four, five, six, check] = Array.from(number.slice(2), Number) as [
    number,
    number,
    number,
    number,
    number,
    number,
    number,
  ]
  return (one + three + five + 2 * (two + four + six)) % 10 === check
}
