/** One window of a limit: at most `max` attempts in `windowMs`. */
export interface LimitWindow {
  /** Stands in the RateLimit headers; unique among all limits. */
  readonly name: string
  readonly max: number
  readonly windowMs: number
}

export type Limits<Name extends string> = Readonly<Record<Name, LimitWindow>>
export type IpLimits = Limits<'all' | 'anonymous'>
export type MessagingLimits = Limits<'user' | 'burst' | 'conversation'>

const second = 1000
const minute = 60 * second
const hour = 60 * minute
const unitMs: Readonly<Record<string, number>> = { s: second, m: minute, h: hour }
const largestMax = 1_000_000
const longestMs = 24 * hour

/** @see 02B, rate limits of messaging writes: 30 a minute per user with a burst of 10, 20 a minute per conversation */
export const messagingLimits: MessagingLimits = {
  user: { name: 'messaging-user', max: 30, windowMs: minute },
  burst: { name: 'messaging-burst', max: 10, windowMs: 10 * second },
  conversation: { name: 'messaging-conversation', max: 20, windowMs: minute },
}

/** Per address: every request, and of these the ones without a good token. */
export const ipLimits: IpLimits = {
  all: { name: 'ip', max: 600, windowMs: minute },
  anonymous: { name: 'ip-anonymous', max: 60, windowMs: minute },
}

/** Per user, every authenticated operation. */
export const userLimit: LimitWindow = { name: 'user', max: 300, windowMs: minute }

/** Limits that no variable changes. */
const fixedLimits = {
  providerSearch: { name: 'provider-search', max: 60, windowMs: minute },
  documentAccess: { name: 'document-access', max: 60, windowMs: minute },
  documentContent: { name: 'document-content', max: 60, windowMs: minute },
  providerCreation: { name: 'provider-creation', max: 10, windowMs: hour },
} as const satisfies Record<string, LimitWindow>

/**
 * Reads `max/window`, such as `300/60s` (units s, m, h; up to 24 h).
 * @returns `undefined` where the text says anything else
 */
export const parseRate = (text: string): Omit<LimitWindow, 'name'> | undefined => {
  const parts = /^([1-9]\d{0,6})\/([1-9]\d{0,4})([smh])$/.exec(text.trim())
  if (!parts) return undefined
  const max = Number(parts[1])
  const windowMs = Number(parts[2]) * unitMs[parts[3]!]!
  return max <= largestMax && windowMs <= longestMs ? { max, windowMs } : undefined
}

/**
 * Reads `name=max/window,...`; a name that is left out keeps its default.
 * @returns `undefined` where a part cannot be read, a name is unknown or stands twice
 */
export const parseLimits = <Name extends string>(text: string, defaults: Limits<Name>): Limits<Name> | undefined => {
  const read: Record<string, LimitWindow> = {}
  for (const part of text.split(',')) {
    const at = part.indexOf('=')
    const name = part.slice(0, Math.max(at, 0)).trim()
    const rate = parseRate(part.slice(at + 1))
    if (!rate || !Object.hasOwn(defaults, name) || Object.hasOwn(read, name)) return undefined
    read[name] = { ...rate, name: defaults[name as Name].name }
  }
  return { ...defaults, ...read } as Limits<Name>
}

/** Reads `USER_LIMIT`. */
export const parseUserLimit = (text: string): LimitWindow | undefined => {
  const rate = parseRate(text)
  return rate && { ...rate, name: userLimit.name }
}

/** What an operation's declaration may name: `limits: [{ policy, per }]`. */
export const policyNames = [
  'messaging',
  'messaging-conversation',
  'provider-search',
  'document-access',
  'document-content',
  'provider-creation',
  'user',
] as const
export type PolicyName = (typeof policyNames)[number]

/** The windows of every named policy, with what the environment set. */
export const limitPolicies = (set: {
  readonly messaging: MessagingLimits
  readonly user: LimitWindow
}): Readonly<Record<PolicyName, readonly LimitWindow[]>> =>
  Object.freeze({
    messaging: Object.freeze([set.messaging.user, set.messaging.burst]),
    'messaging-conversation': Object.freeze([set.messaging.conversation]),
    'provider-search': Object.freeze([fixedLimits.providerSearch]),
    'document-access': Object.freeze([fixedLimits.documentAccess]),
    'document-content': Object.freeze([fixedLimits.documentContent]),
    'provider-creation': Object.freeze([fixedLimits.providerCreation]),
    user: Object.freeze([set.user]),
  })
