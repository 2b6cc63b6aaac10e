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

const credentialNames = [
  'pass(word|wd|phrase|code)', 'pwd', 'secret(?!ar)', 'credential', 'token', '(api|private|access)key', 'authorization', 'cookie',
  '(onetime|recovery|backup|verification|twofactor|auth|pin)code',
  'securityanswer', '^t?otp', 'otp$', '^mfa', 'mfa$', '^pin(number)?$', '^o?auth$', '^pw$', '^(user|login)?pass$',
] // prettier-ignore
const credentialName = new RegExp(credentialNames.join('|'))
/** `userPin`, `DEA_PIN`; not a word that merely ends so. */
const pinName = /(?:[a-z0-9]P(?:in|IN)|[^a-z]pin|[^A-Z]PIN)(?![a-z])/
const credentialText =
  /\b(pass(word|wd|phrase|code)|pwd|secret|credentials?|(access|refresh|bearer)[ _-]?token|api[ _-]?key|pin)\b\s*(:|=|\bis\b)\s*\S/i
/** Words that only a colon, an equals sign or a number turns into one: `MFA is enabled` gives nothing away. */
const assignedText =
  /\b(pw|token|mfa|2fa|t?otp|((one[ -]?time|mfa|2fa|backup|recovery|verification)[ _-]?codes?)|security answer)\s*([:=]\s*\S|\bis\s+\d{4})/i
/** As programs write it and as people mark it: `userPassword=`, `"password": "…"`, `**Passwords** (portal): …`. */
const markedNames = [
  'pass(word|wd|phrase|code)', 'pwd', 'secret', '(secret|api)[ _-]?key', '((auth|access|refresh|session)[ _-]?|_)token', '\\bcredential',
  '(\\b|_)pin([ _-]?(number|no\\.?)|#)?',
] // prettier-ignore
const markedText = new RegExp(`(${markedNames.join('|')})s?["'\`*\\]]{0,4}(\\s?\\([^()\\n]{0,40}\\))?\\s*(:|=|->|→)\\s*\\S`, 'i')
/** What is a credential whatever stands beside it: private keys, JWTs, bearer headers, addresses with a password in them. */
const credentialShapes = [
  /-----BEGIN [A-Z ]*PRIVATE KEY-----/i, /\beyJ[\w-]{8,200}\.[\w-]{8}/, /\bbearer\s+[\w.~+/-]{16,}/i, /\b(AKIA|ASIA)[0-9A-Z]{16}\b/,
  /\botpauth:/i,
  /:\/\/[^\s/:@]+:[^\s/@]+@/,
] // prettier-ignore
const deepest = 32

/** Full-width letters and characters that nobody sees hide nothing. */
const plain = (text: string): string => text.normalize('NFKC').replaceAll(/\p{Default_Ignorable_Code_Point}/gu, '')

const looksLikeCredential = (text: string): boolean => {
  const read = plain(text)
  return [credentialText, assignedText, markedText, ...credentialShapes].some((shape) => shape.test(read))
}

/** True for a field name that by its sound holds a credential, however it is written (`api_key`, `userPassword`). */
export const isCredentialName = (name: string): boolean => {
  const read = plain(name)
  return pinName.test(read) || credentialName.test(read.replaceAll(/[^a-z0-9]/gi, '').toLowerCase())
}

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
  const named = (name: string): string => (options.text && looksLikeCredential(name) ? 'credential' : name)
  const copy = (value: unknown, pointer: string, depth: number): unknown => {
    if (typeof value === 'string') return options.text && looksLikeCredential(value) ? leaveOut(pointer, 'credential') : value
    if (value === null || typeof value !== 'object') return value
    if (depth === deepest) return leaveOut(pointer, 'depth')
    if (Array.isArray(value)) return value.map((item, index) => copy(item, `${pointer}/${index}`, depth + 1))
    const entries = Object.entries(value).map(([name, inner]) => {
      const at = `${pointer}/${escape(named(name))}`
      const hidden = named(name) !== name || (inner !== null && isCredentialName(name))
      return [named(name), hidden ? leaveOut(at, 'credential') : copy(inner, at, depth + 1)]
    })
    return Object.fromEntries(entries)
  }
  return { payload: copy(payload, '', 0), redacted }
}
