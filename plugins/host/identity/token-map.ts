/** What is remembered of a token that was verified once. */
export interface Remembered<Value> {
  /** The whole Authorization header: a hit must equal it, so that nothing unverified ever hits. */
  readonly authorization: string
  readonly value: Value
  /** Milliseconds since the epoch until which the entry holds. */
  readonly untilMs: number
}

export interface TokenMap<Value> {
  get(authorization: string): Remembered<Value> | undefined
  set(entry: Remembered<Value>): void
  clear(): void
  /** Entries held now; never more than the capacity. */
  readonly size: number
}

/**
 * A bounded map from Authorization header to what was verified. Two generations stand in for a list ordered by use: when the
 * young one is full it becomes the old one, and a hit in the old one moves the entry over. Both answer in constant time.
 *
 * Looked up by the last characters of the signature: hashing a whole token costs four times the rest of the hit.
 */
export const createTokenMap = <Value>(capacity: number): TokenMap<Value> => {
  const half = Math.max(1, Math.floor(capacity / 2))
  let young = new Map<string, Remembered<Value>>()
  let old = new Map<string, Remembered<Value>>()
  const tail = (authorization: string): string => authorization.slice(-12)

  const put = (key: string, entry: Remembered<Value>): void => {
    if (young.size >= half && !young.has(key)) {
      old = young
      young = new Map()
    }
    old.delete(key)
    young.set(key, entry)
  }

  return {
    get: (authorization) => {
      const key = tail(authorization)
      const found = young.get(key)
      if (found !== undefined) return found.authorization === authorization ? found : undefined
      const aged = old.get(key)
      if (aged === undefined || aged.authorization !== authorization) return undefined
      put(key, aged)
      return aged
    },
    set: (entry) => put(tail(entry.authorization), entry),
    clear: () => {
      young = new Map()
      old = new Map()
    },
    get size() {
      return young.size + old.size
    },
  }
}
