// Checks an export of the audit trail with nothing but Node: no packages, no network, no database.
//   node verify-export.mjs FILE [--key BASE64]...
// --key is the raw Ed25519 public key that the service's operator gave you; it can be repeated. Without it the key in the export itself is
// used, which shows that the file is whole but not whose it is.
import { createHash, createPublicKey, verify } from 'node:crypto'
import { createReadStream, realpathSync } from 'node:fs'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'

const fields = [
  ['lane', 'smallint'], ['seq', 'bigint'], ['outcome', 'text'], ['reason', 'text'], ['id', 'uuid'], ['agency_id', 'uuid'], ['at', 'time'],
  ['action', 'text'], ['user_id', 'text'], ['role', 'text'], ['agent_id', 'text'], ['policy_version_id', 'text'], ['under_role', 'text'],
  ['patient_id', 'uuid'], ['entity_type', 'text'], ['entity_id', 'text'], ['ip', 'text'], ['request_id', 'uuid'], ['idempotency_key', 'text'],
  ['bypass', 'boolean'], ['count', 'int'], ['payload', 'bytes'], ['changes', 'bytes'],
] // prettier-ignore

const integer = (bytes, value) => {
  const buffer = Buffer.alloc(8)
  buffer.writeBigInt64BE(BigInt(value))
  return buffer.subarray(8 - bytes)
}

// Type number of PostgreSQL, and the value's binary form. Text is hashed as its UTF-8 bytes; time as microseconds since 2000-01-01.
const types = {
  smallint: [21, (value) => integer(2, value)],
  int: [23, (value) => integer(4, value)],
  bigint: [20, (value) => integer(8, value)],
  boolean: [16, (value) => Buffer.of(value ? 1 : 0)],
  uuid: [2950, (value) => Buffer.from(value.replaceAll('-', ''), 'hex')],
  time: [1184, (value) => integer(8, (Date.parse(value) - Date.UTC(2000, 0, 1)) * 1000)],
  text: [17, (value) => Buffer.from(value, 'utf8')],
  bytes: [17, (value) => Buffer.from(value, 'base64')],
}

/** The bytes that a row's hash covers: each value behind its type and length. */
const canonical = (event) => {
  const parts = [integer(4, fields.length)]
  for (const [name, type] of fields) {
    const [number, encode] = types[type]
    const value = event[name] ?? null
    const bytes = value === null ? null : encode(value)
    parts.push(integer(4, number), integer(4, bytes ? bytes.length : -1), bytes ?? Buffer.alloc(0))
  }
  return Buffer.concat(parts)
}

const hashAfter = (before, event) => createHash('sha256').update(Buffer.from(before, 'hex')).update(canonical(event)).digest('hex')
const fits = (before, event, seq = event.seq) => {
  try {
    return hashAfter(before, { ...event, seq }) === event.hash
  } catch {
    return false
  }
}

const publicKey = (raw) =>
  createPublicKey({
    key: Buffer.concat([Buffer.from('302a300506032b6570032100', 'hex'), Buffer.from(raw, 'base64')]),
    format: 'der',
    type: 'spki',
  })
const keyId = (raw) => createHash('sha256').update(Buffer.from(raw, 'base64')).digest('hex').slice(0, 16)

const keyRing = (raws) => {
  const keys = new Map(raws.map((raw) => [keyId(raw), publicKey(raw)]))
  return (text, signed) =>
    keys.has(signed.key) && verify(null, Buffer.from(text), keys.get(signed.key), Buffer.from(signed.signature, 'base64'))
}

/** Names what happened behind the last row that fits; `rows` are the next ones of the chain as the file has them. */
const diagnose = (before, rows) => {
  const expected = before.seq + 1
  const [row, next] = rows
  const found = (kind, at, detail) => ({ kind, seq: at.seq, id: at.id, detail })
  const belongs = rows.find((other) => other !== row && fits(before.hash, other, expected))
  if (belongs && belongs === next && belongs.seq === expected)
    return found('inserted', row, `the row is not of the chain; number ${expected} comes behind it`)
  if (belongs) return found('reordered', belongs, `the row belongs at number ${expected}`)
  if (row.seq !== expected && fits(before.hash, row, expected)) return found('reordered', row, `the row belongs at number ${expected}`)
  if (row.seq > expected) return { kind: 'removed', seq: expected, detail: `rows ${expected} to ${row.seq - 1} are missing` }
  if (row.seq < expected) return found('inserted', row, 'a row of this number has gone before')
  if (next && fits(row.hash, next, next.seq + 1))
    return found('removed', row, 'the row before this one is missing, and those behind it have been moved down')
  if (next && fits(row.hash, next)) return found('changed', row, 'the row and its hash do not fit')
  return found('changed', row, 'the row does not fit, or the one before it was changed together with its hash')
}

const lookAhead = 64

