import { createHash } from 'node:crypto'
import { auditInput, type AuditColumn, type AuditInputName } from './audit-input.ts'

/** A row of `audit_event` as the driver gives it. */
export interface StoredEvent extends Record<AuditInputName, unknown> {
  readonly lane: number
  /** Exact up to 2^53. */
  readonly seq: number
  readonly outcome: string
  readonly reason: string | null
  readonly hash: Buffer
}

type ColumnType = AuditColumn['type'] | 'smallint' | 'bigint'

/** Every column that the hash covers, in the order of the canonical row. */
export const canonicalColumns: readonly { readonly name: string; readonly type: ColumnType }[] = [
  { name: 'lane', type: 'smallint' },
  { name: 'seq', type: 'bigint' },
  { name: 'outcome', type: 'text' },
  { name: 'reason', type: 'text' },
  ...auditInput,
]

/** The hash before the first row of every chain. */
export const genesis = Buffer.alloc(32)

// Types as PostgreSQL numbers them; text goes in as bytes.
const typeNumber: Record<ColumnType, number> = {
  smallint: 21,
  bigint: 20,
  int: 23,
  uuid: 2950,
  timestamptz: 1184,
  boolean: 16,
  bytea: 17,
  text: 17,
}
const epoch2000 = 946_684_800_000

const integer = (bytes: number, value: number): Buffer => {
  const buffer = Buffer.alloc(bytes)
  if (bytes === 8) buffer.writeBigInt64BE(BigInt(value))
  else buffer.writeIntBE(value, 0, bytes)
  return buffer
}

const binary: Record<ColumnType, (value: never) => Buffer> = {
  smallint: (value: number) => integer(2, value),
  int: (value: number) => integer(4, value),
  bigint: (value: number) => integer(8, value),
  boolean: (value: boolean) => Buffer.of(value ? 1 : 0),
  uuid: (value: string) => Buffer.from(value.replaceAll('-', ''), 'hex'),
  timestamptz: (value: Date) => integer(8, (value.getTime() - epoch2000) * 1_000),
  text: (value: string) => Buffer.from(value, 'utf8'),
  bytea: (value: Buffer) => value,
}

/** The same bytes as `audit_canonical` gives for a row. */
export const canonicalRow = (event: StoredEvent): Buffer => {
  const parts: Buffer[] = [integer(4, canonicalColumns.length)]
  for (const { name, type } of canonicalColumns) {
    const value = event[name as keyof StoredEvent]
    const bytes = value === null || value === undefined ? null : binary[type](value as never)
    parts.push(integer(4, typeNumber[type]), integer(4, bytes ? bytes.length : -1))
    if (bytes) parts.push(bytes)
  }
  return Buffer.concat(parts)
}

/** The hash of a row behind the given one. */
export const linkHash = (before: Buffer, event: StoredEvent): Buffer =>
  createHash('sha256').update(before).update(canonicalRow(event)).digest()
