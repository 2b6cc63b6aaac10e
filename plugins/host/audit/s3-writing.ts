import { createHash } from 'node:crypto'
import type { Clock } from '../../../domain/shared/clock.ts'
import { newestLines, type NewestLines } from './checkpoint-lines.ts'
import { retentionYears } from './months.ts'
import { refusedBy, s3Error, type S3Answer, type S3Bucket } from './s3-bucket.ts'
import { folderName, objectName } from './s3-names.ts'

export interface S3WriterOptions {
  readonly bucket: S3Bucket
  /** Empty, or ends in a slash. */
  readonly prefix: string
  readonly instance: string
  readonly clock: Clock
  readonly onUnlocked?: () => void
  readonly objectsPerSum?: number
}

export interface S3Writer {
  /** Writes lines as one object, which stands when it resolves. */
  write(lines: readonly string[]): Promise<void>
  /** Sums up where enough objects have come together. Never rejects: a sum only saves reading. */
  sumIfDue(): Promise<void>
  /** Sums up what there is. Never rejects. */
  sumUp(): Promise<void>
}

/** What one instance writes on one day, or until its sum would be too large. */
interface Folder {
  readonly name: string
  readonly day: string
  readonly newest: NewestLines
  objects: number
  unsummed: number
}

/** Bytes; beyond it a new folder begins. */
const largestSum = 4 * 1024 * 1024

const retainUntil = (now: number): string => {
  const until = new Date(now)
  until.setUTCFullYear(until.getUTCFullYear() + retentionYears)
  return until.toISOString()
}

const hasNoLock = ({ status, body }: S3Answer): boolean =>
  status === 501 || (status === 400 && /missing object ?lock|object ?lock (configuration )?(is )?(not|missing)/i.test(body))

/** Writes the objects of one instance. Calls must not overlap. */
export const createS3Writer = (options: S3WriterOptions): S3Writer => {
  const { bucket, prefix, instance, clock, onUnlocked, objectsPerSum = 1_000 } = options
  let folder: Folder | undefined
  let folders = 0
  let locked = true

  const send = (key: string, body: string, once: boolean, lock: boolean): Promise<S3Answer> =>
    bucket.send({
      method: 'PUT',
      key,
      body,
      once,
      headers: {
        'content-type': 'application/x-ndjson',
        // A lock is refused to an object without it.
        'content-md5': createHash('md5').update(body).digest('base64'),
        'if-none-match': '*',
        ...(lock ? { 'x-amz-object-lock-mode': 'COMPLIANCE', 'x-amz-object-lock-retain-until-date': retainUntil(clock.now()) } : {}),
      },
    })

  const sendLocked = async (key: string, body: string, once: boolean): Promise<S3Answer> => {
    const answer = await send(key, body, once, locked)
    if (!locked || !hasNoLock(answer)) return answer
    const unlocked = await send(key, body, once, false)
    if (unlocked.status === 200) {
      locked = false
      onUnlocked?.()
    }
    return unlocked
  }

  const put = async (key: string, lines: readonly string[], once = false): Promise<void> => {
    const body = lines.map((line) => `${line}\n`).join('')
    const answer = await sendLocked(key, body, once)
    if (answer.status === 200) return
    if (answer.status !== 412) throw refusedBy(answer)
    // Where an answer was lost on its way, what is there already is this very object.
    const there = await bucket.send({ method: 'GET', key })
    if (there.status === 200 && there.body === body) return
    throw s3Error('There is another checkpoint of this name; it is not replaced', 'ERR_S3_EXISTS')
  }

  const sum = async (of: Folder): Promise<void> => {
    if (of.unsummed === 0) return
    of.objects += 1
    try {
      await put(`${prefix}${of.name}/${objectName(of.objects, 'sum')}`, of.newest.lines(), true)
      of.unsummed = 0
    } catch {
      // Reading takes longer without it and finds the same.
    }
  }

  const ready = async (): Promise<Folder> => {
    const start = new Date(clock.now()).toISOString()
    const day = start.slice(0, 10)
    const before = folder
    if (before && before.day === day && before.newest.size() <= largestSum) return before
    folders += 1
    folder = { name: folderName(start, instance, folders), day, newest: newestLines(), objects: 0, unsummed: 0 }
    if (before) await sum(before)
    return folder
  }

  return {
    async write(lines) {
      const current = await ready()
      // Before the object stands: if its answer is lost on the way, the next sum must have its lines.
      for (const line of lines) current.newest.add(line)
      current.objects += 1
      current.unsummed += 1
      await put(`${prefix}${current.name}/${objectName(current.objects, 'lines')}`, lines)
    },
    async sumIfDue() {
      if (folder && folder.unsummed >= objectsPerSum) await sum(folder)
    },
    async sumUp() {
      if (folder) await sum(folder)
    },
  }
}
