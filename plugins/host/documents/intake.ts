import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import type { DocumentType, ScanResult } from '../../../domain/shared/documents.ts'
import { newId } from '../../../domain/shared/ids.ts'
import { Refusal } from '../../../domain/shared/refusal.ts'
import type { UploadRules } from './documents-port.ts'
import { headBytes, inspectionOf, typeOfFile, type FileClaim, type Inspection } from './inspect/inspect.ts'
import type { Spooled } from './object-store.ts'
import type { Scan, Scanner } from './scan/scanner.ts'
import { pieces, sealContent, type SealedPlace } from './segments.ts'
import { counted, writeSpool } from './spool.ts'
import { inTime } from './in-time.ts'

/** A whole file that has passed every check and waits, sealed, in a private file. */
export interface TakenIn {
  readonly spooled: Spooled
  readonly contentType: DocumentType
  /** Of what is sealed. */
  readonly sizeBytes: number
  readonly sha256: string
  /** Of what was sent: what an idempotency key stands for. */
  readonly sentSha256: string
  readonly scan: ScanResult
  /** Removes the waiting file. */
  discard(): Promise<void>
}

/** Without a byte for this long a file is given up, and a whole file must not take longer than that. Milliseconds. */
export interface IntakePatience {
  readonly idleMs: number
  readonly wholeMs: number
}

export const intakePatience: IntakePatience = { idleMs: 20_000, wholeMs: 10 * 60_000 }

export interface Intake {
  readonly source: AsyncIterable<Buffer>
  readonly claim: FileClaim
  readonly rules: Required<Pick<UploadRules, 'maxBytes' | 'types'>> & Pick<UploadRules, 'transform'>
  readonly dataKey: Buffer
  readonly place: SealedPlace
}

const chunkBytes = 65_536

/** The bytes of a file within its bounds of size and time; what the client says of its length is not believed. */
async function* bounded(source: AsyncIterable<Buffer>, maxBytes: number, patience: IntakePatience): AsyncGenerator<Buffer> {
  const iterator = source[Symbol.asyncIterator]()
  const end = performance.now() + patience.wholeMs
  let size = 0
  try {
    for (;;) {
      const { value, done } = await inTime(iterator.next(), Math.max(1, Math.min(patience.idleMs, end - performance.now())))
      if (done === true) return
      size += value.length
      if (size > maxBytes) throw new Refusal('VALIDATION_FAILED', 'too-large')
      yield value
    }
  } finally {
    // A source that hangs is not waited for once more.
    void Promise.resolve(iterator.return?.()).catch(() => undefined)
  }
}

/** Shows every chunk to whoever looks, then passes it on. */
async function* seen(source: AsyncIterable<Buffer>, ...look: readonly ((chunk: Buffer) => unknown)[]): AsyncGenerator<Buffer> {
  for await (const chunk of source) {
    for (const see of look) await see(chunk)
    yield chunk
  }
}

/** The first bytes together, then the rest as it comes. */
const withHead = async (source: AsyncGenerator<Buffer>): Promise<{ head: Buffer; whole: AsyncGenerator<Buffer> }> => {
  const first: Buffer[] = []
  let length = 0
  while (length < headBytes) {
    const { value, done } = await source.next()
    if (done === true) break
    first.push(value)
    length += value.length
  }
  const head = Buffer.concat(first, length)
  const whole = async function* (): AsyncGenerator<Buffer> {
    yield head
    yield* source
  }
  return { head, whole: whole() }
}

interface Looks {
  readonly inspection: Inspection
  readonly scan: Scan
}

const createTaking = (path: string, intake: Intake, patience: IntakePatience) => {
  const { source, claim, rules, dataKey, place } = intake
  const sent = counted()
  const kept = counted()

  const flow = (whole: AsyncIterable<Buffer>, contentType: DocumentType, { inspection, scan }: Looks): AsyncIterable<Buffer> => {
    const checked = async function* (): AsyncGenerator<Buffer> {
      yield* seen(whole, (chunk) => sent.see(chunk), (chunk) => inspection.see(chunk), (chunk) => scan.see(chunk)) // prettier-ignore
      await inspection.end()
    }
    const content = rules.transform ? rules.transform(checked(), contentType) : checked()
    return sealContent(seen(content, (chunk) => kept.see(chunk)), dataKey, place) // prettier-ignore
  }

  return async (scanner: Scanner): Promise<Omit<TakenIn, 'discard'>> => {
    const evenly = async function* (): AsyncGenerator<Buffer> {
      for await (const { piece } of pieces(bounded(source, rules.maxBytes, patience), chunkBytes)) if (piece.length > 0) yield piece
    }
    const { head, whole } = await withHead(evenly())
    const looks: { inspection?: Inspection; scan?: Scan } = {}
    try {
      const contentType = await typeOfFile(head, claim, rules.types)
      looks.inspection = inspectionOf(contentType)
      looks.scan = await scanner.open()
      const spooled = await writeSpool(path, flow(whole, contentType, looks as Looks))
      const scan = await looks.scan.end()
      return { spooled, contentType, sizeBytes: kept.size(), sha256: kept.sha256(), sentSha256: sent.sha256(), scan }
    } finally {
      looks.inspection?.close()
      looks.scan?.close()
      await whole.return(undefined)
    }
  }
}

/**
 * Takes a file in: counts, looks through, scans and seals it in one pass into a private file, in constant memory. Whatever it is refused
 * for, nothing is left of it.
 * @throws Refusal VALIDATION_FAILED (`too-large`, `media-type`, or the rule that the file breaks), UPSTREAM_UNAVAILABLE
 */
export const takeIn = async (
  directory: string,
  scanner: Scanner,
  intake: Intake,
  patience: IntakePatience = intakePatience,
): Promise<TakenIn> => {
  const path = join(directory, newId())
  const discard = (): Promise<void> => rm(path, { force: true })
  try {
    return { ...(await createTaking(path, intake, patience)(scanner)), discard }
  } catch (error) {
    await discard()
    throw error
  }
}
