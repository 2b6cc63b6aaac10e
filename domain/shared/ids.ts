import { randomFillSync } from 'node:crypto'

/** The chain of events that belong to no agency, and the agency id under which they are stored. */
export const platformAgency = '00000000-0000-0000-0000-000000000000'

export const uuidPattern = '^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$'
const uuid = new RegExp(uuidPattern)

/** True for a lower-case UUID of any version. */
export const isUuid = (value: string): boolean => uuid.test(value)

const pool = Buffer.allocUnsafe(10 * 512)
let used = pool.length
let lastMs = 0
let sequence = 0
const hex = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, '0'))

/**
 * A UUIDv7 whose order within this process is the order of creation: 48 bits of Unix milliseconds, a 12-bit counter
 * within the millisecond, 62 random bits. @see RFC 9562, section 5.7 and method 1 of section 6.2
 */
export const newId = (nowMs: number = Date.now()): string => {
  if (nowMs > lastMs) {
    lastMs = nowMs
    sequence = 0
  } else if (++sequence > 0xfff) {
    lastMs += 1
    sequence = 0
  }
  if (used + 8 > pool.length) {
    randomFillSync(pool)
    used = 0
  }
  const at = used
  used += 8
  const time = lastMs.toString(16).padStart(12, '0')
  const byte = (index: number): string => hex[pool[at + index]!]!
  const variant = hex[(pool[at]! & 0x3f) | 0x80]!
  return `${time.slice(0, 8)}-${time.slice(8)}-7${sequence.toString(16).padStart(3, '0')}-${variant}${byte(1)}-${byte(2)}${byte(3)}${byte(4)}${byte(5)}${byte(6)}${byte(7)}`
}
