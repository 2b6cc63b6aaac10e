import { createHash, type Hash } from 'node:crypto'
import type { ClientBase } from 'pg'
import type { PayloadCipher, Signer } from '../crypto/index.ts'
import { auditRecord, eventColumns } from './audit-record.ts'
import type { StoredEvent } from './canonical.ts'
import type { ChainHead } from './chain-head.ts'
import { writeCheckpoint } from './checkpoint.ts'
import type { Stretch } from './stretches.ts'

export interface ExportOptions {
  readonly stretches: readonly Stretch[]
  /** Signed heads to compare with; they are signed again without those of other agencies. */
  readonly signed: readonly (ChainHead & { readonly at: string })[]
  readonly signer: Signer
  /** Opens payloads beside the ciphertext; without it they stay sealed. */
  readonly cipher: PayloadCipher | null
  readonly about: Readonly<Record<string, unknown>>
  /** Runs one read; each may have a transaction of its own, since rows never change. */
  readonly read: <T>(agencyId: string, work: (client: ClientBase) => Promise<T>) => Promise<T>
}

const rowsPerRead = 500

const rowsSql = `select ${eventColumns} from audit_event where agency_id = $1 and lane = $2 and seq >= $3 and seq <= $4 order by seq limit ${rowsPerRead}`

const base64 = (bytes: unknown): string | null => (bytes === null ? null : (bytes as Buffer).toString('base64'))

const eventLine = (event: StoredEvent, cipher: PayloadCipher | null): unknown => {
  const { id, agency_id, lane, seq, at, hash, payload, changes, ...rest } = event
  const opened = cipher && auditRecord(cipher, event)
  return {
    type: 'event',
    id,
    agency_id,
    lane,
    seq: Number(seq),
    at: (at as Date).toISOString(),
    ...rest,
    payload: base64(payload),
    changes: base64(changes),
    hash: hash.toString('hex'),
    ...(opened
      ? {
          opened: {
            payload: opened.payload,
            accessReason: opened.accessReason,
            before: opened.before,
            after: opened.after,
            readable: opened.readable,
          },
        }
      : {}),
  }
}

const eventsOf = async function* ({ agencyId, lane, from, to }: Stretch, options: ExportOptions): AsyncGenerator<StoredEvent> {
  let next = from
  while (next <= to) {
    const { rows } = await options.read(agencyId, (client) => client.query<StoredEvent>(rowsSql, [agencyId, lane, next, to]))
    yield* rows
    if (rows.length < rowsPerRead) return
    next = Number(rows.at(-1)!.seq) + 1
  }
}

const line = (hash: Hash, value: unknown): string => {
  const text = `${JSON.stringify(value)}\n`
  hash.update(text)
  return text
}

/** What the seal at the end of an export signs. */
export const sealText = (sha256: string): string => `postern audit export ${sha256}`

/**
 * An export as NDJSON lines: what it is, each chain with its rows (ciphertext, and opened beside it where a cipher is given), signed
 * heads, and a seal: the signed SHA-256 of everything before it. `verify-export.mjs` checks it with nothing but Node.
 */
export const exportLines = async function* (options: ExportOptions): AsyncGenerator<string> {
  const hash = createHash('sha256')
  let rows = 0
  yield line(hash, { type: 'postern-audit-export', version: 1, ...options.about, publicKey: options.signer.publicKey })
  for (const head of options.signed) {
    const checkpoint = writeCheckpoint(options.signer, { instance: 'export', at: head.at, heads: [head] })
    yield line(hash, { type: 'checkpoint', ...(JSON.parse(checkpoint) as object) })
  }
  for (const stretch of options.stretches) {
    const { agencyId, lane, from, to, before } = stretch
    yield line(hash, { type: 'chain', agency_id: agencyId, lane, from, to, before: before.toString('hex') })
    for await (const event of eventsOf(stretch, options)) {
      rows += 1
      yield line(hash, eventLine(event, options.cipher))
    }
  }
  const sha256 = hash.digest('hex')
  yield `${JSON.stringify({ type: 'seal', rows, sha256, ...options.signer.sign(sealText(sha256)) })}\n`
}
