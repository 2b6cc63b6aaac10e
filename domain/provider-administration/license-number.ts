/**
 * A medical licence number, which shows its last four characters wherever it is printed: in JSON, in a text, in a debugger. Whoever may see
 * the whole asks for it by name.
 * @see FR-015 FR-012, Privacy Rule 3
 */
export interface LicenseNumber {
  /** The whole of it, for those who may edit it, and for sealing. */
  reveal(): string
  /** `****1234`. */
  masked(): string
  toString(): string
  toJSON(): string
}

const inspect = Symbol.for('nodejs.util.inspect.custom')

/** Upper case, without spaces and hyphens: as it is compared. */
export const normaliseLicense = (value: string): string => value.replaceAll(/[\s-]/g, '').toUpperCase()

/** The last four of the normalised number. */
export const lastFour = (value: string): string => normaliseLicense(value).slice(-4)

/** A number of four characters or fewer shows none of them. */
export const maskLicense = (value: string): string => {
  const normalised = normaliseLicense(value)
  return normalised.length > 4 ? `****${normalised.slice(-4)}` : '****'
}

export const licenseNumber = (value: string): LicenseNumber => {
  const masked = (): string => maskLicense(value)
  const hidden = { reveal: () => value, masked, toString: masked, toJSON: masked, [inspect]: masked }
  for (const key of Reflect.ownKeys(hidden)) Object.defineProperty(hidden, key, { enumerable: false })
  return Object.freeze(hidden)
}
