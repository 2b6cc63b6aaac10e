import type { Clock } from '../../../domain/shared/clock.ts'
import { largestLine } from './checkpoint-lines.ts'
import type { CheckpointStore } from './checkpoint-store.ts'
import { openBucket, type S3Place } from './s3-bucket.ts'
import { readS3Checkpoints } from './s3-reading.ts'
import { createS3Writer } from './s3-writing.ts'

export interface S3CheckpointsOptions {
  readonly place: S3Place
  /** Without slashes at its ends; may be empty. */
  readonly prefix: string
  /** 1 to 64 letters, digits and hyphens; no two running instances may share it. */
  readonly instance: string
  readonly clock: Clock
  /** Told once where the bucket has no object lock, and what is written could be removed. */
  readonly onUnlocked?: () => void
  readonly fetch?: typeof fetch
  /** Objects of single lines between two sums; 1 000 unless told. */
  readonly objectsPerSum?: number
  /** Pages of 1 000 names that a listing may have; 10 000 unless told. */
  readonly mostPages?: number
}

/** Bytes that may wait while an object is being written, and then make up one: with a sum that is full well below the largest answer that is read. */
const mostWaiting = 2 * 1024 * 1024
/** How long `close` waits for what is being written. */
const closeMs = 2_000

interface Waiting {
  readonly line: string
  readonly resolve: () => void
  readonly reject: (error: unknown) => void
}

/**
 * Checkpoints as objects of an S3-compatible store, written once, locked for as long as the audit is kept, and never replaced. What is
 * appended while an object is being written goes together into the next one.
 *
 * `<prefix>/<start>.<instance>.<number>/<countdown>.ndjson` are new lines; numbers count down, so that a listing begins with the newest.
 * `….sum.ndjson` has what matters of everything before it in its folder: reading stops there, and takes as long as there are days and
 * instances, not commits. A bucket's policy should allow the service to put objects with `If-None-Match` alone and to delete none:
 * a lock keeps the first version of an object, but does not forbid a second one in front of it.
 */
export const s3Checkpoints = (options: S3CheckpointsOptions): CheckpointStore => {
  const { instance, mostPages = 10_000 } = options
  if (!/^[A-Za-z0-9-]{1,64}$/.test(instance)) throw new Error('an instance is named by 1 to 64 letters, digits and hyphens')
  const bucket = openBucket(options.place, options.fetch)
  const prefix = options.prefix === '' ? '' : `${options.prefix}/`
  const writer = createS3Writer({ ...options, bucket, prefix })
  let waiting: Waiting[] = []
  let size = 0
  let writing: Promise<void> | undefined
  let closing: Promise<void> | undefined

  const writeAll = async (): Promise<void> => {
    while (waiting.length > 0) {
      const batch = waiting
      waiting = []
      size = 0
      try {
        await writer.write(batch.map(({ line }) => line))
        for (const { resolve } of batch) resolve()
      } catch (error) {
        for (const { reject } of batch) reject(error)
      }
      if (!closing) await writer.sumIfDue()
    }
    writing = undefined
  }

  const finish = async (): Promise<void> => {
    const patience = setTimeout(() => bucket.abort(), closeMs)
    await writing
    await writer.sumUp()
    clearTimeout(patience)
    bucket.abort()
  }

  return {
    append: (line) =>
      new Promise<void>((resolve, reject) => {
        if (closing) throw new Error('the checkpoint store is closed')
        const bytes = Buffer.byteLength(line)
        if (bytes > largestLine || /[\r\n]/.test(line)) throw new Error('a checkpoint line is too long, or more than one')
        if (size + bytes > mostWaiting) throw new Error('too many checkpoint lines wait to be written')
        size += bytes
        waiting.push({ line, resolve, reject })
        writing ??= writeAll()
      }),
    read: () => readS3Checkpoints({ bucket, prefix, mostPages }),
    close: () => (closing ??= finish()),
  }
}
