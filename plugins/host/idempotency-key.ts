import type { FastifyRequest } from 'fastify'

const visible = /^[\x21-\x7e]{1,255}$/

/** The key that a request carries, or null where it has none or a malformed one. `abc` and `"abc"` are one key. */
export const keyOf = (request: FastifyRequest): string | null => {
  const header = request.headers['idempotency-key']
  if (typeof header !== 'string') return null
  const quoted = header.length >= 2 && header.startsWith('"') && header.endsWith('"')
  const key = quoted ? header.slice(1, -1) : header
  return visible.test(key) && !key.includes('"') ? key : null
}
