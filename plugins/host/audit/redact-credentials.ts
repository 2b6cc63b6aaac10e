/** Where a value was left out, and by which rule; never the value. */
export interface Redaction {
  /** RFC 6901. */
  readonly pointer: string
  readonly rule: 'credential' | 'depth'
}

export interface Redacted {
  readonly payload: unknown
  readonly redacted: readonly Redaction[]
}

const credentialName =
  /pass(word|wd|phrase|code)|pwd|secret|credential|token|apikey|privatekey|accesskey|authorization|cookie|onetimecode|otp$|^pin$|pincode|^auth$/
const credentialText =
  /\b(pass(word|wd|phrase|code)|pwd|secret|credentials?|(access|refresh|bearer)[ _-]?token|api[ _-]?key|pin)\b\s*(:|=|\bis\b)\s*\S/i
const deepest = 32

/** True for a field name that by its sound holds a credential, however it is written (`api_key`, `userPassword`). */
export const isCredentialName = (name: string): boolean => credentialName.test(name.replace(/[^a-z0-9]/gi, '').toLowerCase())

const escape = (name: string): string => name.replaceAll('~', '~0').replaceAll('/', '~1')

/**
 * A copy of a JSON value in which every value under a credential-like name, at any depth, is replaced by the rule's name.
 * With `text`, strings such as `password: …` are replaced whole as well (compliance notes; not messages, whose text is kept).
 */
export const redactCredentials = (payload: unknown, options: { readonly text?: boolean } = {}): Redacted => {
  const redacted: Redaction[] = []
  const leaveOut = (pointer: string, rule: Redaction['rule']): unknown => {
    redacted.push({ pointer, rule })
    return { redacted: rule }
  }
  const copy = (value: unknown, pointer: string, depth: number): unknown => {
    if (typeof value === 'string') return options.text && credentialText.test(value) ? leaveOut(pointer, 'credential') : value
    if (value === null || typeof value !== 'object') return value
    if (depth === deepest) return leaveOut(pointer, 'depth')
    if (Array.isArray(value)) return value.map((item, index) => copy(item, `${pointer}/${index}`, depth + 1))
    const entries = Object.entries(value).map(([name, inner]) => {
      const at = `${pointer}/${escape(name)}`
      return [name, inner !== null && isCredentialName(name) ? leaveOut(at, 'credential') : copy(inner, at, depth + 1)]
    })
    return Object.fromEntries(entries)
  }
  return { payload: copy(payload, '', 0), redacted }
}
