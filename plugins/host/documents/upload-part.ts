import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { newId } from '../../../domain/shared/ids.ts'
import { Refusal } from '../../../domain/shared/refusal.ts'
import { inTime } from './in-time.ts'
import { intakePatience } from './intake.ts'
import type { Spooled } from './object-store.ts'
import { sealContent, type SealedPlace } from './segments.ts'
import { writeSpool } from './spool.ts'

export interface SpooledPart {
  readonly spooled: Spooled
  /** Plain bytes that came. */
  readonly size: number
  discard(): Promise<void>
}

/** Everything that comes before a connection breaks off or stands still: the next part goes on from there. */
async function* untilItBreaks(source: AsyncIterable<Buffer>, most: number, taken: (size: number) => void): AsyncGenerator<Buffer> {
  let size = 0
  const iterator = source[Symbol.asyncIterator]()
  const end = performance.now() + intakePatience.wholeMs
  try {
    for (;;) {
      // A caller who hung up is no failure of ours.
      const patience = Math.max(1, Math.min(intakePatience.idleMs, end - performance.now()))
      const next = await inTime(iterator.next(), patience).catch(() => ({ done: true as const, value: undefined }))
      if (next.done === true) return
      size += next.value.length
      if (size > most) throw new Refusal('VALIDATION_FAILED', 'too-large')
      taken(size)
      yield next.value
    }
  } finally {
    void Promise.resolve(iterator.return?.()).catch(() => undefined)
  }
}

/** Seals one part of an upload into a private file. @throws Refusal VALIDATION_FAILED (`too-large`) beyond `most` bytes */
export const spoolPart = async (
  directory: string,
  source: AsyncIterable<Buffer>,
  most: number,
  dataKey: Buffer,
  place: SealedPlace,
): Promise<SpooledPart> => {
  const path = join(directory, newId())
  const discard = (): Promise<void> => rm(path, { force: true })
  let size = 0
  const content = untilItBreaks(source, most, (taken) => {
    size = taken
  })
  try {
    const spooled = await writeSpool(path, sealContent(content, dataKey, place))
    return { spooled, size, discard }
  } catch (error) {
    await discard()
    throw error
  }
}