/** One stretch of a chain: rows come in, and the first that does not fit is named as soon as enough of its neighbours are seen. */
const chainOf = (header, signed) => {
  let position = { seq: header.from - 1, hash: header.before }
  const waiting = []
  let finding = null
  const place = { agencyId: header.agency_id, lane: header.lane }
  if (header.from === 1 && !/^0{64}$/.test(header.before)) finding = { kind: 'changed', seq: 1, detail: 'a chain begins at 64 zeros' }
  const settle = (whole) => {
    while (!finding && waiting.length > 0) {
      const [row] = waiting
      if (row.agency_id !== header.agency_id || row.lane !== header.lane || row.seq !== position.seq + 1 || !fits(position.hash, row)) {
        if (waiting.length < lookAhead && !whole) return
        finding = diagnose(position, waiting)
        return
      }
      const expected = signed.get(`${header.agency_id}/${header.lane}/${row.seq}`)
      if (expected !== undefined && expected !== row.hash)
        finding = { kind: 'rewritten', seq: row.seq, id: row.id, detail: 'the row is not the one whose hash was signed' }
      signed.delete(`${header.agency_id}/${header.lane}/${row.seq}`)
      position = { seq: row.seq, hash: row.hash }
      waiting.shift()
    }
  }
  return {
    add(row) {
      if (finding) return
      waiting.push(row)
      settle(false)
    },
    end() {
      settle(true)
      if (!finding && position.seq < header.to)
        finding = { kind: 'cut-tail', seq: position.seq + 1, detail: `rows ${position.seq + 1} to ${header.to} are missing` }
      if (!finding && position.seq > header.to)
        finding = { kind: 'inserted', seq: header.to + 1, detail: 'there are rows beyond the announced end' }
      return finding && { ...place, ...finding }
    },
  }
}

/**
 * Checks the lines of an export.
 * @returns {{ valid: boolean, rows: number, chains: number, signedHeads: number, sealed: boolean, ownKey: boolean, firstBreak?: object }}
 */
export const verifyExport = async (lines, givenKeys = []) => {
  const sha256 = createHash('sha256')
  const breaks = []
  const signed = new Map()
  let isSigned = keyRing(givenKeys)
  let chain = null
  let seal = null
  let rows = 0
  let chains = 0
  let signedHeads = 0
  let first = true
  const note = (found) => void (found && breaks.push(found))
  const read = {
    'postern-audit-export': (line) => {
      if (givenKeys.length === 0) isSigned = keyRing([line.publicKey])
    },
    checkpoint: (line) => {
      if (!isSigned(line.checkpoint, line)) return note({ kind: 'checkpoint', detail: 'a signed head has a signature that does not fit' })
      signedHeads += 1
      for (const [agency, lane, seq, hash] of JSON.parse(line.checkpoint).heads) signed.set(`${agency}/${lane}/${seq}`, hash)
    },
    chain: (line) => {
      note(chain?.end())
      chain = chainOf(line, signed)
      chains += 1
    },
    event: (line) => {
      rows += 1
      if (chain) chain.add(line)
      else note({ kind: 'inserted', seq: line.seq, id: line.id, detail: 'a row stands before any chain' })
    },
    seal: (line) => {
      seal = line
    },
  }
  for await (const text of lines) {
    if (text === '') continue
    if (seal) note({ kind: 'inserted', detail: 'there are lines behind the seal' })
    let line = null
    try {
      line = JSON.parse(text)
    } catch {
      note({ kind: 'changed', detail: 'a line is not JSON' })
    }
    if (first && line?.type !== 'postern-audit-export')
      note({ kind: 'removed', detail: 'the first line does not say that this is an export' })
    first = false
    if (line?.type !== 'seal') sha256.update(`${text}\n`)
    try {
      if (line && Object.hasOwn(read, line.type)) read[line.type](line)
      else if (line) note({ kind: 'inserted', detail: 'a line of a kind that exports do not have' })
    } catch {
      note({ kind: 'changed', detail: 'a line does not hold what it should' })
    }
  }
  note(chain?.end())
  if (signed.size > 0) note({ kind: 'cut-tail', detail: `a signed head has no row: ${[...signed.keys()][0]}` })
  const digest = sha256.digest('hex')
  const sealed = seal !== null && seal.sha256 === digest && seal.rows === rows && isSigned(`postern audit export ${digest}`, seal)
  if (!seal) note({ kind: 'cut-tail', detail: 'the export has no seal: it is not whole' })
  else if (!sealed)
    note({ kind: 'seal', detail: 'the seal does not fit: something in the file is not as it was exported, or the key is another' })
  return {
    valid: breaks.length === 0,
    rows,
    chains,
    signedHeads,
    sealed,
    ownKey: givenKeys.length === 0,
    ...(breaks.length > 0 ? { firstBreak: breaks[0] } : {}),
  }
}

const main = async () => {
  const { positionals, values } = parseArgs({ allowPositionals: true, options: { key: { type: 'string', multiple: true, default: [] } } })
  if (positionals.length !== 1) {
    process.stderr.write('node verify-export.mjs FILE [--key BASE64]...\n')
    return 2
  }
  const input = createReadStream(positionals[0], 'utf8')
  const result = await verifyExport(createInterface({ input, crlfDelay: Infinity }), values.key)
  process.stdout.write(`${JSON.stringify(result, null, 2)}\n`)
  if (result.ownKey)
    process.stderr.write('The signatures were checked with the key in the export itself. Give the key that you were handed: --key BASE64\n')
  return result.valid ? 0 : 1
}

if (process.argv[1] && realpathSync(process.argv[1]) === fileURLToPath(import.meta.url)) {
  main().then(
    (code) => {
      process.exitCode = code
    },
    (error) => {
      process.stderr.write(`The export cannot be read (${error.code ?? error.name}).\n`)
      process.exitCode = 2
    },
  )
}
