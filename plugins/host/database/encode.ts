/** A value as `json_to_recordset` reads it: bytea as hex, times in ISO 8601. */
const encode = (value: unknown): unknown => {
  if (Buffer.isBuffer(value)) return `\\x${value.toString('hex')}`
  if (value instanceof Date) return value.toISOString()
  return value ?? null
}

/** One item for a compiled write, or one audit row, as JSON text. */
export const encodeItem = (columns: Readonly<Record<string, unknown>>): string => {
  const encoded: Record<string, unknown> = {}
  for (const name in columns) encoded[name] = encode(columns[name])
  return JSON.stringify(encoded)
}
